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

// The register says which scan of a system is the newest. It may have been lost,
// or an earlier version of it restored. Then it must not bring old news back: the
// delivery documents know as well what is shown. So before a scan is sent they are
// asked for anything newer, and before it is committed where there is no register,
// or not the one that was read then. What they do not know yet, since its delivery
// is under way or was broken off, only the register knew: where there is none, that
// delivery is waited for.

// lookBack is how much later a hand-made scan may have been finished than the run
// of another began that was finished after it.
const lookBack = 24 * time.Hour

// listings is how many listings of the archive are made at a time.
const listings = 8

// account is what the delivery documents of a system say, beside that of the scan
// that asks.
type account struct {
	// newest is the newest scan that is shown, shown the one whose scan event is
	// the latest, and latest the time of that event.
	newest, shown *archive.Commit
	latest        time.Time
	// underWay is the key of a newer scan that may be shown, though its document
	// does not say so yet; empty: there is none.
	underWay string
}

// take takes in what a delivery document says of the system, unless the register
// says the same.
func (a *account) take(v *archive.Delivery, systemID string, asking *candidate) {
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

// newer returns the newest scan that is shown, if it is newer than a place; nil: it is not.
func (a *account) newer(than *place) *archive.Commit {
	if a.newest == nil || placeOf(a.newest).compare(than) <= 0 {
		return nil
	}
	return a.newest
}

// account asks the delivery documents what is shown of a scan's system. Read are
// those of the system that were not read for the register's commits.
func (d *delivery) account(ctx context.Context, s *scan, c *candidate, registered bool) (*account, error) {
	keys, err := d.others(ctx, s, c, registered)
	if err != nil {
		return nil, err
	}
	a := &account{}
	for _, rawKey := range keys {
		if c.documents[rawKey] == nil {
			doc, err := d.o.Archive.Delivery(ctx, rawKey)
			if err != nil {
				return nil, err
			}
			c.documents[rawKey] = &doc.Value
		}
		a.take(c.documents[rawKey], s.Envelope.System.ID, c)
	}
	return a, nil
}

// others returns the raw keys of the delivery documents that may be of a newer scan
// of the system. It costs a listing of what lies behind the scan's run, and one of
// the hand-made documents. Where there is no register it also costs one of the runs
// of the day, and one of each that lies before the scan's: a run that its schedule
// brought late may be one of these, and have begun after it.
func (d *delivery) others(ctx context.Context, s *scan, c *candidate, registered bool) ([]string, error) {
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

// rawKeys are the raw objects of delivery documents that were listed. It is safe
// for concurrent use.
type rawKeys struct {
	d    *delivery
	mu   sync.Mutex
	keys []string
}

// list adds those under a prefix of raw keys, behind one of them, that may matter by
// the raw key and by when the document was written.
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

// shownOf returns what a delivery document says is shown of a system, or may be,
// with the time of its scan event; nil: nothing.
func shownOf(v *archive.Delivery, systemID string) (*archive.Commit, time.Time) {
	for _, r := range recorded(v) {
		of := r.System.ID
		if of != systemID && (of != "" || archive.IsHandMade(v.RawKey)) {
			continue // of an analysis the key names the system
		}
		one := &archive.Commit{Order: r.Order, Generation: r.Generation, ScanID: r.ScanID, RawKey: v.RawKey, CompletedAt: r.CompletedAt}
		at := r.Timestamp
		switch {
		case (r.State == archive.DeliveryComplete || r.Announced) && !at.IsZero():
		case r.State == archive.DeliveryComplete && r.BegunAt.IsZero() && r.Mapped > 0: // of an older release
			at = v.UpdatedAt
		case r.State == archive.DeliveryFailed && (r.Doubt || r.Announced):
			at = v.UpdatedAt
		case !r.Ended.Timestamp.IsZero():
			one.ScanID, at = r.Ended.ScanID, r.Ended.Timestamp
		default:
			continue
		}
		if one.CompletedAt.IsZero() {
			one.CompletedAt = r.Order.StartedAt // of an older release: not older than that
		}
		return one, at
	}
	return nil, time.Time{}
}

// underWay returns the scan of a system that a delivery document says was begun,
// and has not ended; nil: there is none. This generation of it may be shown, or one
// before, whose sender is frozen or dead.
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
			one.CompletedAt = r.Order.StartedAt // of an older release
		}
		return one
	}
	return nil
}

// errUnderWay: there is no register, and a newer scan may be shown.
var errUnderWay = errors.New("there is no register, and a newer scan is under way, of which nobody knows whether it is shown")

// doubted asks the delivery documents for something newer that is shown, unless the
// register is the one for which that was done before, and puts it before what the
// register says. Where there is no register it also finds what a forced scan may be
// shown over, and who is under way: that is waited for, since the register that was
// lost may have named it.
func (d *delivery) doubted(ctx context.Context, s *scan, c *candidate, reg *store.Doc[archive.Register]) error {
	if reg.Exists() && reg.ETag == s.asked {
		return nil
	}
	a, err := d.account(ctx, s, c, reg.Exists())
	if err != nil {
		return err
	}
	if newer := a.newer(&c.place); newer != nil {
		d.o.Log.WarnContext(ctx, "the register does not know of a newer scan that is shown: it was lost, or an earlier version restored", "key", d.key, "register", reg.Key, "newer", newer.RawKey)
	}
	c.heed(a, reg.Exists())
	s.asked = reg.ETag
	superseded := a.newer(&c.place) != nil && !s.Force // whatever becomes of the one that is under way
	if !reg.Exists() && a.underWay != "" && !superseded {
		return d.stillThere(ctx, a.underWay)
	}
	return nil
}

// heed takes in what the delivery documents say.
func (c *candidate) heed(a *account, registered bool) {
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

// stillThere returns errUnderWay if the object is in the archive: one that has
// expired is delivered by nobody, and not waited for.
func (d *delivery) stillThere(ctx context.Context, rawKey string) error {
	switch _, err := d.o.Archive.Head(ctx, rawKey); {
	case errors.Is(err, store.ErrMissing):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s", errUnderWay, rawKey)
}
