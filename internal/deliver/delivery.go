package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

const (
	// maxStartOver is how often one invocation begins a new generation after doubt.
	maxStartOver = 3
	// maxExpired is how many leases in a row may run out before an object is
	// held to be what kills its invocations.
	maxExpired = 5
	// leaseSpare keeps a lease beyond the deadline, for clocks that differ.
	leaseSpare = time.Minute
	// minBatchBytes is the least that MAX_BATCH_BYTES may be.
	minBatchBytes = 60_000
)

// delivery is the delivery of one object in one invocation.
type delivery struct {
	*Deliverer
	key     string
	win     Window
	request Request
	info    archive.RawInfo
	doc     store.Doc[archive.Delivery]
	scans   []*scan
	parts   []PartOutcome

	// send posts a batch, and counter counts what this invocation sends.
	send        send
	counter     counter
	startedOver int64
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	released   bool // a release was attempted: nothing may be sent any more
	// idle: there was nothing to do. The others count this invocation's work.
	idle bool
}

// contents lists the scans in the object. Archived ones are ordered by their
// run, hand-made ones by their upload.
func (d *delivery) contents(ctx context.Context) error {
	parts, err := Contents(d.source(ctx), d.key)
	for _, p := range parts {
		if archive.IsHandMade(d.key) {
			p.Envelope.Run.ID, p.Envelope.Run.StartedAt = d.key, d.info.LastModified.UTC()
		}
		d.scans = append(d.scans, &scan{Part: p, SystemScan: archive.SystemScan{System: p.Envelope.System}})
	}
	return err
}

func (d *delivery) source(ctx context.Context) Source {
	return func() (io.ReadCloser, error) { return d.o.Archive.Open(ctx, d.info) }
}

// run is steps 1 to 8.
func (d *delivery) run(ctx context.Context) (Outcome, error) {
	var begun beginning
	err := telemetry.Trace(ctx, "read", func(ctx context.Context) (err error) {
		begun, err = d.begin(ctx)
		return err
	})
	if err != nil || begun.over {
		return begun.outcome, err
	}
	if d.doc.Value.Expired >= maxExpired && slices.Contains(begun.steps, stepSend) {
		return d.reject(ctx, &fault.Error{Class: fault.Reject, Where: d.key,
			What: fmt.Sprintf("%d invocations in a row ended without a word", maxExpired),
			Cure: "look into the function's log for time-outs and memory, then replay"})
	}
	var end disposition
	for i, s := range d.scans {
		if step := begun.steps[i]; sends(step) && end.next == nextScan {
			end = d.deliverScan(ctx, s, &d.parts[i], step)
		}
	}
	return d.release(ctx, end)
}

// deliverScan is steps 4 to 7 for one scan, sending it again after doubt, and
// where it has grown too old on its way.
func (d *delivery) deliverScan(ctx context.Context, s *scan, part *PartOutcome, step step) disposition {
	for again := 0; ; again++ {
		g := newGeneration(d, s, part, step == stepFinish && again == 0)
		end := g.deliver(ctx, again < maxStartOver)
		if end.next != nextStartOver {
			s.settle(end)
			return end
		}
		d.o.Log.WarnContext(ctx, "starting over in a new generation", "disposition", end.reason.String(),
			"key", d.key, "generation", s.Generation, "error", end.text())
		if d.o.Sleep(ctx, time.Duration(again+1)*time.Second) != nil {
			end = dispose(end.reason, end.err, false)
			s.settle(end)
			return end
		}
		d.startedOver++
		s.abandon(d.o.NewID(), d.o.Now())
		d.batchBytes = min(d.batchBytes, g.batcher.Limit()) // a smaller limit that was learned stays
		if end.reason == becauseDoubt {
			d.batchBytes = min(d.batchBytes, max(d.batchBytes/2, minBatchBytes))
		}
		// Before anything is sent under the new scan id (rule 06). A crash before
		// this write leaves the lease of the old generation, one behind it that of
		// the new one: in either case the lease runs out, and the next sweep begins
		// another generation.
		if err := d.save(ctx); err != nil {
			return dispose(becauseUnsaved, err, false)
		}
	}
}

// reject ends the delivery of an object that cannot be delivered at all; other
// errors come through. Scans that have ended stay as they are, if others are
// open.
func (d *delivery) reject(ctx context.Context, err error) (Outcome, error) {
	if fault.ClassOf(err) != fault.Reject {
		return Outcome{reason: named(becauseError, err)}, err
	}
	v := &d.doc.Value
	if len(d.scans) == 0 {
		d.scans = known(v, d.info.ETag)
	}
	v.RawKey, v.ETag, v.Mapping = d.key, d.info.ETag, d.mapper.Hash()
	allEnded := !slices.ContainsFunc(d.scans, func(s *scan) bool { return !s.Final() })
	for _, s := range d.scans {
		if allEnded || !s.Final() {
			s.settle(dispose(becauseUnfit, err, false))
		}
	}
	return d.release(ctx, disposition{reason: becauseUnfit})
}

// release is step 5, and step 8: it writes how far the delivery came and gives
// the lease back. Nothing is sent after an attempt at it (rule 13).
func (d *delivery) release(ctx context.Context, end disposition) (Outcome, error) {
	d.released = true
	if end.next == nextNothing {
		return Outcome{reason: end.reason}, end.err
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), d.win.Deadline)
	defer cancel()
	// A crash before this write leaves the lease: once it has run out, the next
	// sweep goes on at the commit point if that has passed, else in another
	// generation. If the scan-completed event was accepted already it is sent
	// once more, with the same id and timestamp.
	if err := d.saveReleased(ctx); err != nil {
		return Outcome{reason: becauseUnsaved}, errors.Join(end.cause(), err)
	}
	d.tell(ctx)
	out := d.outcome()
	out.EndpointDown, out.reason = end.next == nextReport, end.reason
	return out, end.cause()
}

// saveReleased gives the lease back. When two writes met it looks who holds
// the document, and tries once more if it is still this invocation.
func (d *delivery) saveReleased(ctx context.Context) error {
	mine := d.doc.Value.Lease
	d.doc.Value.Lease = nil
	err := d.save(ctx)
	if !errors.Is(err, store.ErrRace) || mine == nil {
		return err
	}
	now, lerr := d.o.Archive.Delivery(ctx, d.key)
	if lerr != nil || now.Value.Lease == nil || now.Value.Lease.Owner != mine.Owner {
		return err
	}
	d.doc.ETag = now.ETag
	return d.save(ctx)
}

// save writes the delivery document, if it still is what was read.
func (d *delivery) save(ctx context.Context) error {
	record(&d.doc.Value, d.scans)
	d.doc.Value.UpdatedAt = d.o.Now().UTC()
	return store.Save(ctx, d.o.Archive, &d.doc)
}

// older is the outcome of a replay that would bring back an older scan.
func (d *delivery) older() Outcome {
	out := d.outcome()
	out.State, out.Reason = StateOlder, "a newer scan of the system is committed; \"force\":true with this key shows the older one all the same"
	return out
}

func (d *delivery) outcome() Outcome {
	v := &d.doc.Value
	out := Outcome{State: v.State, Scan: v.Scan, Reason: v.Reason, Parts: d.parts}
	if len(d.scans) == 1 {
		out.System = d.scans[0].Envelope.System.Name
	}
	return out
}
