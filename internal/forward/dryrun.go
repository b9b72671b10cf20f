package forward

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

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

// CountedRows is a number of findings.
type CountedRows struct {
	Standard string                 `json:"standard"`
	Severity securityevent.Severity `json:"severity"`
	Status   securityevent.Status   `json:"status"`
	Rows     int64                  `json:"rows"`
}

// count adds what the delivery of an object would send.
func (n *DryRun) count(key string, parts []deliver.PartOutcome, pricePerGiB float64) (older int) {
	for i := range parts {
		p := &parts[i]
		n.Systems = append(n.Systems, DryRunScan{
			System: p.System.Name, Type: p.System.Type, Key: key, Older: p.Older,
			Events: p.Sent.Events, Bytes: p.Sent.Bytes, Requests: p.Sent.Requests, Rows: countedRows(p.Rows),
		})
		n.Events += p.Sent.Events
		n.Bytes += p.Sent.Bytes
		n.Requests += p.Sent.Requests
		if p.Older {
			older++
		}
	}
	slices.SortFunc(n.Systems, func(a, b DryRunScan) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	n.GiB = float64(n.Bytes) / (1 << 30)
	n.Cost = n.GiB * pricePerGiB
	return older
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

// dryRun goes through the delivery of the newest of a system's scans, by a
// deliverer that neither sends nor writes.
func (r *replay) dryRun(ctx context.Context, c choice) (replayed, error) {
	a := r.answer
	out, key, err := r.newest(ctx, r.f.deliverer.DryRun(), c)
	switch {
	case err != nil:
		return replayedLater, err
	case out.State == archive.DeliveryPending:
		return replayedNoMore, nil
	case out.State == deliver.StateBusy:
		a.Pending++
		a.Reasons = append(a.Reasons, key+": "+out.Reason)
		return replayedLater, nil
	case !out.Ended() && out.State != deliver.StateOlder && len(a.DryRun.Systems) > 0:
		return replayedNoMore, nil
	case !out.Ended() && out.State != deliver.StateOlder: // the next call would come as far
		return replayedLater, &fault.Error{Class: fault.Retry, Where: key, What: "one invocation does not get through a dry run of it: " + out.Reason,
			Cure: "give the function more time"}
	case out.State == archive.DeliveryFailed:
		a.Failed++
		a.Reasons = append(a.Reasons, key+": "+out.Reason)
	}
	a.Objects++
	a.Older += a.DryRun.count(key, out.Parts, r.req.PricePerGiB)
	return replayedDone, nil
}
