package deliver

import (
	"context"
	"errors"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// The roll-up and the notice are for people. No error here fails a delivery. It costs
// the delivery at most two reads and one write of the archive, unless two commits of the
// system meet, and noticeTime after the delivery has ended.

// noticeTime bounds the sending of notices.
const noticeTime = 5 * time.Second

// keepVerdicts writes the roll-up of a scan that is committed and shown, and makes its
// notice: what changed since the scan that the register named before.
//
// After a crash before the write, or an error in it, the roll-up is still that of an
// older commit. The invocation that finishes this delivery writes it; if none does, the
// next commit finds nothing to compare with, and writes its own. After a crash later than
// the write the roll-up is that of this scan, with its change, and the invocation that
// finishes the delivery sends the notice.
func (g *generation) keepVerdicts(ctx context.Context, res *mapping.Result, reserved *archive.Register) {
	d := g.d
	now := archive.Rollup{
		System: reserved.System, Order: reserved.Order, Generation: reserved.Generation, ScanID: reserved.ScanID,
		RawKey: reserved.RawKey, Mapping: d.mapper.Hash(), Timestamp: reserved.Timestamp,
		Unlicensed: res.Summary.UnlicensedRules(),
	}
	notice.Fill(&now, res.Rules)
	now, err := d.keepRollup(ctx, now, reserved.Before)
	if err != nil {
		d.o.Log.WarnContext(ctx, "the verdicts of the scan are not kept, so there is nothing to compare with", "key", d.key, "error", err.Error())
	}
	n := notice.Of(&now, d.o.Archive.Bucket(), g.s.Force, d.arrivalOf(ctx, &reserved.Before))
	g.s.notice = &n
	d.o.Log.InfoContext(ctx, "scan committed", "key", d.key, "run", g.s.order().Run, "system", n.System.Name, "posture", n.Posture, "before", n.Before,
		"failed", n.Rules.Failed, "unlicensed", n.Unlicensed, "newlyFailed", n.NewlyFailed.Count, "newlyPassed", n.NewlyPassed.Count, "changed", n.Changed)
}

// arrivalOf returns what is known of the arrival of the commit that was replaced, for
// the notice of the commit that replaced it; nil: nothing is known, or no notices are
// sent.
func (d *delivery) arrivalOf(ctx context.Context, replaced *archive.Commit) *archive.Arrival {
	if d.o.Notices == nil || replaced.RawKey == "" || replaced.RawKey == d.key {
		return nil
	}
	doc, err := d.o.Archive.Delivery(ctx, replaced.RawKey)
	if err != nil {
		d.o.Log.WarnContext(ctx, "the notice does not say what arrived of the scan before", "key", d.key, "error", err.Error())
		return nil
	}
	for _, s := range recorded(&doc.Value) {
		if s.ScanID == replaced.ScanID {
			return s.Arrival
		}
	}
	return nil
}

// keepRollup writes the roll-up, unless the stored one is of this generation already, or
// of a newer commit. It returns the roll-up with its change, also with an error.
func (d *delivery) keepRollup(ctx context.Context, now archive.Rollup, replaced archive.Commit) (archive.Rollup, error) {
	// The system's first commit has no stored roll-up as a rule: write without a read.
	first := replaced == (archive.Commit{})
	for {
		kept, err := store.Doc[archive.Rollup]{Key: archive.RollupKey(now.System.ID)}, error(nil)
		if !first {
			kept, err = d.o.Archive.Rollup(ctx, now.System.ID)
		}
		first = false
		switch {
		case err == nil:
		case fault.ClassOf(err) == fault.Reject && kept.ETag != "": // the stored one cannot be read: replace it
			kept.Value = archive.Rollup{}
		default:
			next, _ := notice.Next(archive.Rollup{}, now, replaced)
			return next, err
		}
		next, keep := notice.Next(kept.Value, now, replaced)
		if !keep {
			return next, nil
		}
		kept.Value = next
		err = store.Save(ctx, d.o.Archive, &kept)
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRace) {
			continue // another invocation has written the roll-up: read it and decide again
		}
		return next, err
	}
}

// sendNotices publishes the notices of the scans whose delivery is complete, after the
// write of the delivery document that says so. A crash between that write and the
// publishing loses the notices, and nothing else: no other invocation sends them.
func (d *delivery) sendNotices(ctx context.Context) {
	var all []notice.Committed
	for _, s := range d.scans {
		if s.notice != nil && s.State == archive.DeliveryComplete {
			all = append(all, *s.notice)
		}
	}
	if len(all) == 0 || d.o.Notices == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	err := telemetry.Trace(ctx, "notice", func(ctx context.Context) error {
		failed, err := d.o.Notices.Publish(ctx, all)
		if failed > 0 {
			d.o.Metrics.Put(telemetry.Count("NoticesFailed", failed))
		}
		return err
	})
	if err != nil {
		d.o.Log.ErrorContext(ctx, "people are not told of a committed scan", "key", d.key, "class", fault.ClassOf(err), "error", err.Error())
	}
}
