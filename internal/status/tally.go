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

// maxAttention bounds the list of scans that need a look.
const maxAttention = 50

// noticed is a scan or a register that needs a look, and when its run began.
type noticed struct {
	payload.Attention
	began time.Time
}

// tally sums up objects one after the other. It keeps one entry per system, and the
// newest scans that need a look.
type tally struct {
	systems *archive.Directory
	// only is the one system that the request names; nil: all systems.
	only *archive.Named
	// notable reports whether a scan is to be listed in attention.
	notable func(*payload.Attention) bool
	now     time.Time
	objects int
	total   payload.ScanCounts
	// earlier counts the open objects whose runs began before the window.
	earlier int
	// waiting is when the oldest pending object was stored; zero: none is pending.
	waiting time.Time
	// bySystem has the figures of each system, by the hash of its id.
	bySystem  map[string]*payload.SystemStatus
	attention []noticed
	omitted   int
	// sweep has the objects that the last sweep left open, by key.
	sweep map[string]archive.OpenObject
}

// newTally begins a tally with the systems of the commit registers; system is the one
// that the request names, nil: it names none.
func newTally(systems *archive.Directory, system *archive.Named, now time.Time, notable func(*payload.Attention) bool) *tally {
	t := &tally{systems: systems, only: system, notable: notable, now: now, bySystem: map[string]*payload.SystemStatus{}}
	for _, o := range systems.Owners() {
		if system == nil || system.Means(o.System) {
			t.system(o).Committed = committed(o.Register, now)
		}
	}
	return t
}

// unnamed is the name under which documents are counted that name no system.
const unnamed = "(not named)"

// system returns the entry of a system, and makes it if there is none.
func (t *tally) system(o archive.Owner) *payload.SystemStatus {
	if t.bySystem[o.Hash] == nil {
		t.bySystem[o.Hash] = &payload.SystemStatus{System: o.System.Name, ID: o.System.ID, Type: o.System.Type}
	}
	return t.bySystem[o.Hash]
}

// owner returns the system that a scan of an object is of; false: the request names
// another one, and the walk chose the document for another of its scans.
func (t *tally) owner(key string, scan *archive.SystemScan) (archive.Owner, bool) {
	o := t.systems.Owner(key, scan.System)
	switch {
	case t.only != nil && scan.System != (archive.System{}):
		return o, t.only.Means(scan.System)
	case t.only != nil && o.Hash == "": // the walk has found the system in the envelope
		return t.only.Owner(), true
	case o.Hash == "":
		o.System.Name = unnamed
	}
	return o, true
}

// add counts the scans of an object, and lists those that need a look.
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

// arrived puts the arrival of a system's committed scan into the system's entry and, if
// rows are missing or doubled, into the attention entry of the scan.
func arrived(s *payload.SystemStatus, a *payload.Attention, of *archive.Arrival, scanID string) {
	c := s.Committed
	if of == nil || c == nil || c.ScanID != scanID {
		return // the dashboard does not show this scan
	}
	c.Arrival = of.State
	if of.State == archive.ArrivalShort || of.State == archive.ArrivalOver {
		a.Arrival, a.Reason = of.State, cmp.Or(a.Reason, of.Reason)
	}
}

// scans returns the scans in an object as its delivery document has them. If there is no
// document of this version of the object, it returns one pending scan, whose reason says
// why, and why the last sweep could not deliver it.
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

// notice lists a scan or a register that needs a look; began is when its run began.
func (t *tally) notice(a payload.Attention, began time.Time) {
	if t.attention = append(t.attention, noticed{a, began}); len(t.attention) == 2*maxAttention {
		t.cut()
	}
}

// cut sorts the list, the newest first, and keeps its first maxAttention entries.
func (t *tally) cut() {
	slices.SortFunc(t.attention, func(a, b noticed) int {
		return cmp.Or(b.began.Compare(a.began), strings.Compare(a.Key, b.Key), strings.Compare(a.System, b.System))
	})
	keep := min(len(t.attention), maxAttention)
	t.omitted += len(t.attention) - keep
	t.attention = t.attention[:keep]
}

// listed returns the scans and registers that need a look.
func (t *tally) listed() []payload.Attention {
	var all []payload.Attention
	for _, a := range t.attention {
		all = append(all, a.Attention)
	}
	return all
}

// sorted returns the entries of all systems, by name, then by id.
func (t *tally) sorted() []payload.SystemStatus {
	all := make([]payload.SystemStatus, 0, len(t.bySystem))
	for _, s := range slices.SortedFunc(maps.Values(t.bySystem), func(a, b *payload.SystemStatus) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.ID, b.ID))
	}) {
		all = append(all, *s)
	}
	return all
}
