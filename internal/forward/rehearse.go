package forward

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"runecast-ingest/internal/deliver"
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
	Cost    float64                 `json:"cost,omitzero"`
	Systems []deliver.RehearsedScan `json:"systems"`
}

// rehearse goes through the delivery of the newest of a system's scans without
// sending or writing.
func (r *replay) rehearse(ctx context.Context, c choice) (progress, error) {
	if !r.f.o.Now().Before(r.win.Soft) {
		return cannotGoOn, nil
	}
	var scans []deliver.RehearsedScan
	var err error
	for _, key := range c {
		scans, err = r.f.deliverer.Rehearse(ctx, key, r.win, r.request)
		if err != nil || slices.ContainsFunc(scans, func(s deliver.RehearsedScan) bool { return !s.Older }) {
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
	slices.SortFunc(total.Systems, func(a, b deliver.RehearsedScan) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	total.GiB = float64(total.Bytes) / (1 << 30)
	total.Cost = total.GiB * r.req.PricePerGiB
	return wentThrough, nil
}
