package deliver

import (
	"cmp"
	"time"

	"runecast-ingest/internal/archive"
)

// place is where a scan stands among the scans of its system.
type place struct {
	order archive.Order
	// completedAt is when the appliance finished it, as it said; zero: nobody knows.
	completedAt time.Time
	// storedAt bounds that where the appliance's clock was ahead; zero: unknown.
	storedAt time.Time
	handMade bool
}

// placeOf is the place of a commit.
func placeOf(c *archive.Commit) *place {
	p := &place{order: c.Order, completedAt: c.CompletedAt, handMade: archive.IsHandMade(c.RawKey)}
	if p.handMade {
		p.storedAt = c.Order.StartedAt // its upload
	}
	return p
}

// compare returns -1, 0 or 1 as p is older than, the same as, or newer than q.
// Scans of runs are ordered by their runs, whatever the appliance's clock said. A
// hand-made document has no run, and the moment of its upload says nothing of its
// age: it may be days old, or newer than what a run brings that began before the
// upload and ends after it. So it is compared with whatever else by when the
// appliance finished the two, and only where that is the same by the order.
func (p *place) compare(q *place) int {
	if p.handMade || q.handMade {
		return cmp.Or(p.moment().Compare(q.moment()), p.order.Compare(q.order))
	}
	return p.order.Compare(q.order)
}

// moment is when a scan was finished, as far as it is known. One of a run is not
// older than the run's start. A hand-made document without a time is older than all.
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
	fateOpen   fate = iota // its scan event may be accepted, or may come to be
	fateShown              // its scan event is accepted
	fateFailed             // its scan event was never accepted, and will not be
)

// fateOf returns what a delivery document says of the commit of a scan id. One
// that failed in doubt, or once it was committed, may be shown.
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

// standing returns those of a register's commits that count: what is shown, or
// may be. Failed ones do not, nor what was committed before one that is shown:
// that is hidden for good.
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
