package forward

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
)

// Rehearsal is what a replay would send to an endpoint that accepts it all.
type Rehearsal struct {
	// Events of all kinds; Bytes of the bodies as they would go out.
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
	// GiB is what Dynatrace bills: bytes before enrichment.
	GiB float64 `json:"gib"`
	// Cost is GiB at the price of the request; 0: it named none.
	Cost    float64         `json:"cost,omitzero"`
	Systems []RehearsedScan `json:"systems"`
}

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

// rehearse goes through the delivery of the newest of a system's scans without
// sending or writing.
func (r *replay) rehearse(ctx context.Context, c choice) (progress, error) {
	if !r.f.o.Now().Before(r.win.soft) {
		return cannotGoOn, nil
	}
	var scans []RehearsedScan
	var err error
	for _, key := range c {
		scans, err = r.f.rehearse(ctx, key, r.win, r.wish)
		if err != nil || slices.ContainsFunc(scans, func(s RehearsedScan) bool { return !s.Older }) {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && len(r.answer.Rehearsal.Systems) > 0 {
		return cannotGoOn, nil
	}
	if err != nil {
		return wasLeft, err
	}
	r.answer.Objects++
	total := r.answer.Rehearsal
	for _, s := range scans {
		total.Systems = append(total.Systems, s)
		total.Events += s.Events
		total.Bytes += s.Bytes
		total.Requests += s.Requests
		if s.Older {
			r.answer.Older++
		}
	}
	slices.SortFunc(total.Systems, func(a, b RehearsedScan) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	total.GiB = float64(total.Bytes) / (1 << 30)
	total.Cost = total.GiB * r.req.PricePerGiB
	return wentThrough, nil
}

func (f *Forwarder) rehearse(ctx context.Context, key string, win window, w *wish) ([]RehearsedScan, error) {
	d := f.delivery(key, win, w)
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
	d.wish.mark(s, c)
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
