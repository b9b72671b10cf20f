package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// The register says which scan of a system is the newest. If the register was lost, or
// an earlier version of it restored, an older scan must not be shown again. The delivery
// documents also say which scans are shown. So they are asked for a newer scan before a
// scan is sent, and again before it is committed if there is no register or another
// version of it. A delivery that is under way, or was broken off, may have been committed
// although its document does not say so. Only the register knew: without a register such
// a delivery is waited for.

// lookBack is how far before the end of a hand-made scan the run of a newer scan may
// have begun. A newer scan whose run began earlier is not found.
const lookBack = 24 * time.Hour

// listings is how many listings of the archive run at the same time.
const listings = 8

// documentedScans are the scans of a system that the delivery documents of other
// objects name, apart from scans that the register names.
type documentedScans struct {
	// newest is the newest scan that is shown. shown is the scan whose scan event is
	// the latest, and latest is the time of that event.
	newest, shown *archive.Commit
	latest        time.Time
	// underWay is the raw key of a newer scan that may be shown, though its document
	// does not say so yet; empty: there is none.
	underWay string
}

// add adds the scan of the system that a delivery document says is shown, unless the
// register names it, and the newer scan that it says is under way.
func (a *documentedScans) add(v *archive.Delivery, systemID string, asking *candidate) {
	named := func(one *archive.Commit) bool {
		return slices.ContainsFunc(asking.register.Commits(), func(c archive.Commit) bool { return c.ScanID == one.ScanID })
	}
	if one, at := shownOf(v, systemID); one != nil && !named(one) {
		if a.newest == nil || placeOf(one).compare(placeOf(a.newest)) > 0 {
			a.newest = one
		}
		if a.shown == nil || at.After(a.latest) {
			a.shown, a.latest = one, at
		}
	}
	if one := underWay(v, systemID); one != nil && placeOf(one).compare(&asking.place) > 0 {
		a.underWay = v.RawKey
	}
}

// newer returns the newest scan that is shown, if it is newer than a place; nil: none is.
func (a *documentedScans) newer(than *place) *archive.Commit {
	if a.newest == nil || placeOf(a.newest).compare(than) <= 0 {
		return nil
	}
	return a.newest
}

// readDocumented reads the delivery documents that may be of a newer scan of the system.
// Documents in c.documents are not read again, and what is read is added to them.
func (d *delivery) readDocumented(ctx context.Context, s *scan, c *candidate, registered bool) (*documentedScans, error) {
	keys, err := d.newerDocuments(ctx, s, c, registered)
	if err != nil {
		return nil, err
	}
	a := &documentedScans{}
	for _, rawKey := range keys {
		if c.documents[rawKey] == nil {
			doc, err := d.o.Archive.Delivery(ctx, rawKey)
			if err != nil {
				return nil, err
			}
			c.documents[rawKey] = &doc.Value
		}
		a.add(c.documents[rawKey], s.Envelope.System.ID, c)
	}
	return a, nil
}

// newerDocuments returns the raw keys of the delivery documents that may be of a newer
// scan of the system. It lists the documents of later runs, and those of hand-made
// documents. Without a register it also lists the day's runs, and the documents of each
// run whose id sorts before the scan's own: ids hold the time of the schedule, so a run
// that was started late may have begun after this scan's run.
func (d *delivery) newerDocuments(ctx context.Context, s *scan, c *candidate, registered bool) ([]string, error) {
	hash := s.Envelope.System.Label().Hash
	analysis := func(rawKey string, _ time.Time) bool { return archive.SystemOf(rawKey) == hash }
	since, behind := c.order.StartedAt.Add(-lookBack), archive.BehindRun(d.key)
	if c.handMade {
		since = c.moment().Add(-lookBack)
		behind = archive.AnalysesOf(since)
	}
	manual := func(_ string, written time.Time) bool { return !written.Before(since) }
	found := &rawKeys{d: d}
	var group errgroup.Group
	group.SetLimit(listings)
	group.Go(func() error { return found.list(ctx, archive.ManualPrefix, "", manual) })
	group.Go(func() error { return found.list(ctx, archive.AnalysesPrefix, behind, analysis) })
	var err error
	if !registered && !c.handMade {
		for folder, lerr := range d.o.Archive.Folders(ctx, archive.DeliveryPrefix+archive.AnalysesOf(c.order.StartedAt)) {
			if err = lerr; err != nil {
				break
			}
			run := strings.TrimPrefix(folder, archive.DeliveryPrefix)
			if run >= archive.RunFolder(d.key) {
				break
			}
			group.Go(func() error { return found.list(ctx, run, "", analysis) })
		}
	}
	if err := cmp.Or(group.Wait(), err); err != nil {
		return nil, err
	}
	slices.Sort(found.keys)
	return found.keys, nil
}

// rawKeys collects the raw keys of delivery documents from several listings. It is safe
// for concurrent use.
type rawKeys struct {
	d    *delivery
	mu   sync.Mutex
	keys []string
}

// list adds the raw keys under a prefix that sort after behind (empty: all), and for
// which may reports true, given the time when the delivery document was last written.
func (r *rawKeys) list(ctx context.Context, prefix, behind string, may func(rawKey string, written time.Time) bool) error {
	if behind != "" {
		behind = archive.DeliveryPrefix + behind
	}
	for info, err := range r.d.o.Archive.List(ctx, archive.DeliveryPrefix+prefix, behind) {
		if err != nil {
			return err
		}
		rawKey, ok := archive.DeliveryOf(info.Key)
		if !ok || rawKey == r.d.key || !may(rawKey, info.LastModified) {
			continue
		}
		r.mu.Lock()
		r.keys = append(r.keys, rawKey)
		r.mu.Unlock()
	}
	return nil
}

// shownOf returns the scan of a system that a delivery document says is shown, or may be
// shown, with the time of its scan event, or of the document where that time is not
// known; nil: there is none.
func shownOf(v *archive.Delivery, systemID string) (*archive.Commit, time.Time) {
	for _, r := range recorded(v) {
		of := r.System.ID
		if of != systemID && (of != "" || archive.IsHandMade(v.RawKey)) {
			continue // a document without a system: the key of an analysis names it
		}
		one := &archive.Commit{Order: r.Order, Generation: r.Generation, ScanID: r.ScanID, RawKey: v.RawKey, CompletedAt: r.CompletedAt}
		at := r.Timestamp
		switch {
		case (r.State == archive.DeliveryComplete || r.Announced) && !at.IsZero():
		case r.State == archive.DeliveryComplete && r.BegunAt.IsZero() && r.Mapped > 0: // older releases wrote no timestamp
			at = v.UpdatedAt
		case r.State == archive.DeliveryFailed && (r.Doubt || r.Announced):
			at = v.UpdatedAt
		case !r.Ended.Timestamp.IsZero():
			one.ScanID, at = r.Ended.ScanID, r.Ended.Timestamp
		default:
			continue
		}
		if one.CompletedAt.IsZero() {
			one.CompletedAt = r.Order.StartedAt // older releases did not write it: the scan ended after the run began
		}
		return one, at
	}
	return nil, time.Time{}
}

// underWay returns the scan of a system whose delivery has begun and not ended, as a
// delivery document says; nil: there is none. That generation may be shown, or an
// earlier one whose invocation is frozen or dead.
func underWay(v *archive.Delivery, systemID string) *archive.Commit {
	for _, r := range recorded(v) {
		if of := r.System.ID; of != systemID && (of != "" || archive.IsHandMade(v.RawKey)) {
			continue
		}
		if r.State != archive.DeliverySending || r.Generation == 0 {
			continue
		}
		one := &archive.Commit{Order: r.Order, Generation: r.Generation, ScanID: r.ScanID, RawKey: v.RawKey, CompletedAt: r.CompletedAt}
		if one.CompletedAt.IsZero() {
			one.CompletedAt = r.Order.StartedAt // older releases did not write it
		}
		return one
	}
	return nil
}

// errUnderWay says that there is no register, and that a newer scan may be shown.
var errUnderWay = errors.New("there is no register, and a newer scan is under way, of which nobody knows whether it is shown")

// askDocuments asks the delivery documents for a newer scan that is shown, and puts it
// before the register's commits in c. It does nothing if it was called for the same
// version of the register before. Without a register it also finds the scan that a
// forced scan replaces, and returns errUnderWay if a newer scan is under way: the
// register that was lost may have named that one.
func (d *delivery) askDocuments(ctx context.Context, s *scan, c *candidate, reg *store.Doc[archive.Register]) error {
	if reg.Exists() && reg.ETag == s.askedFor {
		return nil
	}
	a, err := d.readDocumented(ctx, s, c, reg.Exists())
	if err != nil {
		return err
	}
	if newer := a.newer(&c.place); newer != nil {
		d.o.Log.WarnContext(ctx, "the register does not know of a newer scan that is shown: it was lost, or an earlier version restored", "key", d.key, "register", reg.Key, "newer", newer.RawKey)
	}
	c.addDocumented(a, reg.Exists())
	s.askedFor = reg.ETag
	superseded := a.newer(&c.place) != nil && !s.Force // then the scan under way need not be waited for
	if !reg.Exists() && a.underWay != "" && !superseded {
		return d.stillThere(ctx, a.underWay)
	}
	return nil
}

// addDocumented adds what the delivery documents say to the candidate: a newer scan that
// is shown, the latest timestamp of a scan event, and, without a register, what is shown.
func (c *candidate) addDocumented(a *documentedScans, registered bool) {
	if newer := a.newer(&c.place); newer != nil {
		c.commits = append([]archive.Commit{*newer}, c.commits...)
	}
	if a.latest.After(c.register.Timestamp) {
		c.register.Timestamp = a.latest
	}
	if !registered {
		c.shown = a.shown
	}
}

// stillThere returns errUnderWay if the raw object is in the archive. An object that has
// expired cannot be delivered, so its delivery is not waited for.
func (d *delivery) stillThere(ctx context.Context, rawKey string) error {
	switch _, err := d.o.Archive.Head(ctx, rawKey); {
	case errors.Is(err, store.ErrMissing):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s", errUnderWay, rawKey)
}
