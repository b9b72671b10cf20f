package forward

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// Sweeps keep what they have seen in delivery/sweep.json: which objects are open, which
// groups have ended, and with which day of runs the quick look begins. The document
// only saves work: if it is lost, the full look still finds every open object.

// recall reads the sweep document. One that cannot be understood is replaced by an
// empty one, with a warning in the log: the sweep then looks at the whole archive.
func (f *Forwarder) recall(ctx context.Context) (store.Doc[archive.Sweep], error) {
	memory, err := f.o.Archive.Sweep(ctx)
	if err != nil && memory.Exists() {
		f.o.Log.WarnContext(ctx, "what sweeps remember cannot be used, the whole archive is looked at", "error", err.Error())
		memory.Value, err = archive.Sweep{}, nil
	}
	return memory, err
}

// maxReason bounds a reason in the sweep document, in bytes.
const maxReason = 500

// shorten cuts a reason after maxReason bytes, at a whole letter.
func shorten(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + " …"
}

// maxOpen bounds the open objects in the sweep document.
const maxOpen = 1000

// remember writes the sweep document. If more than maxOpen objects are open, it lists
// those of the oldest runs, and the next quick look begins with the day of the first
// one that is not listed.
func (w *sweep) remember(ctx context.Context) error {
	v := &w.memory.Value
	v.Open = slices.SortedFunc(maps.Values(w.left), func(a, b archive.OpenObject) int { return strings.Compare(a.Key, b.Key) })
	if len(v.Open) > maxOpen {
		for _, o := range v.Open[maxOpen:] {
			v.From = earlier(v.From, started(o.Info()))
		}
		v.Open = v.Open[:maxOpen]
	}
	v.From, v.UpdatedAt = v.From.UTC().Truncate(24*time.Hour), w.started.UTC()
	for {
		err := store.Save(ctx, w.f.o.Archive, &w.memory)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
		// Meanwhile keepInView has set an earlier day, or another sweep has written the
		// document. This sweep's digests and open objects are true as well and replace
		// the others; a day that was changed is kept if it is earlier.
		now, err := w.f.recall(ctx)
		if err != nil {
			return err
		}
		if !now.Value.From.Equal(w.day) {
			v.From = earlier(v.From, now.Value.From)
		}
		w.memory.ETag, w.day = now.ETag, now.Value.From
	}
}

// maxEnded bounds the digests in the sweep document: enough for 20 million objects.
const maxEnded = 20_000

// latest returns the digests of earlier sweeps followed by those that this one met,
// the last maxEnded of them. all says that this sweep met every group there is: then
// the earlier digests are dropped.
func latest(before, met []string, all bool) []string {
	if all {
		return met
	}
	now := map[string]bool{}
	met = slices.DeleteFunc(met, func(digest string) bool { // the quick look and the full one may both have met it
		again := now[digest]
		now[digest] = true
		return again
	})
	kept := append(slices.DeleteFunc(before, func(digest string) bool { return now[digest] }), met...)
	return kept[max(0, len(kept)-maxEnded):]
}

// keepInView makes quick looks go back as far as an object whose delivery is about to
// begin: even if the invocation crashes, the next sweep finds the object. replayed says
// that the delivery had ended and begins again: then the day is written even if the
// object is in view.
func (f *Forwarder) keepInView(ctx context.Context, info archive.RawInfo, replayed bool) error {
	if !replayed && f.inView(info) {
		return nil
	}
	for {
		memory, err := f.recall(ctx)
		if err != nil {
			return err
		}
		day := started(info).UTC().Truncate(24 * time.Hour)
		if from := memory.Value.From; !from.IsZero() && !day.Before(from) {
			return nil
		}
		// After a crash behind this write the next quick look goes back further than it
		// needs to. Nothing has to be repaired.
		memory.Value.From = day
		err = store.Save(ctx, f.o.Archive, &memory)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
	}
}

// inView reports whether every quick look finds an object, even if it is not in
// sweep.json: it is hand-made, or its run began within the last day.
func (f *Forwarder) inView(info archive.RawInfo) bool {
	_, analysis := archive.AnalysisDay(info.Key)
	return !analysis || started(info).After(f.o.Now().Add(-quickLook/2))
}

// started returns the day of an object's run by its key; for a hand-made document the
// time of its upload.
func started(info archive.RawInfo) time.Time {
	if day, ok := archive.AnalysisDay(info.Key); ok {
		return day
	}
	return info.LastModified
}

// earlier returns the earlier of two times; a zero time does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
