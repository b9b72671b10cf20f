package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/telemetry"
)

const (
	// maxStartOver is how often one invocation begins a new generation after doubt.
	maxStartOver = 3
	// leaseSpare keeps a lease beyond the deadline, for clocks that differ.
	leaseSpare = time.Minute
)

// Outcome is how a delivery ended in this invocation.
type Outcome struct {
	// State is the delivery document's, or "busy".
	State  string
	Scan   archive.Scan
	System string
	Reason string
}

const stateBusy = "busy"

// delivery is the delivery of one object in one invocation.
type delivery struct {
	f     *Forwarder
	key   string
	info  archive.RawInfo
	doc   archive.Doc[archive.Delivery]
	env   mapping.Envelope
	order archive.Order
	win   window
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	ended      bool // a release was attempted: nothing may be sent any more
}

// Deliver delivers the current version of a raw object. What the object itself
// is to blame for is no error but an outcome; an error is for the caller to try
// again, and has a class.
func (f *Forwarder) Deliver(ctx context.Context, key string) (Outcome, error) {
	now := f.o.Now()
	d := &delivery{f: f, key: key, win: windowOf(ctx, now), batchBytes: f.o.Config.MaxBatchBytes}
	var out Outcome
	err := telemetry.Trace(ctx, "deliver", func(ctx context.Context) (err error) {
		out, err = d.run(ctx)
		return err
	}, "key", key)
	if errors.Is(err, archive.ErrConflict) || errors.Is(err, archive.ErrRace) {
		out, err = Outcome{State: stateBusy, Reason: "another invocation delivers it"}, nil
	}
	d.log(ctx, out, err, f.o.Now().Sub(now))
	return out, err
}

func (d *delivery) log(ctx context.Context, out Outcome, err error, took time.Duration) {
	log := d.f.o.Log.With("key", d.key, "run", d.order.Run, "system", d.env.System.Name, "state", out.State,
		"generation", out.Scan.Generation, "mapped", out.Scan.Mapped, "accepted", out.Scan.Accepted, "quarantined", out.Scan.Quarantined,
		"skipped", out.Scan.Skipped, "requests", out.Scan.Requests, "bytes", out.Scan.Bytes, "ms", took.Milliseconds())
	switch {
	case err != nil:
		log.ErrorContext(ctx, "delivery stopped", "class", fault.ClassOf(err), "error", err.Error())
	case out.State == archive.DeliveryFailed:
		log.ErrorContext(ctx, "delivery failed", "reason", out.Reason)
	case out.Reason != "":
		log.WarnContext(ctx, "delivery ended", "reason", out.Reason)
	default:
		log.InfoContext(ctx, "delivery ended")
	}
}

// run is steps 1 to 8.
func (d *delivery) run(ctx context.Context) (Outcome, error) {
	store, now := d.f.o.Archive, d.f.o.Now()
	var err error
	if d.doc, err = archive.Load[archive.Delivery](ctx, store, archive.DeliveryKey(d.key), archive.DeliverySchema); err != nil {
		return Outcome{}, err
	}
	if d.info, err = store.Head(ctx, d.key); err != nil {
		return Outcome{}, missing(err, d.key)
	}
	s := situation{delivery: d.doc.Value, exists: d.doc.Exists(), etag: d.info.ETag, mapping: d.f.mapper.Hash(), now: now}
	switch s.before() {
	case stepDone:
		return d.outcome(), nil
	case stepBusy:
		return Outcome{State: stateBusy, Reason: "another invocation holds the lease"}, nil
	}
	if err := d.readEnvelope(ctx); err != nil {
		return d.reject(ctx, err)
	}
	reg, failed, err := d.register(ctx)
	if err != nil {
		return Outcome{}, err
	}
	s.register, s.registerFailed = reg.Value, failed
	next := s.after(d.order)
	lease := archive.Lease{Owner: d.f.o.NewID(), Until: d.win.deadline.Add(leaseSpare)}
	d.doc.Value = s.lease(d.key, d.order, lease, d.f.o.NewID())
	if next == stepSupersede {
		return d.end(ctx, archive.DeliverySuperseded, "a newer scan is committed: "+reg.Value.RawKey)
	}
	if err := d.save(ctx); err != nil {
		return Outcome{}, err
	}
	return d.send(ctx, next == stepFinish)
}

// send is step 4, again after doubt, and what follows it.
func (d *delivery) send(ctx context.Context, committed bool) (Outcome, error) {
	for again := 0; ; again++ {
		p := newPipeline(d, committed)
		res, err := p.run(ctx)
		d.account(p, res)
		switch {
		case err == nil:
			return d.finish(ctx, res)
		case p.outcome == sendDoubt && again < maxStartOver && d.f.o.Now().Before(d.win.soft):
			d.f.o.Log.WarnContext(ctx, "it is not known what was accepted, starting over in a new generation",
				"key", d.key, "generation", d.doc.Value.Generation, "error", err.Error())
			d.doc.Value = abandon(d.doc.Value, d.doc.Value.Generation, d.f.o.NewID(), d.f.mapper.Hash())
			d.batchBytes = max(d.batchBytes/2, minBatchBytes)
			if err := d.save(ctx); err != nil {
				return Outcome{}, err
			}
		default:
			return d.stop(ctx, p, err)
		}
	}
}

// minBatchBytes is the least that MAX_BATCH_BYTES may be.
const minBatchBytes = 60_000

// stop is step 5: what the object is to blame for ends it, all else releases it.
func (d *delivery) stop(ctx context.Context, p *pipeline, err error) (Outcome, error) {
	if p.outcome == sendRefused || p.outcome == sendNothing && fault.ClassOf(err) == fault.Reject {
		return d.end(ctx, archive.DeliveryFailed, err.Error())
	}
	d.doc.Value.Doubt = p.outcome == sendDoubt
	out, serr := d.release(ctx, err.Error())
	if serr != nil {
		return out, serr
	}
	if p.outcome == sendLater || errors.Is(err, context.DeadlineExceeded) {
		return out, nil // released in time; the sweep goes on
	}
	return out, err
}

// account takes over what a generation has sent so far.
func (d *delivery) account(p *pipeline, res mapping.Result) {
	v := &d.doc.Value
	v.Done, v.Accepted = p.done.ranges(), p.accepted
	v.Requests += p.requests
	v.Bytes += p.bytes
	v.Mapped, v.Skipped = res.Mapped, res.Skipped
	v.DuplicatesPossible = v.DuplicatesPossible || p.duplicates
}

// reject ends a delivery whose object cannot be read; other errors come through.
func (d *delivery) reject(ctx context.Context, err error) (Outcome, error) {
	if fault.ClassOf(err) != fault.Reject {
		return Outcome{}, err
	}
	v := &d.doc.Value
	v.RawKey, v.ETag, v.Mapping = d.key, d.info.ETag, d.f.mapper.Hash()
	return d.end(ctx, archive.DeliveryFailed, err.Error())
}

// readEnvelope learns the scan's system and order from the object's beginning.
func (d *delivery) readEnvelope(ctx context.Context) error {
	body, err := d.f.o.Archive.Open(ctx, d.info)
	if err != nil {
		return err
	}
	defer body.Close()
	doc, err := mapping.Open(body)
	if err != nil {
		return err
	}
	d.env = doc.Envelope
	d.order = archive.Order{StartedAt: d.env.Run.StartedAt, Run: d.env.Run.ID}
	return nil
}

// register reads the system's commit register, and whether the delivery that it
// names failed.
func (d *delivery) register(ctx context.Context) (archive.Doc[archive.Register], bool, error) {
	store := d.f.o.Archive
	reg, err := archive.Load[archive.Register](ctx, store, archive.RegisterKey(d.env.System.ID), archive.RegisterSchema)
	if err != nil || !reg.Exists() || reg.Value.RawKey == d.key {
		return reg, false, err
	}
	named, err := archive.Load[archive.Delivery](ctx, store, archive.DeliveryKey(reg.Value.RawKey), archive.DeliverySchema)
	return reg, err == nil && named.Value.State == archive.DeliveryFailed, err
}

// end writes a final state.
func (d *delivery) end(ctx context.Context, state, reason string) (Outcome, error) {
	d.doc.Value.State = state
	return d.release(ctx, reason)
}

// release gives the lease back. Nothing is sent after an attempt at it.
func (d *delivery) release(ctx context.Context, reason string) (Outcome, error) {
	d.ended = true
	v := &d.doc.Value
	v.Lease, v.Reason = nil, reason
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), d.win.deadline)
	defer cancel()
	if err := d.save(ctx); err != nil {
		return Outcome{}, err
	}
	return d.outcome(), nil
}

func (d *delivery) save(ctx context.Context) error {
	d.doc.Value.UpdatedAt = d.f.o.Now().UTC()
	return archive.Save(ctx, d.f.o.Archive, archive.DeliveryKey(d.key), archive.DeliverySchema, &d.doc)
}

func (d *delivery) outcome() Outcome {
	v := &d.doc.Value
	return Outcome{State: v.State, Scan: v.Scan, System: d.env.System.Name, Reason: v.Reason}
}

func missing(err error, key string) error {
	if errors.Is(err, archive.ErrMissing) {
		return &fault.Error{Class: fault.Reject, Where: key, What: "there is no such raw object", Cure: "check the key"}
	}
	return fmt.Errorf("deliver: %w", err)
}
