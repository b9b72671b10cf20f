package forward

import (
	"time"

	"runecast-ingest/internal/archive"
)

// step is what a delivery does next.
type step int

const (
	stepDone      step = iota // it ended before; only a replay sends again
	stepBusy                  // somebody else delivers it
	stepLook                  // the scans in the object must be looked at first
	stepSupersede             // a newer scan of the system is committed
	stepSend                  // send, and commit
	stepFinish                // the commit point has passed: send the scan event
)

// situation is what a delivery begins with: its document and the object.
type situation struct {
	delivery archive.Delivery
	exists   bool
	etag     string
	mapping  string
	now      time.Time
	// replay: what has ended is to be sent again.
	replay bool
}

// before decides by the delivery document alone (step 1).
func (s *situation) before() step {
	switch {
	case s.same() && s.delivery.Final() && !s.replay:
		return stepDone // whatever the mapping
	case s.exists && s.delivery.Lease.Live(s.now):
		return stepBusy
	}
	return stepLook
}

// same tells that the document is about this version of the object.
func (s *situation) same() bool { return s.exists && s.delivery.ETag == s.etag }

// candidate is one scan of the object, what the document says of it, and what
// is committed of its system.
type candidate struct {
	order archive.Order
	// completedAt is when the appliance finished it; used for hand-made documents only.
	completedAt time.Time
	handMade    bool
	before      archive.Scan
	register    archive.Register
	// registerFailed: the delivery that the register names is failed, so that
	// any order may replace it.
	registerFailed bool
}

// step decides what is done with one scan (step 2).
func (s *situation) step(c *candidate) step {
	ended := s.same() && c.before.Final()
	switch {
	case ended && (!s.replay || c.outdated()):
		return stepDone
	case s.committed(c):
		return stepFinish
	case c.outdated():
		return stepSupersede
	}
	return stepSend
}

// outdated tells that a newer scan of the system is committed. A hand-made
// document is ordered by its upload, so its own time must not be older.
func (c *candidate) outdated() bool {
	if c.registerFailed || c.before.Force {
		return false
	}
	return c.register.Order.Compare(c.order) > 0 || c.handMade && c.completedAt.Before(c.register.CompletedAt)
}

// committed tells that the register names this generation of the scan already.
// A replay begins another one all the same.
func (s *situation) committed(c *candidate) bool {
	return !s.replay && s.same() && s.delivery.Mapping == s.mapping && c.register.ScanID != "" && c.register.ScanID == c.before.ScanID
}

// resumable tells that a generation can go on: released cleanly, the same
// object, the same mapping (step 3).
func (s *situation) resumable(c *candidate) bool {
	d := &s.delivery
	return s.same() && d.Lease == nil && d.Mapping == s.mapping &&
		c.before.State == archive.DeliverySending && !c.before.Doubt && c.before.Generation > 0
}

// generation gives the scan that is delivered from now on (step 3). One that
// cannot go on is abandoned: its rows stay invisible, since its scan id is
// never committed.
func (s *situation) generation(c *candidate, rawKey, newScanID string) archive.Scan {
	if s.committed(c) || s.resumable(c) {
		scan := c.before
		scan.Order, scan.State = c.order, archive.DeliverySending
		return scan
	}
	scan := c.before
	scan.Order = c.order
	if c.register.RawKey == rawKey {
		scan.Generation = max(scan.Generation, c.register.Generation)
	}
	return abandon(scan, newScanID)
}

// abandon begins the next generation: a new scan id, nothing sent.
func abandon(s archive.Scan, newScanID string) archive.Scan {
	return archive.Scan{Order: s.Order, State: archive.DeliverySending, Force: s.Force, ScanID: newScanID, Generation: s.Generation + 1}
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
func commit(c *candidate) commitStep {
	order := c.register.Order.Compare(c.order)
	switch {
	case c.register.ScanID != "" && c.register.ScanID == c.before.ScanID:
		return commitMine
	case c.outdated():
		return commitSupersede
	case order == 0 && !c.registerFailed && c.register.Generation >= c.before.Generation:
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
