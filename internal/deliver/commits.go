package deliver

import (
	"cmp"
	"time"

	"runecast-ingest/internal/archive"
)

// place is where a scan stands among the scans of its system.
type place struct {
	order archive.Order
	// completedAt is when the appliance finished the scan, by its own clock; zero: nobody
	// knows.
	completedAt time.Time
	// storedAt is when the object was stored: the scan was finished before, also where
	// the appliance's clock was ahead. Zero: nobody knows.
	storedAt time.Time
	handMade bool
}

// placeOf returns the place of a commit.
func placeOf(c *archive.Commit) *place {
	p := &place{order: c.Order, completedAt: c.CompletedAt, handMade: archive.IsHandMade(c.RawKey)}
	if p.handMade {
		p.storedAt = c.Order.StartedAt // its upload
	}
	return p
}

// compare returns -1, 0 or 1 as p is older than, the same as, or newer than q.
// Two scans of runs are compared by their runs, not by the appliance's clock. A
// hand-made document has no run, and the time of its upload says nothing of its age: the
// scan may be days old, or newer than the scan of a run that began before the upload. So
// a hand-made scan is compared with any other by when the appliance finished the two,
// and by the order only if these times are the same.
func (p *place) compare(q *place) int {
	if p.handMade || q.handMade {
		return cmp.Or(p.moment().Compare(q.moment()), p.order.Compare(q.order))
	}
	return p.order.Compare(q.order)
}

// moment returns when a scan was finished, as far as it is known. A scan of a run without
// a time counts as finished when the run began. A hand-made document without a time is
// older than all.
func (p *place) moment() time.Time {
	switch {
	case p.completedAt.IsZero() && p.handMade:
		return time.Time{}
	case p.completedAt.IsZero():
		return p.order.StartedAt
	case !p.storedAt.IsZero() && p.storedAt.Before(p.completedAt):
		return p.storedAt
	}
	return p.completedAt
}

// fate is what is known of a commit.
type fate int

const (
	fateOpen   fate = iota // its scan event may have been accepted, or may still be
	fateShown              // its scan event was accepted
	fateFailed             // its scan event was never accepted, and never will be
)

// fateOf returns what a delivery document says of the commit of a scan id. A delivery
// that failed after its scan event was accepted is shown. One that failed in doubt is
// open, since its scan may be shown.
func fateOf(v *archive.Delivery, scanID string) fate {
	for _, r := range recorded(v) {
		switch {
		case scanID == "":
		case r.Ended.ScanID == scanID && r.Ended.State == archive.DeliveryFailed:
			return fateFailed
		case r.Ended.ScanID == scanID:
			return fateShown
		case r.ScanID == scanID && (r.State == archive.DeliveryComplete || r.Announced):
			return fateShown
		case r.ScanID == scanID && r.State == archive.DeliveryFailed && !r.Doubt:
			return fateFailed
		}
	}
	return fateOpen
}

// standing returns those of a register's commits, the newest first, that count: their
// scans are shown, or may be. Failed commits do not count, nor do those before a commit
// that is shown, which hides them for good.
func standing(commits []archive.Commit, of func(*archive.Commit) (fate, error)) ([]archive.Commit, error) {
	var counted []archive.Commit
	for i := range commits {
		one := &commits[i]
		is, err := of(one)
		if err != nil {
			return nil, err
		}
		if is != fateFailed {
			counted = append(counted, *one)
		}
		if is == fateShown {
			break
		}
	}
	return counted, nil
}
