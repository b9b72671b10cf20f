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

// What a committed scan changed is for people: nothing here fails a delivery,
// nor takes more of its time than two reads and a write of the archive, and
// noticeTime once the delivery has ended.

// noticeTime bounds the sending of notices.
const noticeTime = 5 * time.Second

// keepVerdicts keeps the verdicts of a scan that is committed and shown, beside
// the register, and notes what the notice will say: what changed since the scan
// that the register named before.
//
// A crash before it, or an error in it: the roll-up stays that of an older
// commit. Whoever finishes this delivery keeps its verdicts; if nobody does,
// the next commit finds that there is nothing to compare with, and keeps its
// own. A crash after it: the roll-up names this scan already, with its change,
// and the invocation that finishes the delivery sends the notice of it.
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

// arrivalOf returns what is known of the rows of a commit whose place another
// takes, for the notice of that one; nil: nothing, or no notices are sent.
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

// keepRollup writes the roll-up, unless the one that is kept is this scan's
// already, or of a newer commit. It returns the roll-up with its change, with
// an error, too.
func (d *delivery) keepRollup(ctx context.Context, now archive.Rollup, replaced archive.Commit) (archive.Rollup, error) {
	first := replaced == (archive.Commit{}) // mostly there is none yet then: it is not read before it is written
	for {
		kept, err := store.Doc[archive.Rollup]{Key: archive.RollupKey(now.System.ID)}, error(nil)
		if !first {
			kept, err = d.o.Archive.Rollup(ctx, now.System.ID)
		}
		first = false
		switch {
		case err == nil:
		case fault.ClassOf(err) == fault.Reject && kept.ETag != "": // it says nothing; a new one takes its place
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
			continue // another commit's was written meanwhile
		}
		return next, err
	}
}

// sendNotices publishes the notices of the scans whose delivery is complete: after the
// write that says so, once per generation. A crash before it loses the notices,
// and nothing else: no other invocation sends them.
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
