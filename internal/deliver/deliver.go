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
	"runecast-ingest/internal/notice"
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
)

// Outcome is how a delivery ended in this invocation.
type Outcome struct {
	// State is the delivery document's, or "busy", "pending" or "older".
	State  string
	Scan   archive.Scan
	System string
	Reason string
}

// States of an outcome beside those of a delivery document.
const (
	// StateBusy: another invocation delivers it.
	StateBusy = "busy"
	// StateOlder: it was to be sent again, but a newer scan is committed.
	StateOlder = "older"
)

// delivery is the delivery of one object in one invocation.
type delivery struct {
	f       *Deliverer
	key     string
	info    archive.RawInfo
	doc     store.Doc[archive.Delivery]
	targets []*target
	win     Window
	request Request
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	ended      bool // a release was attempted: nothing may be sent any more
	// idle: there was nothing to do. The others count this invocation's work.
	idle bool
	// rehearsal: nothing is sent or written.
	rehearsal   bool
	sent        sent
	startedOver int64
}

// target is one scan of the object on its way.
type target struct {
	Part
	order archive.Order
	// scan is the scan's part in the delivery document.
	scan *archive.Scan
	// notice is what people are told once the scan's delivery is complete; nil
	// until its scan event is accepted.
	notice *notice.Committed
}

// contents lists the scans in the object. Archived ones are ordered by their
// run, hand-made ones by their upload.
func (d *delivery) contents(ctx context.Context) error {
	parts, err := Contents(d.source(ctx), d.key)
	for _, p := range parts {
		run := &p.Envelope.Run
		if archive.IsHandMade(d.key) {
			run.ID, run.StartedAt = d.key, d.info.LastModified.UTC()
		}
		d.targets = append(d.targets, &target{Part: p, order: archive.Order{StartedAt: run.StartedAt, Run: run.ID}})
	}
	return err
}

func (d *delivery) source(ctx context.Context) Source {
	return func() (io.ReadCloser, error) { return d.f.o.Archive.Open(ctx, d.info) }
}

// Deliver delivers the current version of a raw object, and sends again what had
// ended if that is requested. What the object itself is to blame for is no error
// but an outcome; an error is for the caller to try again, and has a class.
// Without time left in the invocation's window nothing is begun.
func (f *Deliverer) Deliver(ctx context.Context, key string, win Window, r Request) (Outcome, error) {
	return f.delivery(key, win, r).try(ctx)
}

// try runs the delivery if there is time for it, and observes how it ended.
func (d *delivery) try(ctx context.Context) (Outcome, error) {
	f := d.f
	now := f.o.Now()
	if !now.Before(d.win.Soft) {
		return Outcome{State: archive.DeliveryPending, Reason: "no time was left for it in this invocation"}, nil
	}
	var out Outcome
	err := telemetry.Trace(ctx, "deliver", func(ctx context.Context) (err error) {
		out, err = d.run(ctx)
		return err
	}, "key", d.key)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRace) {
		out, err = Outcome{State: StateBusy, Reason: "another invocation delivers it"}, nil
	}
	d.observe(ctx, out, err, f.o.Now().Sub(now))
	return out, err
}

func (f *Deliverer) delivery(key string, win Window, r Request) *delivery {
	return &delivery{f: f, key: key, win: win, request: r, batchBytes: f.o.Config.MaxBatchBytes}
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
	for i, t := range d.targets {
		if step := begun.steps[i]; sends(step) {
			if goOn, err := d.deliver(ctx, t, step == stepFinish); !goOn {
				return d.release(ctx, err)
			}
		}
	}
	return d.release(ctx, nil)
}

// deliver is steps 4 to 7 for one scan, sending again after doubt. False: this
// invocation delivers nothing more; an error says that a person or another try
// is needed.
func (d *delivery) deliver(ctx context.Context, t *target, committed bool) (bool, error) {
	for again := 0; ; again++ {
		p := newPipeline(d, t, committed)
		res, err := p.run(ctx)
		p.account()
		t.scan.Mapped, t.scan.Skipped = res.Mapped, res.Skipped
		switch {
		case err == nil:
			return d.finish(ctx, t, res)
		case p.outcome == sendDoubt && again < maxStartOver && d.f.o.Now().Before(d.win.Soft):
			d.f.o.Log.WarnContext(ctx, "it is not known what was accepted, starting over in a new generation",
				"key", d.key, "generation", t.scan.Generation, "error", err.Error())
			if d.f.o.Sleep(ctx, time.Duration(again+1)*time.Second) != nil {
				return t.stop(p, err)
			}
			d.startedOver++
			*t.scan = abandon(*t.scan, d.f.o.NewID())
			limit := min(d.batchBytes, p.batcher.Limit())
			d.batchBytes = min(limit, max(limit/2, minBatchBytes)) // a smaller limit that was learned stays
			// Nothing is sent under the new generation before it is written. A crash
			// after this write is as one after the lease was taken.
			if err := d.save(ctx); err != nil {
				return false, notSavedError{err}
			}
		default:
			return t.stop(p, err)
		}
	}
}

// notSavedError: a state write failed, so nothing more may be written or sent.
type notSavedError struct{ err error }

func (e notSavedError) Error() string { return e.err.Error() }
func (e notSavedError) Unwrap() error { return e.err }

// minBatchBytes is the least that MAX_BATCH_BYTES may be.
const minBatchBytes = 60_000

// stop is step 5: what the object is to blame for ends the scan, all else
// leaves it to be gone on with.
func (t *target) stop(p *pipeline, err error) (bool, error) {
	if p.outcome == sendLost {
		return false, err
	}
	t.scan.Reason = err.Error()
	if p.outcome == sendNothing && fault.ClassOf(err) == fault.Reject {
		t.scan.State = archive.DeliveryFailed
		return true, nil
	}
	t.scan.Doubt = t.scan.Doubt || p.outcome == sendDoubt || p.hopeless // the next try begins anew
	if p.outcome == sendLater || p.outcome == sendDoubt || errors.Is(err, context.DeadlineExceeded) {
		return false, nil // released; whoever comes next goes on
	}
	if p.outcome == sendUnusable {
		err = &EndpointError{err}
	}
	return false, err
}

// EndpointError says that the endpoint cannot be used, so no other object can be
// delivered either until a person has mended it.
type EndpointError struct{ err error }

func (e *EndpointError) Error() string { return e.err.Error() }
func (e *EndpointError) Unwrap() error { return e.err }
