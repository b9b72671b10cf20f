package status

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// maxAttention bounds the list of what needs a look.
const maxAttention = 50

// noticed is a scan that needs a look, and when its run began.
type noticed struct {
	payload.Attention
	began time.Time
}

// tally sums up objects as they pass; it keeps one entry per system, and the
// newest of what needs a look.
type tally struct {
	systems   *archive.Directory
	only      *archive.Named // nil: all systems
	notable   func(*payload.Attention) bool
	now       time.Time
	objects   int
	total     payload.ScanCounts
	earlier   int       // open objects of before the window
	waiting   time.Time // since when the oldest pending object waits; zero: none
	bySystem  map[string]*payload.SystemStatus
	attention []noticed
	omitted   int
	// sweep is what the sweep left open, by key.
	sweep map[string]archive.OpenObject
}

// newTally begins with the registers; system is the only one that is asked for, nil: all are.
func newTally(systems *archive.Directory, system *archive.Named, now time.Time, notable func(*payload.Attention) bool) *tally {
	t := &tally{systems: systems, only: system, notable: notable, now: now, bySystem: map[string]*payload.SystemStatus{}}
	for _, o := range systems.Owners() {
		if system == nil || system.Means(o.System) {
			t.system(o).Committed = committed(o.Register, now)
		}
	}
	return t
}

// unnamed stands for the systems of documents that do not name them.
const unnamed = "(not named)"

func (t *tally) system(o archive.Owner) *payload.SystemStatus {
	if t.bySystem[o.Hash] == nil {
		t.bySystem[o.Hash] = &payload.SystemStatus{System: o.System.Name, ID: o.System.ID, Type: o.System.Type}
	}
	return t.bySystem[o.Hash]
}

// owner returns whose a scan of an object is; false: not that of the system that
// is asked for, although another one in the same document is.
func (t *tally) owner(key string, scan *archive.SystemScan) (archive.Owner, bool) {
	o := t.systems.Owner(key, scan.System)
	switch {
	case t.only != nil && scan.System != (archive.System{}):
		return o, t.only.Means(scan.System)
	case t.only != nil && o.Hash == "": // its envelope has named it
		return t.only.Owner(), true
	case o.Hash == "":
		o.System.Name = unnamed
	}
	return o, true
}

func (t *tally) add(o store.Tracked) {
	seen := false
	for _, scan := range t.scans(&o) {
		whose, ok := t.owner(o.Key, &scan)
		if !ok {
			continue
		}
		seen = true
		s := t.system(whose)
		count(&s.ScanCounts, &scan.Scan)
		count(&t.total, &scan.Scan)
		if !scan.Final() && (t.waiting.IsZero() || o.LastModified.Before(t.waiting)) {
			t.waiting = o.LastModified
		}
		a := payload.Attention{
			Key: o.Key, System: s.System, State: scan.Shown(), Reason: scan.Reason, Generation: scan.Generation,
			Quarantined: scan.Quarantined, Doubt: scan.Doubt,
		}
		arrived(s, &a, scan.Arrival, scan.ScanID)
		if l := o.Delivery.Value.Lease; l != nil {
			a.LeaseUntil = &l.Until
		}
		if t.notable(&a) {
			t.notice(a, o.Started())
		}
	}
	if seen {
		t.objects++
	}
}

// arrived puts the arrival of a scan where it is shown: beside the commit that it
// is of, and in the list of what needs a look if rows are missing, or there too often.
func arrived(s *payload.SystemStatus, a *payload.Attention, of *archive.Arrival, scanID string) {
	c := s.Committed
	if of == nil || c == nil || c.ScanID != scanID {
		return // what is not shown any more needs no look
	}
	c.Arrival = of.State
	if of.State == archive.ArrivalShort || of.State == archive.ArrivalOver {
		a.Arrival, a.Reason = of.State, cmp.Or(a.Reason, of.Reason)
	}
}

// scans returns what is known of the scans in an object; of one that nobody has
// delivered in this version, one pending scan, with what kept the sweep from it.
func (t *tally) scans(o *store.Tracked) []archive.SystemScan {
	v := &o.Delivery.Value
	open := func(reason string) []archive.SystemScan {
		if last, ok := t.sweep[o.Key]; ok && last.ETag == o.ETag && last.Reason != "" {
			reason += "; the last sweep's try: " + last.Reason
		}
		return []archive.SystemScan{{Scan: archive.Scan{State: archive.DeliverySending, Reason: reason}}}
	}
	switch {
	case o.Err != nil:
		return open(o.Err.Error())
	case !o.Delivery.Exists():
		return open("nobody has begun to deliver it")
	case v.ETag != o.ETag:
		return open("it was replaced, and nobody has begun to deliver this version")
	case len(v.Scans) > 0:
		return v.Scans
	}
	return []archive.SystemScan{{Scan: v.Scan}}
}

// count adds a scan, by the state of its delivery.
func count(c *payload.ScanCounts, s *archive.Scan) {
	switch s.Shown() {
	case archive.DeliveryComplete:
		c.Complete++
	case archive.DeliverySuperseded:
		c.Superseded++
	case archive.DeliveryFailed:
		c.Failed++
	default:
		c.Pending++
	}
	c.Quarantined += s.Quarantined
}

// notice takes a scan, or a register, whose run began at a time into the list.
func (t *tally) notice(a payload.Attention, began time.Time) {
	if t.attention = append(t.attention, noticed{a, began}); len(t.attention) == 2*maxAttention {
		t.cut()
	}
}

// cut keeps the newest.
func (t *tally) cut() {
	slices.SortFunc(t.attention, func(a, b noticed) int {
		return cmp.Or(b.began.Compare(a.began), strings.Compare(a.Key, b.Key), strings.Compare(a.System, b.System))
	})
	keep := min(len(t.attention), maxAttention)
	t.omitted += len(t.attention) - keep
	t.attention = t.attention[:keep]
}

// listed returns what needs a look.
func (t *tally) listed() []payload.Attention {
	var all []payload.Attention
	for _, a := range t.attention {
		all = append(all, a.Attention)
	}
	return all
}

func (t *tally) sorted() []payload.SystemStatus {
	all := make([]payload.SystemStatus, 0, len(t.bySystem))
	for _, s := range slices.SortedFunc(maps.Values(t.bySystem), func(a, b *payload.SystemStatus) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.ID, b.ID))
	}) {
		all = append(all, *s)
	}
	return all
}
