package forward

import (
	"time"

	"runecast-ingest/internal/archive"
)

// step is what a delivery does next.
type step int

const (
	stepDone       step = iota // it ended before; only a replay sends again
	stepBusy                   // somebody else delivers it
	stepSupersede              // a newer scan of the system is committed
	stepSend                   // take the lease and send
	stepFinish                 // the commit point has passed: send the scan event
	stepOpenObject             // the order of the scan must be read first
)

// situation is all that a delivery is decided on.
type situation struct {
	delivery archive.Delivery
	exists   bool
	register archive.Register
	// registerFailed: the delivery that the register names is failed, so that
	// any order may replace it.
	registerFailed bool
	etag           string
	mapping        string
	now            time.Time
}

// before decides by the delivery document alone (step 1).
func (s *situation) before() step {
	same := s.exists && s.delivery.ETag == s.etag
	switch {
	case same && s.delivery.Final():
		return stepDone // whatever the mapping
	case s.exists && s.delivery.Lease.Live(s.now):
		return stepBusy
	}
	return stepOpenObject
}

// after decides once the order of the scan and the register are known (step 2).
func (s *situation) after(order archive.Order) step {
	switch {
	case s.register.Order.Compare(order) > 0 && !s.registerFailed:
		return stepSupersede
	case s.committed():
		return stepFinish
	}
	return stepSend
}

// committed tells that the register names this delivery's scan already.
func (s *situation) committed() bool {
	return s.exists && s.delivery.ETag == s.etag && s.register.ScanID != "" && s.register.ScanID == s.delivery.ScanID
}

// resumable tells that the generation can go on: released cleanly, the same
// object, the same mapping (step 3).
func (s *situation) resumable() bool {
	d := &s.delivery
	return s.exists && d.State == archive.DeliverySending && d.Lease == nil && !d.Doubt &&
		d.ETag == s.etag && d.Mapping == s.mapping && d.Generation > 0
}

// lease gives the document that takes the lease (step 3). A generation that
// cannot go on is abandoned: its rows stay invisible, since its scan id is
// never committed.
func (s *situation) lease(rawKey string, order archive.Order, lease archive.Lease, newScanID string) archive.Delivery {
	d := s.delivery
	d.RawKey, d.ETag, d.Order = rawKey, s.etag, order
	d.State, d.Lease, d.UpdatedAt = archive.DeliverySending, &lease, s.now
	if s.committed() || s.resumable() {
		return d
	}
	return abandon(d, max(d.Generation, s.registered(rawKey)), newScanID, s.mapping)
}

// registered is the generation that the register holds of this object.
func (s *situation) registered(rawKey string) int {
	if s.register.RawKey == rawKey {
		return s.register.Generation
	}
	return 0
}

// abandon begins the next generation: a new scan id, nothing sent.
func abandon(d archive.Delivery, generation int, newScanID, mapping string) archive.Delivery {
	d.Scan = archive.Scan{Order: d.Order, State: archive.DeliverySending, Force: d.Force, ScanID: newScanID, Generation: generation + 1}
	d.Mapping = mapping
	return d
}

// commitStep is what the commit point finds.
type commitStep int

const (
	commitWrite     commitStep = iota // reserve the commit
	commitMine                        // it is reserved for this scan already
	commitSupersede                   // a newer scan is committed
	commitStop                        // a higher generation of this scan is committed
)

// commit decides the commit point (step 6).
func commit(reg archive.Register, registerFailed bool, order archive.Order, generation int, scanID string) commitStep {
	c := reg.Order.Compare(order)
	switch {
	case reg.ScanID != "" && reg.ScanID == scanID:
		return commitMine
	case registerFailed:
		return commitWrite
	case c > 0:
		return commitSupersede
	case c == 0 && reg.Generation >= generation:
		return commitStop
	}
	return commitWrite
}

const (
	// maxReserved is how old a reserved timestamp may be: Dynatrace drops old records.
	maxReserved = time.Hour
	// maxAhead is how far in the future: Dynatrace moves what is 10 minutes ahead.
	maxAhead = 5 * time.Minute
)

// reserve gives the timestamp of a commit: it grows with every commit of the
// system, whatever the clocks.
func reserve(last, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if next := last.Add(time.Millisecond); next.After(now) {
		return next
	}
	return now
}
