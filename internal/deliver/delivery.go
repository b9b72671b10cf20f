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
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

const (
	// maxStartOver is how often one invocation begins a new generation after doubt.
	maxStartOver = 3
	// maxRefusedWhole is how many generations in a row may be refused as a whole
	// before the object is to blame.
	maxRefusedWhole = 5
	// lately is how recently another object must have been committed to show that
	// the endpoint accepts what is fit: more than the time between two sweeps.
	lately = 30 * time.Minute
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
	// start are the object's first bytes, as stored: all of a small one.
	start []byte
	doc   store.Doc[archive.Delivery]
	scans []*scan
	parts []PartOutcome
	// newer is the key of a newer object of the system, and newerErr why that is
	// not known; see Request.Newer.
	newer    string
	newerErr error

	// rate is the pace that somebody asked for; nil: nobody did.
	rate *Rate
	// send posts a batch, and counter counts what this invocation sends.
	send        send
	counter     counter
	startedOver int64
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	unsaved    bool // whether the state was written is not known
	released   bool // a release was attempted: nothing may be sent any more
	// idle: there was nothing to do. The others count this invocation's work.
	idle bool
}

// contents lists the scans in the object. The run of a hand-made one is its
// upload, since no collector's run has read it.
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
	return func() (io.ReadCloser, error) { return d.o.Archive.OpenBehind(ctx, d.info, d.start) }
}

// input opens the object at a scan for a mapper, which lacks a catalogue and
// Emit; closing ends the reading.
func (d *delivery) input(ctx context.Context, s *scan) (in mapping.Input, closing func() error, err error) {
	open := func() (*mapping.Document, func() error, error) { return s.Open(d.source(ctx)) }
	in = mapping.Input{ScanID: s.ScanID, Now: d.o.Now, Reopen: open}
	in.Document, closing, err = open()
	return in, closing, err
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
	if d.doc.Value.Expired >= maxExpired && d.deadly(begun.steps) {
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

// deadly reports whether what kills the invocations may be given up: to send
// findings, or what follows a scan that is shown. One that is committed, but not
// shown, is not given up.
func (d *delivery) deadly(steps []step) bool {
	for i, s := range d.scans {
		if steps[i] == stepSend || steps[i] == stepFinish && s.Announced {
			return true
		}
	}
	return false
}

// deliverScan is steps 4 to 7 for one scan, sending it again after doubt, and
// where it has grown too old on its way.
func (d *delivery) deliverScan(ctx context.Context, s *scan, part *PartOutcome, step step) disposition {
	for again := 0; ; again++ {
		g := newGeneration(d, s, part, step == stepFinish && again == 0)
		end := g.deliver(ctx, again < maxStartOver)
		if end.next != nextStartOver {
			end = d.blame(ctx, s, end)
			s.settle(end)
			return end
		}
		d.o.Log.WarnContext(ctx, "starting over in a new generation", "disposition", end.reason.String(),
			"key", d.key, "run", s.Order.Run, "system", s.Envelope.System.Name, "generation", s.Generation, "error", end.text())
		if d.o.Sleep(ctx, time.Duration(again+1)*time.Second) != nil {
			end = dispose(end.reason, end.err, false)
			s.settle(end)
			return end
		}
		d.startedOver++
		s.beginNext(d.o.NewID(), d.o.Now())
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

// blame decides who is to blame where a generation was refused as a whole: the
// endpoint, which a person has to mend, or the object, whose delivery has failed
// then. It is the object if the endpoint has lately taken another one, and after
// several generations.
func (d *delivery) blame(ctx context.Context, s *scan, end disposition) disposition {
	if end.reason != becauseHopeless {
		return end
	}
	s.RefusedWhole++
	other, err := d.o.Archive.CommittedSince(ctx, d.o.Now().Add(-lately), s.Envelope.System.ID)
	if err != nil {
		d.o.Log.WarnContext(ctx, "it is not known whether the endpoint accepts anything", "key", d.key, "error", err.Error())
	}
	var proof string
	switch {
	case other:
		proof = "another object was accepted lately"
	case s.RefusedWhole >= maxRefusedWhole:
		proof = fmt.Sprintf("that happened %d times in a row", s.RefusedWhole)
	default:
		return end
	}
	return dispose(becauseUnfit, &fault.Error{Class: fault.Reject, Where: d.key, What: "all of it is refused, and " + proof, Err: end.err,
		Cure: "look at quarantine/ for the answers, mend what they name, then replay"}, false)
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

// release is step 5, and step 8: it writes how far the delivery came and releases
// the lease. Nothing is sent after an attempt at it (rule 13).
func (d *delivery) release(ctx context.Context, end disposition) (Outcome, error) {
	d.released = true
	if end.next == nextNothing {
		d.unsaved = true
		return Outcome{reason: end.reason}, end.err
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), d.win.Deadline)
	defer cancel()
	// A crash before this write leaves the lease: once it has run out, the next
	// sweep goes on at the commit point if that has passed, else in another
	// generation. If the scan event was accepted already it is sent
	// once more, with the same id and timestamp.
	if err := d.saveReleased(ctx); err != nil {
		d.unsaved = true
		return Outcome{reason: becauseUnsaved}, errors.Join(end.cause(), err)
	}
	d.sendNotices(ctx)
	out := d.outcome()
	out.EndpointDown, out.reason, out.RefusedWhole = end.next == nextReport, end.reason, end.reason == becauseHopeless
	return out, end.cause()
}

// saveReleased writes the document without the lease. When two writes met it looks
// who holds the document, and tries once more if it is still this invocation.
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
	v := &d.doc.Value
	record(v, d.scans)
	v.UpdatedAt = d.o.Now().UTC()
	switch {
	case v.Final():
		v.MaxEventsPerSecond, v.PacedUntil = 0, time.Time{}
	case d.rate != nil:
		v.MaxEventsPerSecond, v.PacedUntil = d.rate.perSecond, d.rate.Until()
	}
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
