package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
)

// beginning is what steps 1 to 3 come to.
type beginning struct {
	// over: there is nothing to send, and outcome says why.
	over    bool
	outcome Outcome
	// steps are what is done with each scan.
	steps []step
}

func over(o Outcome) beginning { return beginning{over: true, outcome: o} }

// begin reads the state and takes the lease (steps 1 to 3).
func (d *delivery) begin(ctx context.Context) (beginning, error) {
	s, err := d.look(ctx)
	if err != nil {
		return beginning{}, err
	}
	switch s.before() {
	case stepDone:
		d.idle = true
		return over(d.outcome()), nil
	case stepBusy:
		d.idle = true
		return over(Outcome{State: StateBusy, Reason: "another invocation holds the lease"}), nil
	}
	if err := d.contents(ctx); err != nil {
		out, err := d.reject(ctx, err)
		return over(out), err
	}
	steps, err := d.take(ctx, s)
	switch {
	case err != nil:
		return beginning{}, err
	case !slices.ContainsFunc(steps, changes):
		d.idle = true
		return over(d.older()), nil
	case !slices.ContainsFunc(steps, sends):
		return over(d.outcome()), nil
	}
	return beginning{steps: steps}, nil
}

// look reads the delivery document and what the object is now.
func (d *delivery) look(ctx context.Context) (*situation, error) {
	bucket := d.f.o.Archive
	var err error
	if d.doc, err = bucket.Delivery(ctx, d.key); err != nil {
		return nil, err
	}
	if d.info, err = bucket.Head(ctx, d.key); err != nil {
		return nil, missing(err, d.key)
	}
	s := &situation{delivery: d.doc.Value, exists: d.doc.Exists(), etag: d.info.ETag, mapping: d.f.mapper.Hash(), now: d.f.o.Now()}
	s.replay = d.request.asks(s)
	return s, nil
}

// changes tells that a step writes to the delivery document.
func changes(s step) bool { return s != stepDone }

// sends tells that a step needs the lease.
func sends(s step) bool { return s == stepSend || s == stepFinish }

// take decides what is done with each scan, and takes the lease by the one
// write that also decides the generations (steps 2 and 3). Where nothing is to
// be done, nothing is written.
func (d *delivery) take(ctx context.Context, s *situation) ([]step, error) {
	d.lease(s)
	d.place(s)
	steps := make([]step, len(d.targets))
	for i, t := range d.targets {
		var err error
		if steps[i], err = d.decide(ctx, s, t); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(steps, changes) {
		return steps, nil
	}
	if !slices.ContainsFunc(steps, sends) {
		d.doc.Value.Lease = nil // this write ends the delivery
	} else if keep := d.f.o.KeepInView; keep != nil && (s.replay || !d.request.Remembered) {
		if err := keep(ctx, d.info, s.replay); err != nil {
			return nil, err
		}
	}
	// A crash before this write leaves everything as it was. A crash after it leaves
	// a lease: once that has run out, a trigger or the sweep begins a new generation,
	// and what was sent under this one stays invisible. One that was committed is
	// finished instead.
	return steps, d.save(ctx)
}

// lease puts this invocation's lease into the document.
func (d *delivery) lease(s *situation) {
	v := &d.doc.Value
	if v.Lease == nil || !s.same() {
		v.Expired = 0
	} else {
		v.Expired++
	}
	v.RawKey, v.ETag, v.UpdatedAt, v.Mapping = d.key, d.info.ETag, s.now, d.f.mapper.Hash()
	v.Lease = &archive.Lease{Owner: d.f.o.NewID(), Until: d.win.Deadline.Add(leaseSpare)}
	if d.request.JobID != "" { // also where it only goes on: the request is fulfilled by that
		v.Replay = d.request.JobID
	}
}

// decide gives the next step of one scan, and its part in the document what
// belongs to that step.
func (d *delivery) decide(ctx context.Context, s *situation, t *target) (step, error) {
	c, _, err := d.candidate(ctx, t)
	if err != nil {
		return stepDone, err
	}
	d.request.mark(s, c)
	t.recognise(&c.register.System)
	next := s.step(c)
	switch next {
	case stepDone:
	case stepSupersede:
		t.scan.Order, t.scan.State, t.scan.Reason = t.order, archive.DeliverySuperseded, "a newer scan is committed: "+c.register.RawKey
	default:
		*t.scan = s.generation(c, d.key, d.f.o.NewID())
	}
	return next, nil
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
		v.Scans[i] = archive.SystemScan{System: t.Envelope.System}
		if s.same() {
			v.Scans[i].Scan = known[t.Envelope.System.ID]
		}
		t.scan = &v.Scans[i].Scan
	}
}

// candidate reads what is committed of a scan's system, and whether the
// delivery that the register names failed.
func (d *delivery) candidate(ctx context.Context, t *target) (*candidate, store.Doc[archive.Register], error) {
	bucket := d.f.o.Archive
	c := &candidate{order: t.order, completedAt: mapping.CompletedAt(&t.Envelope), handMade: archive.IsHandMade(d.key), before: *t.scan}
	reg, err := bucket.Register(ctx, t.Envelope.System.ID)
	c.register = reg.Value
	if err != nil || !reg.Exists() || reg.Value.RawKey == d.key {
		return c, reg, err
	}
	named, err := bucket.Delivery(ctx, reg.Value.RawKey)
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

func missing(err error, key string) error {
	if errors.Is(err, store.ErrMissing) {
		return &fault.Error{Class: fault.Reject, Where: key, What: "there is no such raw object",
			Cure: "check the key; one that the bucket's lifecycle has expired cannot be sent again", Err: store.ErrMissing}
	}
	return fmt.Errorf("deliver: %w", err)
}
