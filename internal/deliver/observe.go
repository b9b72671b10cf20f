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

// observe logs how a delivery ended, and writes its metrics: one that counts the
// outcome, and those of work and ended.
func (d *delivery) observe(ctx context.Context, out Outcome, err error, took time.Duration) {
	s := &out.Scan
	if s.ScanID == "" { // the delivery stopped before it looked at its scans: log what the document says
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
	case out.Reason != "" && out.State != archive.DeliverySuperseded: // superseded is no cause for a warning
		log.WarnContext(ctx, "delivery ended", "reason", out.Reason)
	default:
		log.InfoContext(ctx, "delivery ended", "reason", out.Reason)
	}
	if d.idle {
		return // this invocation did no work to count
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

// logUnsent logs how many rules were left out or changed on the way, by the reason, and
// which words in the results are not known.
func (g *generation) logUnsent(ctx context.Context, res *mapping.Result) {
	log := g.d.o.Log.With("key", g.d.key, "run", g.s.order().Run)
	for why, n := range res.Reasons {
		log.InfoContext(ctx, "not sent as it came", "reason", why, "issues", n)
	}
	for _, word := range res.Unknown {
		log.WarnContext(ctx, "unknown value in the results", "value", word)
	}
}

// ended returns the numbers of events of the scans that ended in this invocation, also
// where other scans of the object did not end. Accepted and skipped events count only
// for scans that are complete or shown, quarantined events also for scans that failed.
func (d *delivery) ended() []telemetry.Metric {
	if d.unsaved {
		return nil // the document may not say that they ended: another invocation counts them
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

// work returns the numbers of what this invocation sent, also in abandoned generations:
// Dynatrace bills their bytes, too.
func (d *delivery) work() []telemetry.Metric {
	sent := d.counter.total()
	r := &sent.Retried
	return []telemetry.Metric{
		telemetry.Count("Requests", sent.Requests), telemetry.Bytes("BytesAccepted", sent.Bytes), telemetry.Count("StartedOver", d.startedOver),
		telemetry.Count("RetriedConnection", r.Connection), telemetry.Count("Retried408", r.RequestTimeout),
		telemetry.Count("Retried429", r.TooManyRequests), telemetry.Count("Retried503", r.Unavailable),
	}
}
