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

// What sweeps remember, in delivery/sweep.json, saves work alone: which objects are
// open, which have ended, and how far back by the days of runs a quick look has to
// go. The look at the whole archive, once a day, does without it.

// recall reads what sweeps remember. A document that cannot be understood is
// taken for none, and written anew: it only saves work.
func (f *Forwarder) recall(ctx context.Context) (store.Doc[archive.Sweep], error) {
	memory, err := f.o.Archive.Sweep(ctx)
	if err != nil && memory.Exists() {
		f.o.Log.WarnContext(ctx, "what sweeps remember cannot be used, the whole archive is looked at", "error", err.Error())
		memory.Value, err = archive.Sweep{}, nil
	}
	return memory, err
}

// maxReason bounds a remembered reason, in bytes.
const maxReason = 500

func shorten(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + " …"
}

// maxOpen bounds the open objects that are remembered.
const maxOpen = 1000

// remember writes what the next sweep may build on. Of more open objects than
// are remembered the oldest runs are, and the quick look goes back to the first
// of the others.
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
		// A delivery of an old object has moved the day while this sweep was at
		// work, or another sweep has written what it saw. Both sweeps' digests are
		// true; the day is kept.
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

// maxEnded bounds the digests that are kept: enough for 20 million objects.
const maxEnded = 20_000

// latest returns the digests that were met behind those of before, which go
// where all there are were met.
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

// keepInView makes quick looks go back as far as an object whose delivery is
// about to begin: whatever ends the invocation, the next sweep finds the object.
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
		// A crash after this write makes the next quick look go back further for nothing.
		memory.Value.From = day
		err = store.Save(ctx, f.o.Archive, &memory)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
	}
}

// inView reports whether every quick look finds an object that is not in sweep.json:
// it is hand-made, or its run began lately.
func (f *Forwarder) inView(info archive.RawInfo) bool {
	_, analysis := archive.AnalysisDay(info.Key)
	return !analysis || started(info).After(f.o.Now().Add(-quickLook/2))
}

// started is the day under which an object lies, or the moment of its upload.
func started(info archive.RawInfo) time.Time {
	if day, ok := archive.AnalysisDay(info.Key); ok {
		return day
	}
	return info.LastModified
}

// earlier returns the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
