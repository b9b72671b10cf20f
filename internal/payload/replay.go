package payload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// ReplayRequest is the payload {"action":"replay", …}: which archived scans are
// sent again. Key, or any of the others together, choose raw objects; of those
// the newest of each system is replayed.
type ReplayRequest struct {
	Action string `json:"action"`
	// Key is one raw object.
	Key string `json:"key,omitzero"`
	// Prefix of raw keys, a run's id, a system's name or id.
	Prefix string `json:"prefix,omitzero"`
	Run    string `json:"run,omitzero"`
	System string `json:"system,omitzero"`
	// Since and Until are dates, both included, or times.
	Since string `json:"since,omitzero"`
	Until string `json:"until,omitzero"`
	// State is complete, superseded, failed, pending or quarantined (complete,
	// but with refused events).
	State string `json:"state,omitzero"`
	// Limit is how many scans one call replays; 0: as many as its time allows.
	Limit int `json:"limit,omitzero"`
	// MaxEventsPerSecond slows sending down; 0: it does not.
	MaxEventsPerSecond float64 `json:"maxEventsPerSecond,omitzero"`
	// DryRun maps and counts, and sends and writes nothing.
	DryRun bool `json:"dryRun,omitzero"`
	// PricePerGiB turns a dry run's size into a cost, in whatever currency.
	PricePerGiB float64 `json:"pricePerGiB,omitzero"`
	// Force lets the scan of Key take the place of a newer one.
	Force bool `json:"force,omitzero"`
	// Next is the cursor of the call before: the id of the replay's first call, with
	// the time to which its pace holds it back, a space, and the place where it goes on.
	Next string `json:"next,omitzero"`
}

// Quarantined selects what is complete, superseded or failed and had events refused.
const Quarantined = "quarantined"

// ParseReplay reads a replay request. One that is not understood, chooses
// nothing, could choose something else than was intended, or has a member without
// a value is a fault of class reject.
func ParseReplay(text []byte) (ReplayRequest, error) {
	var req ReplayRequest
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return req, BadReplay(Wrong(err))
	}
	if err := saysNothing(text, "limit", "maxEventsPerSecond"); err != nil {
		return req, err
	}
	return req, req.check()
}

func (q *ReplayRequest) check() error {
	others := q.Prefix + q.Run + q.System + q.Since + q.Until + q.State
	states := []string{"", archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliveryFailed, archive.DeliveryPending, Quarantined}
	switch {
	case q.Key == "" && others == "":
		return BadReplay(`it chooses nothing: name key, prefix, run, system, since, until or state; {"prefix":"raw/"} is everything`)
	case q.Key != "" && others != "":
		return BadReplay("key stands alone")
	case q.Force && q.Key == "":
		return BadReplay("force is for one key: it shows an older scan in place of a newer one")
	case !strings.HasPrefix(q.Key, archive.RawPrefix) && q.Key != "", !strings.HasPrefix(q.Prefix, archive.RawPrefix) && q.Prefix != "":
		return BadReplay("key and prefix begin with " + archive.RawPrefix)
	case !slices.Contains(states, q.State):
		return BadReplay(fmt.Sprintf("the state %q is not one of %s", q.State, strings.Join(states[1:], ", ")))
	case q.Next != "" && !strings.Contains(q.Next, " "):
		return BadReplay("next is no cursor of an earlier answer: give it as that answer has it, with its space, or leave it out")
	case q.PricePerGiB != 0 && !q.DryRun:
		return BadReplay("pricePerGiB is for a dry run, and this replay would send: set dryRun to true, or leave pricePerGiB out")
	case q.Limit < 0, q.MaxEventsPerSecond < 0, q.PricePerGiB < 0:
		return BadReplay("limit, maxEventsPerSecond and pricePerGiB are not negative")
	}
	since, until, err := archive.ParsePeriod(q.Since, q.Until)
	switch {
	case err != nil:
		return BadReplay(err.Error())
	case !until.IsZero() && !since.Before(until):
		return BadReplay(fmt.Sprintf("since, %s, is not before until, %s", Stamp(since), Stamp(until)))
	}
	return nil
}

// BadReplay returns the error about a replay request that cannot be followed.
func BadReplay(what string) error {
	return reject("the replay is not clear: "+what, "see events/forwarder-replay.json")
}

// ReplayAnswer is what a replay answers.
type ReplayAnswer struct {
	DeliveryAnswer
	// Selected is the number of scans that the request chose, of all calls.
	Selected int `json:"selected"`
	// Older ones were left alone: a newer scan of their system is committed.
	Older int `json:"older"`
	// DryRun is what a dry run counted; nil: it was none.
	DryRun *DryRun `json:"rehearsal,omitzero"`
	// Cursor, as the next call's "next", goes on with what is left; empty: all is done.
	Cursor string `json:"cursor,omitzero"`
}

// DryRun is what a replay would send to an endpoint that accepts it all.
type DryRun struct {
	// Events of all kinds; Bytes of the bodies as they would go out.
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
	// GiB is what Dynatrace bills: bytes before enrichment.
	GiB float64 `json:"gib"`
	// Cost is GiB at the price of the request; 0: it named none.
	Cost    float64      `json:"cost,omitzero"`
	Systems []DryRunScan `json:"systems"`
}

// DryRunScan is one system's part.
type DryRunScan struct {
	System string `json:"system"`
	Type   string `json:"type"`
	Key    string `json:"key"`
	// Older: nothing would be sent, since a newer scan is committed.
	Older    bool  `json:"older,omitzero"`
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
	// Rows are the findings by standard, severity and status.
	Rows []CountedRows `json:"rows,omitzero"`
}

// CountedRows is a number of findings. The words are those of Dynatrace's
// events, such as CIS, HIGH, FAILED.
type CountedRows struct {
	Standard string `json:"standard"`
	Severity string `json:"severity"`
	Status   string `json:"status"`
	Rows     int64  `json:"rows"`
}
