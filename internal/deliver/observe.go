package deliver

import (
	"cmp"
	"context"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/telemetry"
)

// observe logs how a delivery ended, and counts it: one metric per outcome.
func (d *delivery) observe(ctx context.Context, out Outcome, err error, took time.Duration) {
	s := &out.Scan
	if s.ScanID == "" { // it ended before its scans were looked at: the document knows more
		s = &d.doc.Value.Scan
	}
	run, _ := archive.RunOf(d.key)
	log := d.o.Log.With("key", d.key, "run", cmp.Or(s.Order.Run, run), "system", cmp.Or(out.System, archive.SystemOf(d.key)), "state", out.State,
		"disposition", out.reason.String(), "generation", s.Generation, "mapped", s.Mapped, "accepted", s.Accepted, "quarantined", s.Quarantined,
		"skipped", s.Skipped, "requests", s.Requests, "bytes", s.Bytes, "ms", took.Milliseconds())
	switch {
	case err != nil:
		log.ErrorContext(ctx, "delivery stopped", "class", fault.ClassOf(err), "error", err.Error())
	case out.State == archive.DeliveryFailed:
		log.ErrorContext(ctx, "delivery failed", "reason", out.Reason)
	case out.Reason != "" && out.State != archive.DeliverySuperseded: // that is as it should be
		log.WarnContext(ctx, "delivery ended", "reason", out.Reason)
	default:
		log.InfoContext(ctx, "delivery ended", "reason", out.Reason)
	}
	if d.idle {
		return // it had ended before
	}
	values := d.work()
	switch {
	case err != nil:
		values = append(values, telemetry.Count("DeliveryErrors", 1))
		if fault.ClassOf(err) == fault.Auth {
			values = append(values, telemetry.Count("TokenRejected", 1))
		}
	case out.State == archive.DeliveryComplete:
		values = append(values, telemetry.Count("ScansCommitted", 1), telemetry.Seconds("ScanAgeAtCommit", d.o.Now().Sub(s.Order.StartedAt)))
	case out.State == archive.DeliverySuperseded:
		values = append(values, telemetry.Count("ScansSuperseded", 1))
	case out.State == archive.DeliveryFailed:
		values = append(values, telemetry.Count("ScansFailed", 1))
	case out.State == archive.DeliverySending:
		values = append(values, telemetry.Count("DeliveriesReleased", 1))
	}
	d.o.Metrics.Put(append(values, d.ended()...)...)
}

// logUnsent logs what of the results was not sent as it came, and which words in them
// are not known.
func (g *generation) logUnsent(ctx context.Context, res *mapping.Result) {
	log := g.d.o.Log.With("key", g.d.key, "run", g.s.order().Run)
	for why, n := range res.Reasons {
		log.InfoContext(ctx, "not sent as it came", "reason", why, "issues", n)
	}
	for _, word := range res.Unknown {
		log.WarnContext(ctx, "unknown value in the results", "value", word)
	}
}

// ended counts the events of the scans that ended in this invocation, whatever
// became of others in the same object: what is shown was accepted, and what was
// refused lies in quarantine, also where that has made the scan fail.
func (d *delivery) ended() []telemetry.Metric {
	if d.unsaved {
		return nil // what was not written down is not known to have ended
	}
	var accepted, quarantined, skipped int64
	counted := false
	for _, s := range d.scans {
		if !s.settled || !s.Final() || s.State == archive.DeliverySuperseded {
			continue
		}
		counted, quarantined = true, quarantined+s.Quarantined
		if s.State == archive.DeliveryComplete || s.Announced {
			accepted, skipped = accepted+s.Accepted, skipped+s.Skipped
		}
	}
	if !counted {
		return nil
	}
	return []telemetry.Metric{telemetry.Count("EventsAccepted", accepted), telemetry.Count("EventsQuarantined", quarantined), telemetry.Count("EventsSkipped", skipped)}
}

// work is what this invocation did, whatever came of it: Dynatrace bills the
// bytes of abandoned generations, too.
func (d *delivery) work() []telemetry.Metric {
	sent := d.counter.total()
	r := &sent.Retried
	return []telemetry.Metric{
		telemetry.Count("Requests", sent.Requests), telemetry.Bytes("BytesAccepted", sent.Bytes), telemetry.Count("StartedOver", d.startedOver),
		telemetry.Count("RetriedConnection", r.Connection), telemetry.Count("Retried408", r.RequestTimeout),
		telemetry.Count("Retried429", r.TooManyRequests), telemetry.Count("Retried503", r.Unavailable),
	}
}
