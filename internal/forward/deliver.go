package forward

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
	"runecast-ingest/internal/runecast"
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
	// State is the delivery document's, or "busy", or "pending".
	State  string
	Scan   archive.Scan
	System string
	Reason string
}

const (
	stateBusy    = "busy"
	statePending = "pending"
)

// delivery is the delivery of one object in one invocation.
type delivery struct {
	f       *Forwarder
	key     string
	info    archive.RawInfo
	doc     archive.Doc[archive.Delivery]
	targets []*target
	win     window
	// batchBytes bounds a body; halved after doubt.
	batchBytes int
	ended      bool // a release was attempted: nothing may be sent any more
	// idle: there was nothing to do. The others count this invocation's work.
	idle                  bool
	requests, startedOver int64
}

// target is one scan of the object on its way.
type target struct {
	Part
	order archive.Order
	// scan is the scan's part in the delivery document.
	scan *archive.Scan
}

func (t *target) system() archive.System {
	s := &t.Envelope.System
	return archive.System{ID: s.ID, Name: s.Name, Type: s.Type}
}

// contents lists the scans in the object. Archived ones are ordered by their
// run, hand-made ones by their upload.
func (d *delivery) contents(ctx context.Context) error {
	parts, err := Contents(d.source(ctx), d.key)
	for _, p := range parts {
		run := &p.Envelope.Run
		if handMade(d.key) {
			run.ID, run.StartedAt = d.key, d.info.LastModified.UTC()
		}
		d.targets = append(d.targets, &target{Part: p, order: archive.Order{StartedAt: run.StartedAt, Run: run.ID}})
	}
	return err
}

func (d *delivery) source(ctx context.Context) Source {
	return func() (io.ReadCloser, error) { return d.f.o.Archive.Open(ctx, d.info) }
}

// deliver delivers the current version of a raw object. What the object itself
// is to blame for is no error but an outcome; an error is for the caller to try
// again, and has a class. Without time left in the invocation's window nothing
// is begun.
func (f *Forwarder) deliver(ctx context.Context, key string, win window) (Outcome, error) {
	now := f.o.Now()
	if !now.Before(win.soft) {
		return Outcome{State: statePending, Reason: "no time was left for it in this invocation"}, nil
	}
	d := &delivery{f: f, key: key, win: win, batchBytes: f.o.Config.MaxBatchBytes}
	var out Outcome
	err := telemetry.Trace(ctx, "deliver", func(ctx context.Context) (err error) {
		out, err = d.run(ctx)
		return err
	}, "key", key)
	if errors.Is(err, archive.ErrConflict) || errors.Is(err, archive.ErrRace) {
		out, err = Outcome{State: stateBusy, Reason: "another invocation delivers it"}, nil
	}
	d.observe(ctx, out, err, f.o.Now().Sub(now))
	return out, err
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
		d.idle = true
		return d.outcome(), nil
	case stepBusy:
		d.idle = true
		return Outcome{State: stateBusy, Reason: "another invocation holds the lease"}, nil
	}
	if err := d.contents(ctx); err != nil {
		return d.reject(ctx, err)
	}
	steps, err := d.take(ctx, &s)
	if err != nil {
		return Outcome{}, err
	}
	if d.doc.Value.Expired >= maxExpired && slices.Contains(steps, stepSend) {
		return d.reject(ctx, &fault.Error{Class: fault.Reject, Where: d.key,
			What: fmt.Sprintf("%d invocations in a row ended without a word", maxExpired),
			Cure: "look into the function's log for time-outs and memory, then replay"})
	}
	for i, t := range d.targets {
		if steps[i] != stepSend && steps[i] != stepFinish {
			continue
		}
		if goOn, err := d.deliver(ctx, t, steps[i] == stepFinish); !goOn {
			return d.release(ctx, err)
		}
	}
	return d.release(ctx, nil)
}

// take decides what is done with each scan, and takes the lease by the one
// write that also decides the generations (steps 2 and 3).
func (d *delivery) take(ctx context.Context, s *situation) ([]step, error) {
	v := &d.doc.Value
	if v.Lease == nil || !s.same() {
		v.Expired = 0
	} else {
		v.Expired++
	}
	v.RawKey, v.ETag, v.UpdatedAt = d.key, d.info.ETag, s.now
	v.Lease = &archive.Lease{Owner: d.f.o.NewID(), Until: d.win.deadline.Add(leaseSpare)}
	d.place(s)
	steps := make([]step, len(d.targets))
	for i, t := range d.targets {
		c, _, err := d.candidate(ctx, t)
		if err != nil {
			return nil, err
		}
		t.recognise(&c.register.System)
		switch steps[i] = s.step(c); steps[i] {
		case stepDone:
		case stepSupersede:
			t.scan.Order, t.scan.State, t.scan.Reason = t.order, archive.DeliverySuperseded, "a newer scan is committed: "+c.register.RawKey
		default:
			*t.scan = s.generation(c, d.key, d.f.o.NewID())
		}
	}
	v.Mapping = d.f.mapper.Hash()
	return steps, d.save(ctx)
}

// recognise takes from an earlier commit what a saved document does not say of
// its system: v1 results name no vCenter.
func (t *target) recognise(known *archive.System) {
	s := &t.Envelope.System
	if t.bare && (s.Name == "" || s.Name == s.ID) && known.Name != "" {
		s.Name = known.Name
	}
	if t.bare && s.Type == runecast.TypeUnknown && known.Type != "" {
		s.Type = known.Type
	}
}

// place gives every scan its part in the document: the document itself for
// one, an entry each for several.
func (d *delivery) place(s *situation) {
	v := &d.doc.Value
	v.Force = v.Force && s.same() // a replay's force is for the version it saw
	if len(d.targets) == 1 {
		v.Scans, d.targets[0].scan = nil, &v.Scan
		return
	}
	known := map[string]archive.Scan{}
	for _, part := range v.Scans {
		known[part.System.ID] = part.Scan
	}
	v.Scans = make([]archive.SystemScan, len(d.targets))
	for i, t := range d.targets {
		v.Scans[i] = archive.SystemScan{System: t.system()}
		if s.same() {
			v.Scans[i].Scan = known[t.Envelope.System.ID]
		}
		t.scan = &v.Scans[i].Scan
	}
}

// candidate reads what is committed of a scan's system, and whether the
// delivery that the register names failed.
func (d *delivery) candidate(ctx context.Context, t *target) (*candidate, archive.Doc[archive.Register], error) {
	store := d.f.o.Archive
	c := &candidate{order: t.order, completedAt: t.Envelope.CompletedAt(), handMade: handMade(d.key), before: *t.scan}
	reg, err := archive.Load[archive.Register](ctx, store, archive.RegisterKey(t.Envelope.System.ID), archive.RegisterSchema)
	c.register = reg.Value
	if err != nil || !reg.Exists() || reg.Value.RawKey == d.key {
		return c, reg, err
	}
	named, err := archive.Load[archive.Delivery](ctx, store, archive.DeliveryKey(reg.Value.RawKey), archive.DeliverySchema)
	c.registerFailed = failed(&named.Value, reg.Value.ScanID)
	return c, reg, err
}

// failed tells whether the delivery of this very scan failed, whatever became
// of others in the same object.
func failed(d *archive.Delivery, scanID string) bool {
	for i := range d.Scans {
		if d.Scans[i].ScanID == scanID {
			return d.Scans[i].State == archive.DeliveryFailed
		}
	}
	return d.ScanID == scanID && d.State == archive.DeliveryFailed
}

// deliver is steps 4 to 7 for one scan, sending again after doubt. False: this
// invocation delivers nothing more; an error says that a person or another try
// is needed.
func (d *delivery) deliver(ctx context.Context, t *target, committed bool) (bool, error) {
	for again := 0; ; again++ {
		p := newPipeline(d, t, committed)
		res, err := p.run(ctx)
		t.account(p, res)
		d.requests += p.requests
		switch {
		case err == nil:
			return d.finish(ctx, t, res)
		case p.outcome == sendDoubt && again < maxStartOver && d.f.o.Now().Before(d.win.soft):
			d.f.o.Log.WarnContext(ctx, "it is not known what was accepted, starting over in a new generation",
				"key", d.key, "generation", t.scan.Generation, "error", err.Error())
			if d.f.o.Sleep(ctx, time.Duration(again+1)*time.Second) != nil {
				return t.stop(p, err)
			}
			d.startedOver++
			*t.scan = abandon(*t.scan, d.f.o.NewID())
			d.batchBytes = max(min(d.batchBytes, p.batcher.Limit())/2, minBatchBytes)
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
	t.scan.Reason = err.Error()
	if p.outcome == sendNothing && fault.ClassOf(err) == fault.Reject {
		t.scan.State = archive.DeliveryFailed
		return true, nil
	}
	t.scan.Doubt = p.outcome == sendDoubt || p.hopeless // the next try begins anew
	if p.outcome == sendLater || errors.Is(err, context.DeadlineExceeded) {
		return false, nil // released in time; whoever comes next goes on
	}
	if p.outcome == sendUnusable {
		err = &endpointError{err}
	}
	return false, err
}

// endpointError: the endpoint cannot be used, so no other object can be
// delivered either until a person has mended it.
type endpointError struct{ err error }

func (e *endpointError) Error() string { return e.err.Error() }
func (e *endpointError) Unwrap() error { return e.err }

// account takes over what a generation has sent so far.
func (t *target) account(p *pipeline, res mapping.Result) {
	v := t.scan
	v.Done, v.Accepted, v.Quarantined = p.done.ranges(), p.accepted, p.quarantined
	v.Requests += p.requests
	v.Bytes += p.bytes
	v.Mapped, v.Skipped = res.Mapped, res.Skipped
	v.DuplicatesPossible = v.DuplicatesPossible || p.duplicates
}

func missing(err error, key string) error {
	if errors.Is(err, archive.ErrMissing) {
		return &fault.Error{Class: fault.Reject, Where: key, What: "there is no such raw object", Cure: "check the key", Err: archive.ErrMissing}
	}
	return fmt.Errorf("deliver: %w", err)
}
