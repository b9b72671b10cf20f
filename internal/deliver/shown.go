package deliver

import (
	"context"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// The register says which scan of a system is the newest. It may have been lost,
// or an earlier version of it restored. Then it must not bring old news back: the
// delivery documents know as well what is shown. So before a scan is sent they are
// asked for anything newer, and before it is committed where there is no register,
// or not the one that was read then.

// lookBack is how much earlier than its start the id of a run may be, by which its
// objects are listed: a schedule that was late.
const lookBack = 24 * time.Hour

// newerShown finds among the delivery documents what is shown of a scan's system
// and newer than the scan; nil: nothing. It costs one list of the documents since
// the scan, and one of the hand-made ones. Read are those of the system that the
// register does not name. latest is the latest time of a scan event in what was read.
func (d *delivery) newerShown(ctx context.Context, s *scan, c *candidate) (newer *archive.Commit, latest time.Time, err error) {
	known := map[string]bool{d.key: true}
	for _, one := range c.register.Commits() {
		known[one.RawKey] = true
	}
	system := s.Envelope.System
	since := c.moment()
	if !c.handMade {
		since = c.order.StartedAt
	}
	since = since.Add(-lookBack)
	visit := func(rawKey string) error {
		doc, err := d.o.Archive.Delivery(ctx, rawKey)
		if err != nil {
			return err
		}
		one, at := shownOf(&doc.Value, system.ID)
		if one == nil {
			return nil
		}
		if at.After(latest) {
			latest = at
		}
		if placeOf(one).compare(&c.place) > 0 && (newer == nil || placeOf(one).compare(placeOf(newer)) > 0) {
			newer = one
		}
		return nil
	}
	for _, list := range []struct{ prefix, after string }{
		{archive.DeliveryPrefix + archive.AnalysesPrefix, archive.DeliveryPrefix + archive.AnalysesOf(since)}, {archive.DeliveryPrefix + archive.ManualPrefix, ""},
	} {
		for info, err := range d.o.Archive.List(ctx, list.prefix, list.after) {
			if err != nil {
				return nil, latest, err
			}
			rawKey, ok := archive.DeliveryOf(info.Key)
			handMade := archive.IsHandMade(rawKey)
			if !ok || known[rawKey] || !handMade && archive.SystemOf(rawKey) != system.Label().Hash || handMade && info.LastModified.Before(since) {
				continue
			}
			if err := visit(rawKey); err != nil {
				return nil, latest, err
			}
		}
	}
	return newer, latest, nil
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

// doubted looks for something newer that is shown, unless the register is the one
// for which that was done before, and puts it before what the register says.
func (d *delivery) doubted(ctx context.Context, s *scan, c *candidate, reg *store.Doc[archive.Register]) error {
	if reg.Exists() && reg.ETag == s.asked {
		return nil
	}
	newer, latest, err := d.newerShown(ctx, s, c)
	if err != nil {
		return err
	}
	if newer != nil {
		d.o.Log.WarnContext(ctx, "the register does not know of a newer scan that is shown: it was lost, or an earlier version restored", "key", d.key, "register", reg.Key, "newer", newer.RawKey)
		c.commits = append([]archive.Commit{*newer}, c.commits...)
	}
	if latest.After(c.register.Timestamp) {
		c.register.Timestamp = latest
	}
	s.asked = reg.ETag
	return nil
}
