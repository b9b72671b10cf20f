package deliver

// This file has the decisions about the archive's documents, disposition.go that
// about the end of a scan. Which answer of Dynatrace is doubt is decided by
// classify in internal/openpipeline/policy.go. All are pure. TestModelHolds runs
// them through every interleaving and fault of a small world, and
// TestModelNeedsItsRules takes away one rule at a time and finds what breaks.
// PROTOCOL.md says more of each rule:
//
//	01 The register is written before the scan event is sent, since
//	   its sender may die between the two.
//	02 That holds also if nobody dies: two invocations at the same time suffice.
//	03 To read the register once more before that event would not be enough.
//	04 The scan event carries the timestamp that the register reserves,
//	   not the time of sending.
//	05 The newest scan is the one with the newest timestamp, not the last to arrive.
//	06 A generation is written, with a scan id of its own, before anything is
//	   sent under it.
//	07 What was accepted is kept as ranges of event indexes, since batches
//	   overtake each other.
//	08 An answer that may come after the acceptance is doubt.
//	09 After doubt a generation is never finished in place.
//	10 At the commit point the generation counts, not only the order.
//	11 A clock that is ahead changes nothing about what is sent.
//	12 Each reserved timestamp is greater than the one before, whatever the clock.
//	13 After an attempt to release nothing is sent, whatever became of it.
//	14 A generation that is too old is not committed: rows and scan event belong
//	   into one timeframe of the dashboard.
//	15 A generation is committed once: one that was replaced before its scan
//	   event was accepted begins anew.

import (
	"slices"
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

// firstStep decides by the delivery document alone (step 1).
func (s *situation) firstStep() step {
	switch {
	case s.sameVersion() && s.delivery.Final() && !s.replay:
		return stepDone // whatever the mapping
	case s.exists && s.delivery.Lease.Live(s.now):
		return stepBusy
	}
	return stepLook
}

// sameVersion reports whether the document is about this version of the object.
func (s *situation) sameVersion() bool { return s.exists && s.delivery.ETag == s.etag }

// candidate is one scan of the object, what the document says of it, and what
// is committed of its system.
type candidate struct {
	place
	// recorded is what the delivery document says of it.
	recorded archive.Scan
	register archive.Register
	// commits are those of the register that count, the newest first; see standing.
	commits []archive.Commit
	// documents are the delivery documents that were read for that, by raw key.
	documents map[string]*archive.Delivery
	// lapsed: there is no register, and it was in an earlier invocation that the scan
	// was forced, so that nobody knows what was committed since.
	lapsed bool
	// shown is, where there is no register, what the delivery documents say is
	// shown of another object; nil: nothing, or there is a register.
	shown *archive.Commit
}

// step decides what is done with one scan (step 2).
func (s *situation) step(c *candidate) step {
	ended := s.sameVersion() && c.recorded.Final()
	switch {
	case ended && (!s.replay || c.outdated()):
		return stepDone
	case s.pastCommitPoint(c), c.recorded.Announced && s.inExtras(c): // however old: nothing that is joined to it is sent any more
		return stepFinish
	case c.outdated():
		return stepSupersede
	}
	return stepSend
}

// outdated reports whether a newer scan of the system is committed, other than
// the one that it was forced over. All commits that count are looked at: as long
// as it is not known that a scan is shown which was forced over a newer one,
// nothing may take the newer one's place.
func (c *candidate) outdated() bool {
	return !c.forced() && c.newer() != nil
}

// newer returns the newest commit that counts and is of a newer scan; nil: none.
func (c *candidate) newer() *archive.Commit {
	for i := range c.commits {
		if placeOf(&c.commits[i]).compare(&c.place) > 0 {
			return &c.commits[i]
		}
	}
	return nil
}

// forced reports whether the scan may take the place of what is committed,
// however new that is.
func (c *candidate) forced() bool {
	return c.recorded.Force && !c.lapsed && c.recorded.Over == c.other()
}

// other returns the scan id of the newest commit of another scan, whatever
// generations of this one were committed over it; empty: there is none. Where
// there is no register, it is that of what is shown.
func (c *candidate) other() string {
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

// mine reports whether the register names this generation of the scan already.
func (c *candidate) mine() bool {
	return c.register.ScanID != "" && c.register.ScanID == c.recorded.ScanID
}

// pastCommitPoint reports whether the register names this generation already and it
// may be finished: the same object, the same mapping, younger than six hours or
// announced already. A replay begins another generation all the same.
func (s *situation) pastCommitPoint(c *candidate) bool {
	return !s.replay && s.sameVersion() && s.delivery.Mapping == s.mapping && c.mine() && (c.recorded.Announced || !tooOld(&c.recorded, s.now))
}

// replaced reports whether the register has named this generation, or may have, and
// names another scan now. A generation is committed once: what was forced over it
// may take its place, but not that of what was committed in between (rule 15).
func (c *candidate) replaced() bool { return c.recorded.Reserved && !c.mine() }

// resumable reports whether a generation can go on: released cleanly, the same
// object, the same mapping, neither replaced nor too old (step 3).
func (s *situation) resumable(c *candidate) bool {
	d := &s.delivery
	return s.sameVersion() && d.Lease == nil && d.Mapping == s.mapping && !c.replaced() &&
		c.recorded.State == archive.DeliverySending && !c.recorded.Doubt && c.recorded.Generation > 0 && !tooOld(&c.recorded, s.now)
}

// inExtras reports whether all findings of a scan were dealt with, and only what
// follows them is left: it goes on whoever sent it, and whenever, for what was
// sent is written down after each request.
func (s *situation) inExtras(c *candidate) bool {
	return !s.replay && s.sameVersion() && s.delivery.Mapping == s.mapping &&
		c.recorded.State == archive.DeliverySending && c.recorded.Extras != nil && (!c.recorded.Announced || c.mine())
}

// commitStep is what the commit point finds.
type commitStep int

const (
	commitWrite     commitStep = iota // reserve the commit
	commitMine                        // it is reserved for this scan already
	commitWait                        // so it is, but for a time ahead of this clock
	commitSupersede                   // a newer scan is committed
	commitStop                        // a higher generation of this scan is committed
	commitAnew                        // its rows are too old for a commit (rule 14), or it was replaced (rule 15)
)

// atCommitPoint decides what is done at the commit point (step 6). A reservation
// that has grown old is written anew.
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

// overtaken reports whether a higher generation of the scan is committed, also if
// something else was committed over it since.
func (c *candidate) overtaken() bool {
	higher := func(one archive.Commit, than int) bool {
		return one.Order.Compare(c.order) == 0 && one.Generation > than
	}
	commits := c.register.Commits()
	return len(commits) > 0 && higher(commits[0], c.recorded.Generation-1) ||
		slices.ContainsFunc(commits, func(one archive.Commit) bool { return higher(one, c.recorded.Generation) })
}

// reservation is what the register says from the commit point on.
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
	// maxReserved is how old a reserved timestamp may be: Dynatrace drops old records.
	maxReserved = time.Hour
	// maxAhead is how far in the future: Dynatrace moves what is 10 minutes ahead.
	maxAhead = 5 * time.Minute
	// maxAge is how old a generation may be at its commit. The dashboard joins rows
	// and scan event within one timeframe, 24 hours at the least that people use:
	// rows leave it before their scan event does, by as much as they are older.
	// Six hours are less than lies between two nightly runs, and enough for a busy
	// endpoint and a slow pace.
	maxAge = 6 * time.Hour
)

// tooOld reports whether a generation was begun too long ago, or nobody knows
// when: its rows and its scan event would not be in one timeframe (rule 14).
// One that was begun in the future was begun by a wrong clock.
func tooOld(s *archive.Scan, now time.Time) bool { return now.Sub(s.BegunAt).Abs() > maxAge }

// tooEarly reports whether a reserved timestamp cannot be announced yet.
func tooEarly(reserved, now time.Time) bool { return reserved.After(now.Add(maxAhead)) }

// reserve returns the timestamp of a commit: it grows with every commit of the
// system, whatever the clocks (rules 11 and 12).
func reserve(last, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if next := last.Add(time.Millisecond); next.After(now) {
		return next
	}
	return now
}
