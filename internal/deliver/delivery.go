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
	// maxStartOver is how often one invocation starts over in a new generation, and how
	// often it repeats extras in doubt.
	maxStartOver = 3
	// maxRefusedWhole is how many generations in a row may be refused as a whole
	// before the object is to blame.
	maxRefusedWhole = 5
	// lately is how recently another system's scan must have been committed to show that
	// the endpoint accepts valid events: more than the time between two sweeps.
	lately = 30 * time.Minute
	// maxExpired is how many leases in a row may run out before the delivery assumes
	// that the object kills its invocations.
	maxExpired = 5
	// leaseSpare is how long a lease lasts beyond the deadline, since clocks differ.
	leaseSpare = time.Minute
	// minBatchBytes is the least value of MAX_BATCH_BYTES. A batch is not halved below it
	// after doubt.
	minBatchBytes = 60_000
)

// delivery is the delivery of one object in one invocation.
type delivery struct {
	*Deliverer
	key     string
	win     Window
	request Request
	info    archive.RawInfo
	// start are the object's first bytes as stored: all bytes of a small object.
	start []byte
	doc   store.Doc[archive.Delivery]
	scans []*scan
	parts []PartOutcome
	// newer is the key of a newer object of the system, and newerErr the error of the
	// look-up; see Request.Newer.
	newer    string
	newerErr error

	// rate keeps to the pace that a replay request asked for; nil: there is no pace.
	rate *Rate
	// send posts a batch, and counter counts what this invocation sends.
	send        send
	counter     counter
	startedOver int64 // new generations that this invocation began after it had sent
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	unsaved    bool // it is not known whether the state was written
	released   bool // a release was attempted: nothing may be sent any more
	// idle: there was nothing to do, so this invocation is not counted in the metrics.
	idle bool
}

// contents lists the scans in the object. No run of the collector has read a hand-made
// document: its key stands for the run's id, and its upload for the run's start.
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

// input opens the object at a scan and returns the mapper's input, without a catalogue
// and without Emit. The caller adds them, and calls closing after the mapping.
func (d *delivery) input(ctx context.Context, s *scan) (in mapping.Input, closing func() error, err error) {
	open := func() (*mapping.Document, func() error, error) { return s.Open(d.source(ctx)) }
	in = mapping.Input{ScanID: s.ScanID, Now: d.o.Now, Reopen: open}
	in.Document, closing, err = open()
	return in, closing, err
}

// run does steps 1 to 8.
func (d *delivery) run(ctx context.Context) (Outcome, error) {
	var begun beginning
	err := telemetry.Trace(ctx, "read", func(ctx context.Context) (err error) {
		begun, err = d.begin(ctx)
		return err
	})
	if err != nil || begun.nothing {
		return begun.outcome, err
	}
	if d.doc.Value.Expired >= maxExpired && d.mayGiveUp(begun.steps) {
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

// mayGiveUp reports whether a delivery may end as failed after its invocations died:
// while it sends findings, or the extras of a scan that is shown. A scan that is
// committed, but not shown, is not given up.
func (d *delivery) mayGiveUp(steps []step) bool {
	for i, s := range d.scans {
		if steps[i] == stepSend || steps[i] == stepFinish && s.Announced {
			return true
		}
	}
	return false
}

// deliverScan does steps 4 to 7 for one scan. It sends the scan again in a new
// generation after doubt, and where the generation was too old to be committed or was
// replaced, at most maxStartOver times.
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
		d.batchBytes = min(d.batchBytes, g.batcher.Limit()) // keep the smaller limit learned from a 413
		if end.reason == becauseDoubt {
			d.batchBytes = min(d.batchBytes, max(d.batchBytes/2, minBatchBytes))
		}
		// The new generation is written before anything is sent under its scan id (rule
		// 06). A crash before this write leaves the old generation under the lease, a crash
		// after it the new one. In either case the lease runs out, and the next sweep
		// begins another generation.
		if err := d.save(ctx); err != nil {
			return dispose(becauseUnsaved, err, false)
		}
	}
}

// blame decides what is to blame where a generation was refused as a whole. It is the
// object if a scan of another system was committed lately, or if maxRefusedWhole
// generations in a row were refused: the delivery has then failed. Else it is the
// endpoint, which a person has to mend: end is returned as it is.
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

// reject ends the delivery of an object that cannot be delivered at all. An error of
// another class than Reject is returned, and nothing is written. If some scans of the
// object have ended and others have not, only those that have not become failed.
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

// release does step 5 or step 8: it writes how far the delivery came, and gives the
// lease back in the same write. Nothing is sent after an attempt at it (rule 13).
func (d *delivery) release(ctx context.Context, end disposition) (Outcome, error) {
	d.released = true
	if end.next == nextNothing {
		d.unsaved = true
		return Outcome{reason: end.reason}, end.err
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), d.win.Deadline)
	defer cancel()
	// A crash before this write leaves the lease. Once the lease has run out, the next
	// sweep goes on after the commit point if the register names this generation, else
	// it begins another generation. If the scan event was accepted already, it may be
	// sent once more, with the same id and timestamp.
	if err := d.saveReleased(ctx); err != nil {
		d.unsaved = true
		return Outcome{reason: becauseUnsaved}, errors.Join(end.cause(), err)
	}
	d.sendNotices(ctx)
	out := d.outcome()
	out.EndpointDown, out.reason, out.RefusedWhole = end.next == nextReport, end.reason, end.reason == becauseHopeless
	return out, end.cause()
}

// saveReleased writes the document without the lease. If two writes met
// (store.ErrRace), it reads the document, and writes once more if this invocation
// still holds the lease.
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

// save writes the delivery document, if nobody has changed it since this invocation
// read or wrote it; else it returns store.ErrConflict or store.ErrRace. After
// store.ErrUnknown it is not known whether the document was written.
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

// older returns the outcome of a replay that would show an older scan again.
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
