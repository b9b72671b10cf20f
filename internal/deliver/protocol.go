package deliver

// The decisions of the protocol, pure. TestModelHolds runs them through every
// interleaving and fault of a small world; TestModelNeedsItsRules takes away
// one rule at a time and finds what breaks:
//
//	01 the register is written before the scan event is sent, or an older scan
//	   follows when the sender dies in between
//	02 … or is slow: that takes no fault, only two invocations
//	03 to read the register once more before the scan event is not enough
//	04 the scan event carries the timestamp that the register reserves, not the
//	   time of sending
//	05 the newest scan is the one with the newest timestamp, not the last to arrive
//	06 a generation is written, with a scan id of its own, before anything is
//	   sent under it
//	07 what was accepted is kept as ranges, not as a prefix: batches overtake
//	   each other
//	08 an answer that may come after the acceptance (500, 502, 504) is doubt
//	09 after doubt a generation is never finished in place
//	10 at the commit point the generation counts, not only the order
//	11 a clock that is ahead changes nothing about what is sent (04)
//	12 … nor about what is reserved: each timestamp is greater than the last
//	13 after an attempt to release nothing is sent, whatever became of it

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
	// the commit before it counts.
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

// newest is the newest commit that counts: one whose delivery has failed does not.
func (c *candidate) newest() archive.Commit {
	if c.registerFailed {
		return c.register.Before
	}
	return archive.Commit{Order: c.register.Order, Generation: c.register.Generation, ScanID: c.register.ScanID}
}

// outdated tells that a newer scan of the system is committed, other than the
// one that it was forced over. A hand-made document is ordered by its upload, so
// its own time must not be older.
func (c *candidate) outdated() bool {
	if c.before.Force && c.before.Over == c.register.ScanID {
		return false
	}
	return c.newest().Order.Compare(c.order) > 0 ||
		c.handMade && !c.registerFailed && c.completedAt.Before(c.register.CompletedAt)
}

// mine tells that the register names this generation of the scan already.
func (c *candidate) mine() bool {
	return c.register.ScanID != "" && c.register.ScanID == c.before.ScanID
}

// committed tells that the commit point has passed, and that what was sent is
// what would be sent now. A replay begins another generation all the same.
func (s *situation) committed(c *candidate) bool {
	return !s.replay && s.same() && s.delivery.Mapping == s.mapping && c.mine()
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
// never committed. One that is committed, but was not released, is in doubt
// until it is complete: should the register name another scan by then, nobody
// knows what was accepted of it.
func (s *situation) generation(c *candidate, rawKey, newScanID string) archive.Scan {
	if s.committed(c) || s.resumable(c) {
		scan := c.before
		scan.Order, scan.State, scan.Doubt = c.order, archive.DeliverySending, !s.resumable(c)
		return scan
	}
	scan := c.before
	scan.Order = c.order
	if c.register.RawKey == rawKey {
		scan.Generation = max(scan.Generation, c.register.Generation)
	}
	return abandon(scan, newScanID)
}

// abandon begins the next generation: a new scan id, nothing sent (rules 06 and 09).
func abandon(s archive.Scan, newScanID string) archive.Scan {
	return archive.Scan{Order: s.Order, State: archive.DeliverySending, Force: s.Force, Over: s.Over, ScanID: newScanID, Generation: s.Generation + 1}
}

// commitStep is what the commit point finds.
type commitStep int

const (
	commitWrite     commitStep = iota // reserve the commit
	commitMine                        // it is reserved for this scan already
	commitWait                        // so it is, but for a time ahead of this clock
	commitSupersede                   // a newer scan is committed
	commitStop                        // a higher generation of this scan is committed
)

// commit decides the commit point (step 6). A reservation that has grown old is
// written anew.
func commit(c *candidate, now time.Time) commitStep {
	newest := c.newest()
	switch {
	case c.mine() && tooEarly(c.register.Timestamp, now):
		return commitWait
	case c.mine() && now.Sub(c.register.Timestamp) > maxReserved:
		return commitWrite
	case c.mine():
		return commitMine
	case c.outdated():
		return commitSupersede
	case newest.Order.Compare(c.order) == 0 && newest.Generation >= c.before.Generation: // rule 10
		return commitStop
	case c.register.Before.Order.Compare(c.order) == 0 && c.register.Before.Generation > c.before.Generation: // what stands was forced over it
		return commitStop
	}
	return commitWrite
}

// reservation is what the register says from the commit point on.
func (c *candidate) reservation(rawKey string, now time.Time) archive.Register {
	r := archive.Register{
		Order: c.order, Generation: c.before.Generation, ScanID: c.before.ScanID, RawKey: rawKey,
		Timestamp: reserve(c.register.Timestamp, now), CompletedAt: c.completedAt, CommittedAt: now.UTC(), Before: c.newest(),
	}
	if c.mine() {
		r.Before = c.register.Before
	}
	return r
}

const (
	// maxReserved is how old a reserved timestamp may be: Dynatrace drops old records.
	maxReserved = time.Hour
	// maxAhead is how far in the future: Dynatrace moves what is 10 minutes ahead.
	maxAhead = 5 * time.Minute
)

// tooEarly tells that a reserved timestamp cannot be announced yet.
func tooEarly(reserved, now time.Time) bool { return reserved.After(now.Add(maxAhead)) }

// reserve gives the timestamp of a commit: it grows with every commit of the
// system, whatever the clocks (rules 11 and 12).
func reserve(last, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if next := last.Add(time.Millisecond); next.After(now) {
		return next
	}
	return now
}
