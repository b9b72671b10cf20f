package deliver

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
)

// RehearsedScan is one system's part.
type RehearsedScan struct {
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

// CountedRows is a number of findings.
type CountedRows struct {
	Standard string                 `json:"standard"`
	Severity securityevent.Severity `json:"severity"`
	Status   securityevent.Status   `json:"status"`
	Rows     int64                  `json:"rows"`
}

// accepting is an endpoint that accepts everything, and keeps nothing.
type accepting struct{}

func (accepting) Send(_ context.Context, _ []byte, _ time.Time) openpipeline.Result {
	return openpipeline.Result{Outcome: openpipeline.Accepted, Requests: 1}
}

// Rehearse goes through the delivery of an object without sending or writing.
func (f *Deliverer) Rehearse(ctx context.Context, key string, win Window, r Request) ([]RehearsedScan, error) {
	d := f.delivery(key, win, r)
	d.f = New(f.o)
	d.f.o.Sender, d.f.buffers, d.rehearsal = accepting{}, f.buffers, true
	s, err := d.look(ctx)
	if err == nil {
		err = d.contents(ctx)
	}
	if err != nil {
		return nil, err
	}
	d.place(s)
	var scans []RehearsedScan
	for _, t := range d.targets {
		scan, err := d.rehearse(ctx, s, t)
		if err != nil {
			return scans, err
		}
		scans = append(scans, scan)
	}
	return scans, nil
}

// rehearse is steps 4 to 7 for one scan.
func (d *delivery) rehearse(ctx context.Context, s *situation, t *target) (RehearsedScan, error) {
	c, _, err := d.candidate(ctx, t)
	if err != nil {
		return RehearsedScan{}, err
	}
	d.request.mark(s, c)
	t.recognise(&c.register.System)
	out := RehearsedScan{System: t.Envelope.System.Name, Type: t.Envelope.System.Type, Key: d.key, Older: c.outdated()}
	if out.Older {
		return out, nil
	}
	*t.scan = abandon(archive.Scan{Order: t.order}, d.f.o.NewID())
	p := newPipeline(d, t, false)
	res, err := p.run(ctx)
	if err != nil {
		return out, err
	}
	p.account()
	if res.Assessed {
		body, err := d.scanEvents(res, d.f.o.Now())
		if err != nil {
			return out, err
		}
		t.count(d.send(ctx, body), body)
		out.Events++
		if d.f.coversSystem() {
			out.Events++
		}
	}
	if d.f.mapper.Extras() && res.Nothing == nil {
		err = d.sendExtra(ctx, t, res.Assessed)
	}
	out.Requests, out.Bytes, out.Rows = t.scan.Requests, t.scan.Bytes, countedRows(res.Rows)
	out.Events += t.scan.Accepted + t.scan.Extra
	return out, err
}

// countedRows sorts what was counted: by standard, worst severity first.
func countedRows(counts map[mapping.Row]int64) []CountedRows {
	var out []CountedRows
	for row, n := range maps.All(counts) {
		out = append(out, CountedRows{row.Standard, row.Severity, row.Status, n})
	}
	slices.SortFunc(out, func(a, b CountedRows) int {
		return cmp.Or(cmp.Compare(a.Standard, b.Standard), cmp.Compare(b.Severity.RuleScore(), a.Severity.RuleScore()), cmp.Compare(a.Status, b.Status))
	})
	return out
}
