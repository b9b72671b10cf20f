package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
)

// beginning is the result of steps 1 to 3.
type beginning struct {
	// nothing: there is nothing to send, and outcome says why.
	nothing bool
	outcome Outcome
	// steps has the next step of each scan, in the order of delivery.scans.
	steps []step
}

// nothingToSend returns the beginning of a delivery that sends nothing.
func nothingToSend(o Outcome, why reason) beginning {
	o.reason = why
	return beginning{nothing: true, outcome: o}
}

// begin reads the state and takes the lease (steps 1 to 3).
func (d *delivery) begin(ctx context.Context) (beginning, error) {
	at, err := d.look(ctx)
	if err != nil {
		return nothingToSend(Outcome{}, named(becauseError, err)), err
	}
	switch at.firstStep() {
	case stepDone:
		d.idle = true
		return nothingToSend(d.outcome(), becauseEnded), nil
	case stepBusy:
		d.idle = true
		return nothingToSend(Outcome{State: StateBusy, Reason: "another invocation holds the lease"}, becauseLeased), nil
	}
	if d.request.LeavePaced && d.doc.Value.MaxEventsPerSecond > 0 {
		d.idle = true
		return nothingToSend(Outcome{State: StatePaced, Reason: "it keeps to the pace that its replay asked for"}, becauseRate), nil
	}
	if err := d.contents(ctx); err != nil {
		d.scans = nil
		out, err := d.reject(ctx, err)
		return nothingToSend(out, out.reason), err
	}
	steps, err := d.takeLease(ctx, at)
	switch {
	case errors.Is(err, errLeft):
		d.idle = true
		return nothingToSend(Outcome{State: StateLeft, Reason: d.key + " is left to the sweep: newer is " + d.newer}, becauseOlder), nil
	case err != nil:
		return nothingToSend(Outcome{}, named(becauseError, err)), err
	case !slices.ContainsFunc(steps, changes):
		d.idle = true
		return nothingToSend(d.older(), becauseOlder), nil
	case !slices.ContainsFunc(steps, sends):
		return nothingToSend(d.outcome(), becauseSuperseded), nil
	}
	return beginning{steps: steps}, nil
}

// look reads the delivery document and the object's first bytes, and asks for a newer
// object of the system, all at the same time. An object that is missing is a fault of
// class Reject.
func (d *delivery) look(ctx context.Context) (*situation, error) {
	bucket := d.o.Archive
	var group errgroup.Group
	group.Go(func() (err error) {
		d.info, d.start, err = bucket.Start(ctx, d.key)
		return missing(err, d.key)
	})
	if d.request.Newer != nil {
		group.Go(func() error {
			d.newer, d.newerErr = d.request.Newer(ctx)
			return nil // newerErr matters only to a delivery that would begin
		})
	}
	var err error
	d.doc, err = bucket.Delivery(ctx, d.key)
	if err := cmp.Or(err, group.Wait()); err != nil {
		return nil, err
	}
	at := &situation{delivery: d.doc.Value, exists: d.doc.Exists(), etag: d.info.ETag, mapping: d.mapper.Hash(), now: d.o.Now()}
	at.replay = d.request.asks(at)
	return at, nil
}

// missing turns store.ErrMissing into a fault that names the cure; it is still the
// fault's cause.
func missing(err error, key string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrMissing):
		return &fault.Error{Class: fault.Reject, Where: key, What: "there is no such raw object",
			Cure: "check the key; one that the bucket's lifecycle has expired cannot be sent again", Err: store.ErrMissing}
	}
	return fmt.Errorf("deliver: %w", err)
}

// changes reports whether a step writes to the delivery document.
func changes(s step) bool { return s != stepDone }

// sends reports whether a step needs the lease.
func sends(s step) bool { return s == stepSend || s == stepFinish }

// takeLease decides the next step of each scan, and takes the lease (steps 2 and 3).
// One write holds the lease and the generations. The document is not written if every
// scan has ended, if the pace is too slow, or if the sweep is to deliver (errLeft).
func (d *delivery) takeLease(ctx context.Context, at *situation) ([]step, error) {
	d.fillLease(at)
	recall(&d.doc.Value, d.scans, at.sameVersion())
	d.parts = make([]PartOutcome, len(d.scans))
	steps := make([]step, len(d.scans))
	for i, s := range d.scans {
		var err error
		d.parts[i].System = s.Envelope.System
		if steps[i], d.parts[i].Older, err = d.decide(ctx, at, s); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(steps, changes) {
		return steps, nil
	}
	if !d.doc.Exists() && slices.Contains(steps, stepSend) {
		if d.newerErr != nil {
			return nil, d.newerErr
		}
		if d.newer != "" {
			return nil, d.leaveToSweep(ctx)
		}
	}
	if err := d.feasible(ctx, steps); err != nil {
		d.idle = true
		return nil, err
	}
	if !slices.ContainsFunc(steps, sends) {
		d.doc.Value.Lease = nil // every scan is superseded or has ended: this write ends the delivery
	} else if keep := d.o.KeepInView; keep != nil && (at.replay || !d.request.Remembered) {
		if err := keep(ctx, d.info, at.replay); err != nil {
			return nil, err
		}
	}
	// A crash before this write leaves everything as it was. A crash after it leaves
	// the lease. Once the lease has run out, the next sweep begins another generation,
	// unless the register names this one or only its extras are left.
	return steps, d.save(ctx)
}

// errLeft says that the delivery is left to the sweep.
var errLeft = errors.New("left to the sweep")

// leaveToSweep makes the sweep look as far back as the object, and returns errLeft. A
// crash before that note leaves the object to the sweep's full look.
func (d *delivery) leaveToSweep(ctx context.Context) error {
	if keep := d.o.KeepInView; keep != nil {
		if err := keep(ctx, d.info, false); err != nil {
			return err
		}
	}
	return errLeft
}

// fillLease puts this invocation's lease into the document in memory, and counts a
// lease that its holder did not give back.
func (d *delivery) fillLease(at *situation) {
	v := &d.doc.Value
	if v.Lease == nil || !at.sameVersion() {
		v.Expired = 0
	} else {
		v.Expired++
	}
	v.RawKey, v.ETag, v.UpdatedAt, v.Mapping = d.key, d.info.ETag, at.now, d.mapper.Hash()
	v.Lease = &archive.Lease{Owner: d.o.NewID(), Until: d.win.Deadline.Add(leaseSpare)}
	d.settlePace(at)
	if d.request.JobID != "" { // a delivery that only goes on fulfils the request, too
		v.Replay = d.request.JobID
	}
}

// decide returns the next step of one scan, and changes the scan in memory to the state
// in which that step begins. It also returns whether nothing is sent of the scan because
// a newer one is committed.
func (d *delivery) decide(ctx context.Context, at *situation, s *scan) (next step, older bool, err error) {
	c, reg, err := d.candidate(ctx, s)
	if err != nil {
		return stepDone, false, err
	}
	s.found = d.foundNow(c, &reg)
	if d.request.Force && !reg.Exists() {
		// A newer scan under way is no reason to stop here: the commit point waits for it.
		if err := d.askDocuments(ctx, s, c, &reg); err != nil && !errors.Is(err, errUnderWay) {
			return stepDone, false, err
		}
	}
	d.request.mark(at, c)
	s.recognise(&c.register.System)
	next = at.step(c)
	if next == stepSend && !c.forced() && reg.Exists() { // without a register the commit point asks the documents
		if err := d.askDocuments(ctx, s, c, &reg); err != nil {
			return stepDone, false, err
		}
		next = at.step(c)
	}
	switch next {
	case stepDone:
		older = c.outdated()
	case stepSupersede:
		older = true
		s.Order = c.order
		s.supersede("nothing to do: a newer scan is committed, " + c.newer().RawKey + "; a replay of this key with force shows this one instead")
	default:
		s.begin(at, c, d.key, d.o.NewID())
	}
	return next, older, nil
}

// candidate reads the register of a scan's system, and for the commits in it the
// delivery documents, which say whether their scan events were accepted.
func (d *delivery) candidate(ctx context.Context, s *scan) (*candidate, store.Doc[archive.Register], error) {
	bucket := d.o.Archive
	c := &candidate{place: d.place(s), recorded: s.Scan}
	reg, err := bucket.Register(ctx, s.Envelope.System.ID)
	c.register, c.forceLapsed = reg.Value, !reg.Exists() && !d.request.Force
	if err != nil {
		return c, reg, err
	}
	documents := map[string]*archive.Delivery{d.key: &d.doc.Value}
	c.documents = documents
	c.commits, err = standing(reg.Value.Commits(), func(one *archive.Commit) (fate, error) {
		if documents[one.RawKey] == nil && one.RawKey != "" {
			read, err := bucket.Delivery(ctx, one.RawKey)
			if err != nil {
				return fateOpen, err
			}
			documents[one.RawKey] = &read.Value
		}
		if document := documents[one.RawKey]; document != nil {
			return fateOf(document, one.ScanID), nil
		}
		return fateOpen, nil
	})
	return c, reg, err
}

// place returns where a scan of the object stands among the scans of its system.
func (d *delivery) place(s *scan) place {
	return place{order: s.order(), completedAt: mapping.CompletedAt(&s.Envelope), storedAt: d.info.LastModified, handMade: archive.IsHandMade(d.key)}
}

// recognise completes the system of a hand-made document without an envelope from the
// register: the results of API v1 do not name a vCenter.
func (s *scan) recognise(known *archive.System) {
	system := &s.Envelope.System
	if s.bare && (system.Name == "" || system.Name == system.ID) && known.Name != "" {
		system.Name = known.Name
	}
	if s.bare && system.Type == runecast.TypeUnknown && known.Type != "" {
		system.Type = known.Type
	}
}
