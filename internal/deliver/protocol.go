package deliver

// This file has the decisions about the archive's documents. disposition.go decides how
// the delivery of a scan ends, and classify in internal/openpipeline/policy.go which
// answer of Dynatrace is doubt. All these functions are pure. TestModelHolds runs
// them through every interleaving and fault of a small world, and
// TestModelNeedsItsRules takes away one rule at a time and finds what breaks.
// PROTOCOL.md says of each rule what breaks without it:
//
//	01 The register is written before the scan event is sent, since
//	   the invocation may die between the two.
//	02 The register is written first even if nobody dies: two invocations at the
//	   same time are enough to show an older scan.
//	03 The register is written, not only read again, before the scan event.
//	04 The scan event carries the timestamp that the register reserves,
//	   not the time of sending.
//	05 The newest scan is the one with the newest timestamp, not the last to arrive.
//	06 A generation is written, with a scan id of its own, before anything is
//	   sent under it.
//	07 What was accepted is kept as ranges of event indexes, since batches
//	   overtake each other.
//	08 An error answer that Dynatrace may give after it accepted the batch is doubt.
//	09 After doubt a generation is never finished in place.
//	10 At the commit point the generation's number counts, not only the scan's order.
//	11 A clock that is ahead changes nothing about what is sent.
//	12 Each reserved timestamp is greater than the one before, whatever the clock.
//	13 After an attempt to release nothing is sent, whether or not it succeeded.
//	14 A generation that is too old is not committed: rows and scan event belong
//	   into one timeframe of the dashboard.
//	15 A generation is committed once: if the register names another scan before
//	   its scan event was accepted, its scan begins a new generation.

import (
	"slices"
	"time"

	"runecast-ingest/internal/archive"
)

// step is what a delivery does next.
type step int

const (
	stepDone      step = iota // the delivery has ended; only a replay sends again
	stepBusy                  // another invocation holds the lease
	stepLook                  // the scans in the object must be looked at first
	stepSupersede             // a newer scan of the system is committed
	stepSend                  // send, and commit
	stepFinish                // the commit point has passed: send the scan event, or the extras
)

// situation is what a delivery begins with: its document and the object.
type situation struct {
	delivery archive.Delivery
	exists   bool   // there is a delivery document
	etag     string // of the object as it is now
	mapping  string // hash of the mapping as it is now
	now      time.Time
	// replay: the delivery has ended, and is to be sent again.
	replay bool
}

// firstStep decides by the delivery document alone (step 1).
func (s *situation) firstStep() step {
	switch {
	case s.sameVersion() && s.delivery.Final() && !s.replay:
		return stepDone // also under another mapping
	case s.exists && s.delivery.Lease.Live(s.now):
		return stepBusy
	}
	return stepLook
}

// sameVersion reports whether the document is about this version of the object.
func (s *situation) sameVersion() bool { return s.exists && s.delivery.ETag == s.etag }

// candidate is one scan of the object, what the delivery document says of it, and what
// is committed of its system.
type candidate struct {
	place
	// recorded is what the delivery document says of the scan.
	recorded archive.Scan
	register archive.Register
	// commits are the register's commits that count, the newest first; see standing.
	commits []archive.Commit
	// documents are the delivery documents that were read for those commits, by raw key.
	documents map[string]*archive.Delivery
	// forceLapsed: there is no register, and the scan was forced in an earlier
	// invocation, so nobody knows what was committed since. The force does not count.
	forceLapsed bool
	// shown is the scan of another object that the delivery documents say is shown. It
	// is looked for only where there is no register; nil: none is known.
	shown *archive.Commit
}

// step decides what is done with one scan (step 2).
func (s *situation) step(c *candidate) step {
	ended := s.sameVersion() && c.recorded.Final()
	switch {
	case ended && (!s.replay || c.outdated()):
		return stepDone
	// Extras go on at any age: the dashboard does not join them to the scan event.
	case s.pastCommitPoint(c), c.recorded.Announced && s.inExtras(c):
		return stepFinish
	case c.outdated():
		return stepSupersede
	}
	return stepSend
}

// outdated reports whether a newer scan of the system is committed, and this scan was
// not forced over it. All commits that count are looked at, not only the register's
// newest: that one may be an older scan that was forced over a newer one, and until it
// is shown the newer one may not be replaced.
func (c *candidate) outdated() bool {
	return !c.forced() && c.newer() != nil
}

// newer returns the first commit in c.commits that is of a newer scan; nil: none is.
func (c *candidate) newer() *archive.Commit {
	for i := range c.commits {
		if placeOf(&c.commits[i]).compare(&c.place) > 0 {
			return &c.commits[i]
		}
	}
	return nil
}

// forced reports whether the scan may take the place of a newer committed scan: it was
// forced, and the same other scan is still committed as at that time.
func (c *candidate) forced() bool {
	return c.recorded.Force && !c.forceLapsed && c.recorded.Over == c.newestOther()
}

// newestOther returns the scan id of the register's newest commit of another scan, also
// where generations of this scan were committed over it. Without such a commit it
// returns the scan id of c.shown; empty: there is none either.
func (c *candidate) newestOther() string {
	for _, one := range c.register.Commits() {
		if one.Order.Compare(c.order) != 0 {
			return one.ScanID
		}
	}
	if c.shown != nil {
		return c.shown.ScanID
	}
	return ""
}

// mine reports whether the register names this generation of the scan.
func (c *candidate) mine() bool {
	return c.register.ScanID != "" && c.register.ScanID == c.recorded.ScanID
}

// pastCommitPoint reports whether the register names this generation and the generation
// may be finished: the same version of the object, the same mapping, younger than six
// hours or its scan event accepted. A replay always begins another generation.
func (s *situation) pastCommitPoint(c *candidate) bool {
	return !s.replay && s.sameVersion() && s.delivery.Mapping == s.mapping && c.mine() && (c.recorded.Announced || !tooOld(&c.recorded, s.now))
}

// replaced reports whether the register has named this generation, or may have, and
// does not name it now. A generation is committed once (rule 15): it was committed over
// the scan of that time, and must not replace what was committed since.
func (c *candidate) replaced() bool { return c.recorded.Reserved && !c.mine() }

// resumable reports whether a generation can go on (step 3): released without doubt,
// the same version of the object, the same mapping, neither replaced nor too old.
func (s *situation) resumable(c *candidate) bool {
	d := &s.delivery
	return s.sameVersion() && d.Lease == nil && d.Mapping == s.mapping && !c.replaced() &&
		c.recorded.State == archive.DeliverySending && !c.recorded.Doubt && c.recorded.Generation > 0 && !tooOld(&c.recorded, s.now)
}

// inExtras reports whether all findings of a scan are done, and only its extras are
// left. The extras go on at any age, and also where a lease ran out, since the document
// is written after each of their requests.
func (s *situation) inExtras(c *candidate) bool {
	return !s.replay && s.sameVersion() && s.delivery.Mapping == s.mapping &&
		c.recorded.State == archive.DeliverySending && c.recorded.Extras != nil && (!c.recorded.Announced || c.mine())
}

// commitStep is what a delivery does at the commit point.
type commitStep int

const (
	commitWrite     commitStep = iota // write the register: the commit's reservation
	commitMine                        // the register names this generation already
	commitWait                        // the same, but its timestamp is too far ahead of this clock
	commitSupersede                   // a newer scan is committed
	commitStop                        // a higher generation of this scan is committed
	commitAnew                        // the generation is too old for a commit (rule 14), or was replaced (rule 15)
)

// atCommitPoint decides what is done at the commit point (step 6). A reservation of
// this generation that is older than maxReserved is written again with a new timestamp.
func (c *candidate) atCommitPoint(now time.Time) commitStep {
	old := tooOld(&c.recorded, now)
	switch {
	case !c.mine() && c.outdated():
		return commitSupersede
	case !c.mine() && c.overtaken(): // rule 10
		return commitStop
	case old, c.replaced(): // rules 14 and 15
		return commitAnew
	case c.mine() && tooEarly(c.register.Timestamp, now):
		return commitWait
	case c.mine() && now.Sub(c.register.Timestamp) <= maxReserved:
		return commitMine
	}
	return commitWrite
}

// overtaken reports whether the register's newest commit is of this scan with the same
// or a higher generation, or any of its commits is of this scan with a higher one.
func (c *candidate) overtaken() bool {
	higher := func(one archive.Commit, than int) bool {
		return one.Order.Compare(c.order) == 0 && one.Generation > than
	}
	commits := c.register.Commits()
	return len(commits) > 0 && higher(commits[0], c.recorded.Generation-1) ||
		slices.ContainsFunc(commits, func(one archive.Commit) bool { return higher(one, c.recorded.Generation) })
}

// reservation returns the register as the commit point writes it, without the system
// and its unlicensed rules. The commits that count so far are kept as those before.
func (c *candidate) reservation(rawKey string, now time.Time) archive.Register {
	r := archive.Register{
		Order: c.order, Generation: c.recorded.Generation, ScanID: c.recorded.ScanID, RawKey: rawKey,
		Timestamp: reserve(c.register.Timestamp, now), CompletedAt: c.completedAt, CommittedAt: now.UTC(),
	}
	before := slices.DeleteFunc(slices.Clone(c.commits), func(one archive.Commit) bool { return one.ScanID == c.recorded.ScanID })
	if len(before) > 0 {
		r.Before, r.Earlier = before[0], before[1:]
	}
	return r
}

const (
	// maxReserved is how old a reserved timestamp may be: Dynatrace drops records that
	// are older than 24 hours.
	maxReserved = time.Hour
	// maxAhead is how far a reserved timestamp may lie in the future: Dynatrace changes
	// a timestamp that is 10 minutes ahead.
	maxAhead = 5 * time.Minute
	// maxAge is how old a generation may be at its commit. The dashboard joins rows and
	// scan event within one timeframe, of which 24 hours is the shortest that people
	// use. Rows leave that timeframe earlier than their scan event, by the difference of
	// their ages. Six hours are less than the time between two nightly runs, and enough
	// for a busy endpoint and a slow pace.
	maxAge = 6 * time.Hour
)

// tooOld reports whether a generation was begun more than maxAge ago, or at a time that
// is not known: its rows and its scan event would not be in one timeframe (rule 14). A
// beginning more than maxAge in the future is from a wrong clock, and counts as too old.
func tooOld(s *archive.Scan, now time.Time) bool { return now.Sub(s.BegunAt).Abs() > maxAge }

// tooEarly reports whether a scan event with this timestamp cannot be sent yet.
func tooEarly(reserved, now time.Time) bool { return reserved.After(now.Add(maxAhead)) }

// reserve returns the timestamp of a commit: now, or a millisecond after the timestamp
// of the commit before, whichever is later. So it grows with every commit of the system,
// whatever the clocks say (rules 11 and 12).
func reserve(last, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if next := last.Add(time.Millisecond); next.After(now) {
		return next
	}
	return now
}
