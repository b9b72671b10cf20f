package deliver

import (
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/notice"
)

// scan is one scan of the object during its delivery: Part says where it lies in the
// object, SystemScan is its entry in the delivery document. Only the methods of this
// file change the entry's state. They change it in memory: the next write of the
// document stores the change, and a crash before that write undoes it.
type scan struct {
	Part
	archive.SystemScan
	// askedFor is the ETag of the register for which the delivery documents were asked
	// for a newer scan that is shown; empty: they were not asked, or there was no
	// register.
	askedFor string
	// found is the register as it was read when the delivery began; nil: it was used
	// already.
	found *foundRegister
	// notice is sent to people once the scan's delivery is complete; nil
	// until its scan event is accepted.
	notice *notice.Committed
	// settled: this invocation has disposed of the scan.
	settled bool
}

// order returns the scan's place among the scans of its system.
func (s *scan) order() archive.Order {
	return archive.Order{StartedAt: s.Envelope.Run.StartedAt, Run: s.Envelope.Run.ID}
}

// begin moves the scan to the generation that is delivered from now on (step 3): its
// present generation if that can go on, else the next one. A present generation whose
// last holder did not release it is marked as in doubt until it is complete: should the
// register name another scan by then, nobody knows what was accepted of it.
func (s *scan) begin(at *situation, c *candidate, rawKey, newScanID string) {
	s.Scan = c.recorded // with what Request.mark has noted
	s.Order = c.order
	s.CompletedAt = c.completedAt
	if at.replay || !at.sameVersion() {
		s.RefusedWhole = 0
	}
	if at.pastCommitPoint(c) || at.resumable(c) && (!s.Announced || c.mine()) || at.inExtras(c) {
		s.State, s.Doubt, s.Reserved = archive.DeliverySending, !at.resumable(c), s.Reserved || c.mine()
		return
	}
	if c.register.RawKey == rawKey {
		s.Generation = max(s.Generation, c.register.Generation)
	}
	s.beginNext(newScanID, at.now)
}

// beginNext begins the next generation: a new scan id, a number one higher,
// nothing sent (rules 06 and 09). If the generation before was not committed, its rows
// stay invisible, since no scan event carries its scan id.
func (s *scan) beginNext(newScanID string, now time.Time) {
	s.Scan = archive.Scan{
		Order: s.Order, State: archive.DeliverySending, ScanID: newScanID, Generation: s.Generation + 1, Force: s.Force, Over: s.Over,
		RefusedWhole: s.RefusedWhole, BegunAt: now.UTC(), CompletedAt: s.CompletedAt, Ended: s.ended(),
	}
}

// ended returns how the scan's present generation ended, if that is certain, else how
// an earlier one did. fateOf judges the register's commits by it.
func (s *scan) ended() archive.Ended {
	if s.Announced { // the scan event was accepted: failing extras do not take that back
		return archive.Ended{ScanID: s.ScanID, State: archive.DeliveryComplete, Timestamp: s.Timestamp}
	}
	certain := s.State == archive.DeliveryComplete || s.State == archive.DeliveryFailed && !s.Doubt
	if s.ScanID != "" && certain {
		return archive.Ended{ScanID: s.ScanID, State: s.State, Timestamp: s.Timestamp}
	}
	return s.Ended
}

// figures count what was sent of a generation, in all invocations together.
type figures struct {
	done                  [][2]int64
	accepted, quarantined int64
	requests, bytes       int64
	duplicatesPossible    bool
}

// sent writes into the scan's entry how far the generation came.
func (s *scan) sent(f figures) {
	s.Done, s.Accepted, s.Quarantined = f.done, f.accepted, f.quarantined
	s.Requests, s.Bytes = f.requests, f.bytes
	s.DuplicatesPossible = s.DuplicatesPossible || f.duplicatesPossible
}

// supersede ends the scan's delivery: a newer scan of its system is committed.
func (s *scan) supersede(why string) { s.State, s.Reason = archive.DeliverySuperseded, why }

// fail ends the scan's delivery: the object itself is to blame. Only a replay tries
// again. doubt: the scan may be shown all the same.
func (s *scan) fail(why string, doubt bool) {
	s.Ended = s.ended() // before the state changes: a complete generation is remembered as complete
	s.State, s.Reason, s.Doubt = archive.DeliveryFailed, why, s.Doubt || doubt
}

// complete ends the scan's delivery: the scan is shown.
func (s *scan) complete() {
	s.State, s.Reason, s.Doubt, s.Done = archive.DeliveryComplete, "", false, [][2]int64{}
}

// leave leaves the scan to the next invocation. doubt: it cannot be known what
// was accepted, so the next invocation begins another generation.
func (s *scan) leave(why string, doubt bool) { s.Reason, s.Doubt = why, s.Doubt || doubt }

// settle changes the scan to the state that a disposition asks for.
func (s *scan) settle(d disposition) {
	s.settled = true
	switch d.becomes {
	case archive.DeliveryComplete:
		s.complete()
	case archive.DeliverySuperseded:
		s.supersede(d.text())
	case archive.DeliveryFailed:
		s.fail(d.text(), d.doubt)
	case archive.DeliverySending:
		s.leave(d.text(), d.doubt)
	}
}

// doneRanges is a set of event indexes as sorted ranges [from, to). A set of ranges can
// have gaps, which arise since batches overtake each other (rule 07).
type doneRanges struct{ r [][2]int64 }

// add adds a range to the set. It may touch other ranges, but not overlap them.
func (d *doneRanges) add(from, to int64) {
	if from >= to {
		return
	}
	i, _ := slices.BinarySearchFunc(d.r, from, func(r [2]int64, v int64) int {
		switch {
		case r[0] < v:
			return -1
		case r[0] > v:
			return 1
		}
		return 0
	})
	d.r = slices.Insert(d.r, i, [2]int64{from, to})
	if i+1 < len(d.r) && d.r[i][1] == d.r[i+1][0] {
		d.r[i][1] = d.r[i+1][1]
		d.r = slices.Delete(d.r, i+1, i+2)
	}
	if i > 0 && d.r[i-1][1] == d.r[i][0] {
		d.r[i-1][1] = d.r[i][1]
		d.r = slices.Delete(d.r, i, i+1)
	}
}

// contains reports whether an index is in the set.
func (d *doneRanges) contains(index int64) bool {
	for _, r := range d.r {
		if index < r[0] {
			return false
		}
		if index < r[1] {
			return true
		}
	}
	return false
}

// count returns how many indexes are in the set.
func (d *doneRanges) count() int64 { return d.countFrom(0) }

// countFrom returns how many indexes of the set are from or greater.
func (d *doneRanges) countFrom(from int64) int64 {
	var n int64
	for _, r := range d.r {
		n += max(r[1]-max(r[0], from), 0)
	}
	return n
}

// cover adds all indexes below to, whether or not they are in the set already.
func (d *doneRanges) cover(to int64) {
	if to <= 0 {
		return
	}
	whole := doneRanges{[][2]int64{{0, to}}}
	for _, r := range d.r {
		whole.add(max(r[0], to), r[1])
	}
	d.r = whole.r
}

// ranges returns a copy for the delivery document.
func (d *doneRanges) ranges() [][2]int64 { return append([][2]int64{}, d.r...) }
