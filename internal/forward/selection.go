package forward

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// selection says which raw objects are meant; all that is set must hold.
type selection struct {
	prefix, run, system, state string
	// since and until bound the start of the run, or the upload of a hand-made
	// document: since ≤ t < until; zero: open.
	since, until time.Time
}

// States that a selection knows beside those of a delivery.
const (
	selectPending     = "pending"
	selectQuarantined = "quarantined"
)

// newest gives the newest selected object of each system by the system's part
// of the key; a hand-made document stands for itself. False: the time ended.
func (f *Forwarder) newest(ctx context.Context, s *selection, win window) (map[string]archive.RawInfo, bool, error) {
	chosen := map[string]archive.RawInfo{}
	for info, err := range f.selected(ctx, s) {
		switch {
		case err != nil:
			return nil, false, err
		case !f.o.Now().Before(win.soft):
			return chosen, false, nil
		}
		part, ok := archive.SystemPart(info.Key)
		if !ok {
			part = info.Key
		}
		if info.Key > chosen[part].Key {
			chosen[part] = info
		}
	}
	return chosen, true, nil
}

// selected lists the raw objects that are meant.
func (f *Forwarder) selected(ctx context.Context, s *selection) iter.Seq2[archive.RawInfo, error] {
	objects := sieve(s.list(ctx, f.o.Archive), s.matches)
	if s.state == "" {
		return objects
	}
	return func(yield func(archive.RawInfo, error) bool) {
		for t, err := range f.o.Archive.Deliveries(ctx, objects) {
			if (err != nil || s.inState(&t)) && !yield(t.RawInfo, err) {
				return
			}
		}
	}
}

// list reads no more of the archive than the selection needs: the analyses of
// its days, and the hand-made documents.
func (s *selection) list(ctx context.Context, store *archive.Store) iter.Seq2[archive.RawInfo, error] {
	after, before := s.days()
	return func(yield func(archive.RawInfo, error) bool) {
		if prefix, ok := narrower(archive.AnalysesPrefix, s.prefix); ok {
			for info, err := range store.List(ctx, prefix, after) {
				if day, ok := archive.AnalysisDay(info.Key); ok && !before.IsZero() && !day.Before(before) {
					break
				}
				if !yield(info, err) {
					return
				}
			}
		}
		if prefix, ok := narrower(archive.ManualPrefix, s.prefix); ok {
			for info, err := range store.List(ctx, prefix, "") {
				if !yield(info, err) {
					return
				}
			}
		}
	}
}

// days bounds the analyses that have to be listed: those after a key, and of
// days before one. A run lies under the day it started, which its id gives, or
// the one after where its schedule was late.
func (s *selection) days() (after string, before time.Time) {
	since, before := s.since, s.until
	if at, ok := runTime(s.run); ok {
		since, before = at, at.Add(48*time.Hour)
	}
	if !since.IsZero() {
		after = archive.AnalysesOf(since)
	}
	return after, before
}

// narrower gives what two prefixes have in common; false: nothing.
func narrower(top, prefix string) (string, bool) {
	if strings.HasPrefix(prefix, top) {
		return prefix, true
	}
	_, above := strings.CutPrefix(top, prefix)
	return top, above
}

func (s *selection) matches(info archive.RawInfo) bool {
	run, _ := archive.RunOf(info.Key)
	at := started(info)
	return !folder(info.Key) && strings.HasPrefix(info.Key, s.prefix) &&
		(s.run == "" || run == s.run) &&
		(s.system == "" || archive.IsOf(info.Key, s.system)) &&
		(s.since.IsZero() || !at.Before(s.since)) && (s.until.IsZero() || at.Before(s.until))
}

// started is when the run of an object started, as its id says, or else its
// day; for a hand-made document when it was uploaded.
func started(info archive.RawInfo) time.Time {
	run, _ := archive.RunOf(info.Key)
	if at, ok := runTime(run); ok {
		return at
	}
	if day, ok := archive.AnalysisDay(info.Key); ok {
		return day
	}
	return info.LastModified
}

// runTime is the time in a run's id, 20261122T020000Z-4f3a; false if it has none.
func runTime(run string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(run, "-")
	at, err := time.Parse("20060102T150405Z", stamp)
	return at, err == nil
}

func (s *selection) inState(t *archive.Tracked) bool {
	v := &t.Delivery.Value
	switch s.state {
	case selectPending:
		return !t.Ended()
	case selectQuarantined:
		return t.Ended() && v.Quarantined > 0
	}
	return t.Ended() && v.State == s.state
}

// behind gives the parts of a choice in their order, behind a cursor.
func behind(cursor string, chosen map[string]archive.RawInfo) []string {
	parts := slices.Sorted(maps.Keys(chosen))
	i, found := slices.BinarySearch(parts, cursor)
	if found {
		i++
	}
	return parts[i:]
}

// moment reads a time, or a date: its first instant, or with end that of the
// day after.
func moment(name, text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &fault.Error{Class: fault.Reject, Where: "payload", What: fmt.Sprintf("%s %q is no time", name, text),
			Cure: "write a date, 2026-11-22, or a time, 2026-11-22T02:00:00Z"}
	}
	return at, nil
}
