package forward

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/arrival"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/telemetry"
)

// resend sends scans again that are still short at arrival.LastLook, if ResendMissing is
// set: each version of an object once, and only if the query has found rows of any scan,
// so that the token is known to see rows. The rows are sent in a new generation, which
// takes the place of the one that is short.
func (v *verification) resend(ctx context.Context) {
	if !v.f.o.ResendMissing {
		return
	}
	done := map[string]bool{}
	for _, a := range v.due {
		d := &a.delivery.Delivery.Value
		if a.delivery.Err != nil || !a.answered || a.blind || !arrival.Reported(a.scan.Arrival) || done[a.delivery.Key] || strings.HasPrefix(d.Replay, resendID) {
			continue
		}
		done[a.delivery.Key] = true
		out, err := v.f.deliverer.Deliver(ctx, a.delivery.Key, v.win, deliver.Request{JobID: resendID + a.scan.ScanID})
		log := v.f.o.Log.With("key", a.delivery.Key, "scan", a.scan.ScanID, "state", out.State, "missing", a.scan.Arrival.Missing())
		if err != nil {
			log.ErrorContext(ctx, "what is missing in Grail could not be sent again; the sweep goes on where it was begun", "class", fault.ClassOf(err), "error", err.Error())
			continue
		}
		log.WarnContext(ctx, "what is missing in Grail was sent again", "reason", out.Reason)
		v.answer.Resent++
	}
}

// observe counts and logs what Grail said. Missing rows count in the metric RowsMissing
// once arrival.Reported holds; doubled rows count in RowsDoubled once Grail is not asked
// about the scan again.
func (v *verification) observe(ctx context.Context) {
	var missing, doubled int64
	answered := false
	for _, a := range v.due {
		at := a.scan.Arrival
		states := map[string]*int{archive.ArrivalProven: &v.answer.Proven, archive.ArrivalShort: &v.answer.Short, archive.ArrivalOver: &v.answer.Over, archive.ArrivalUnknown: &v.answer.Unknown}
		if n := states[at.State]; n != nil {
			*n++
		}
		if !a.answered {
			continue
		}
		answered = true
		v.answer.Expected += at.Expected
		v.answer.Indexed += at.Indexed
		v.answer.Missing += at.Missing()
		v.answer.Doubled += at.Doubled
		if arrival.Reported(at) {
			missing += at.Missing()
			if at.ScanEvents == 0 {
				missing++ // the scan event is a row, too
			}
		}
		if arrival.Next(at).IsZero() {
			doubled += at.Doubled
		}
		v.tell(ctx, a)
	}
	if answered {
		v.f.o.Metrics.Put(telemetry.Count("RowsMissing", missing), telemetry.Count("RowsDoubled", doubled))
		v.f.o.Log.InfoContext(ctx, "arrivals verified", "scans", len(v.due), "proven", v.answer.Proven, "short", v.answer.Short, "over", v.answer.Over,
			"queries", v.answer.Queries, "scannedBytes", v.answer.ScannedBytes)
	}
}

// tell logs a scan whose rows are not proven, and puts it into the answer.
func (v *verification) tell(ctx context.Context, a *asked) {
	at := a.scan.Arrival
	if at.State == archive.ArrivalProven {
		return
	}
	label, _ := archive.RawLabel(a.delivery.Key)
	system := cmp.Or(a.scan.System.Name, v.systemNames[a.delivery.Key], label.Slug)
	log := v.f.o.Log.With("key", a.delivery.Key, "run", a.scan.Order.Run, "system", system, "scan", a.scan.ScanID, "generation", a.scan.Generation,
		"state", at.State, "expected", at.Expected, "indexed", at.Indexed, "missing", at.Missing(), "doubled", at.Doubled, "scanEvents", at.ScanEvents, "reason", at.Reason)
	if arrival.Reported(at) || arrival.Next(at).IsZero() {
		log.ErrorContext(ctx, "not all rows are in Grail as they were sent")
	} else {
		log.InfoContext(ctx, "not all rows are in Grail yet")
	}
	if len(v.answer.Attention) < maxArrivals {
		v.answer.Attention = append(v.answer.Attention, payload.ArrivalAttention{
			Key: a.delivery.Key, System: system, ScanID: a.scan.ScanID, State: at.State, Expected: at.Expected, Indexed: at.Indexed,
			Missing: at.Missing(), Doubled: at.Doubled, ScanEvents: at.ScanEvents, Reason: at.Reason,
		})
	}
}

// advice returns what a person is to do now.
func (v *verification) advice() string {
	a := &v.answer
	reported := slices.ContainsFunc(v.due, func(one *asked) bool { return one.answered && arrival.Reported(one.scan.Arrival) })
	switch {
	case len(a.Reasons) > 0:
		return "mend what the reasons say, where they name a cure; the next verification asks again"
	case reported && a.Resent > 0:
		return fmt.Sprintf("%d scans were sent again; look for the cause, as RUNBOOK.md lists them, before rows are missing again", a.Resent)
	case reported:
		return `look for the cause, as RUNBOOK.md lists them; then {"action":"replay","key":"…"} sends the scan again, in place of what is there`
	case a.Short > 0:
		return "nothing yet: Dynatrace may still be indexing; it is asked again"
	case a.Over > 0:
		return `{"action":"replay","key":"…"} sends the scan again, in place of what is there twice`
	case a.Asked == 0 && a.Later == 0:
		return "nothing: no scan waits for its proof"
	case a.Asked == 0:
		return "nothing: it is not the time of any scan yet; with \"key\" one is asked for at once"
	}
	return "nothing: all rows are there"
}
