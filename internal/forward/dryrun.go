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
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/securityevent"
)

// addDryRun adds what the delivery of an object would send, and returns the number of
// its scans that are older than the committed scan of their system. pricePerGiB is in
// any currency; 0: no cost is given.
func addDryRun(n *payload.DryRun, key string, parts []deliver.PartOutcome, pricePerGiB float64) (older int) {
	for i := range parts {
		p := &parts[i]
		n.Systems = append(n.Systems, payload.DryRunScan{
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
	slices.SortFunc(n.Systems, func(a, b payload.DryRunScan) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	n.GiB = float64(n.Bytes) / (1 << 30)
	n.Cost = n.GiB * pricePerGiB
	return older
}

// countedRows returns the counts as a list, sorted by standard, then by severity, the
// worst first, then by status.
func countedRows(counts map[mapping.Row]int64) []payload.CountedRows {
	var out []payload.CountedRows
	for row, n := range maps.All(counts) {
		out = append(out, payload.CountedRows{Standard: row.Standard, Severity: string(row.Severity), Status: string(row.Status), Rows: n})
	}
	slices.SortFunc(out, func(a, b payload.CountedRows) int {
		return cmp.Or(cmp.Compare(a.Standard, b.Standard), cmp.Compare(securityevent.Severity(b.Severity).RuleScore(), securityevent.Severity(a.Severity).RuleScore()), cmp.Compare(a.Status, b.Status))
	})
	return out
}

// dryRun counts what the delivery of a system's newest scan would send, with a deliverer
// that neither sends nor writes.
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
	case !out.Ended() && out.State != deliver.StateOlder: // the next call would get no further
		return replayedLater, &fault.Error{Class: fault.Retry, Where: key, What: "one invocation does not get through a dry run of it: " + out.Reason,
			Cure: "give the function more time"}
	case out.State == archive.DeliveryFailed:
		a.Failed++
		a.Reasons = append(a.Reasons, key+": "+out.Reason)
	}
	a.Objects++
	a.Older += addDryRun(a.DryRun, key, out.Parts, r.req.PricePerGiB)
	return replayedDone, nil
}
