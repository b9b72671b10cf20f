package grail

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// Bucket is the bucket of Grail into which the built-in ingest puts events (Dynatrace
// docs, OpenPipeline).
const Bucket = "default_securityevents"

// MaxScans bounds the scans of one query: the result has five records of each at most,
// the scan event and four statuses.
const MaxScans = maxRecords / 5

// Event types that are counted.
const (
	finding   = "COMPLIANCE_FINDING"
	scanEvent = "COMPLIANCE_SCAN_COMPLETED"
)

// Scans are the scans whose rows one query counts.
type Scans struct {
	// IDs are scan ids, at most MaxScans.
	IDs []string
	// From and To bound the timestamps of the scans' events. Grail stores events by time
	// and bucket, so From, To and Bucket decide how much a query reads.
	From, To time.Time
	// Bucket is the only bucket that is read; empty: all that the token may read.
	Bucket string
}

// Query returns the query in DQL; infra/dynatrace/queries/arrival.dql is an example. The
// status of a row is that of the dashboard's event model or of the external one. A row
// with neither is MANUAL, for which the external model has no word.
func (s *Scans) Query() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fetch security.events, from:%q, to:%q\n", stamp(s.From), stamp(s.To))
	if s.Bucket != "" {
		fmt.Fprintf(&b, "| filter dt.system.bucket == %q\n", s.Bucket)
	}
	fmt.Fprintf(&b, "| filter in(event.type, {%q, %q})\n", finding, scanEvent)
	ids := make([]string, len(s.IDs))
	for i, id := range s.IDs {
		ids[i] = strconv.Quote(id) // scan ids are UUIDs that the forwarder made
	}
	fmt.Fprintf(&b, "| filter in(scan.id, {%s})\n", strings.Join(ids, ", "))
	b.WriteString(`| summarize { rows = count() }, by:{scan.id, event.type, status = coalesce(compliance.result.status.level, compliance.status, "MANUAL")}`)
	return b.String()
}

// stamp writes a time for a query, in whole seconds.
func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// Counts are the rows of one scan.
type Counts struct {
	// Rows are the numbers of findings by status.
	Rows map[string]int64
	// ScanEvents is the number of COMPLIANCE_SCAN_COMPLETED events.
	ScanEvents int64
}

// Counted is the answer to a query about scans.
type Counted struct {
	// Scans has the counts by scan id; a scan without any row is missing.
	Scans map[string]Counts
	// ScannedBytes is how many bytes Grail read.
	ScannedBytes int64
}

// Count returns how many rows of each scan are in Grail. Errors are those of Ask.
func (c *Client) Count(ctx context.Context, s Scans, stop time.Time) (Counted, error) {
	r, err := c.Ask(ctx, s.Query(), stop)
	if err != nil {
		return Counted{}, err
	}
	all := Counted{map[string]Counts{}, r.ScannedBytes}
	for _, text := range r.Records {
		var record struct {
			Scan   string         `json:"scan.id"`
			Type   string         `json:"event.type"`
			Status string         `json:"status"`
			Rows   jsontext.Value `json:"rows"`
		}
		err := json.Unmarshal(text, &record, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		n, known := long(record.Rows)
		if err != nil || !known || n < 0 {
			return Counted{}, &fault.Error{Class: fault.Config, Where: c.Host(), What: "a record of the answer has another shape than known", Cure: "report this with the function's log"}
		}
		counts, met := all.Scans[record.Scan]
		if !met {
			counts.Rows = map[string]int64{}
		}
		switch record.Type {
		case finding:
			counts.Rows[record.Status] += n
		case scanEvent:
			counts.ScanEvents += n
		}
		all.Scans[record.Scan] = counts
	}
	return all, nil
}

// long reads a DQL long, which comes as a string; a JSON number is accepted, too.
func long(v jsontext.Value) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(v), `"`), 10, 64)
	return n, err == nil
}
