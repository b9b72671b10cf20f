package forward

import (
	"context"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/status"
	"runecast-ingest/internal/store"
)

// selection says which raw objects are meant; all that is set must hold.
type selection struct {
	prefix, run, system, state string
	// since and until bound the start of the run, or the upload of a hand-made
	// document: since ≤ t < until; zero: open.
	since, until time.Time
}

// between sets the bounds from a request's texts; an until that is a date
// includes that day.
func (s *selection) between(since, until string) (err error) {
	if since != "" {
		if s.since, _, err = status.Moment("since", since); err != nil {
			return err
		}
	}
	if until != "" {
		at, whole, err := status.Moment("until", until)
		s.until = at.Add(whole)
		return err
	}
	return nil
}

// States that a selection knows beside those of a delivery.
const (
	selectPending     = "pending"
	selectQuarantined = "quarantined"
)

// choice are selected objects of one system, the newest first.
type choice []string

// maxChoice is how many of them are kept. Keys are in the order of the runs'
// ids, which hold the schedule's time; a run that began late is newer than its id.
const maxChoice = 4

// with takes a key in, at its place.
func (c choice) with(key string) choice {
	i, _ := slices.BinarySearchFunc(c, key, func(a, b string) int { return strings.Compare(path.Dir(b), path.Dir(a)) }) // the name may change between
	c = slices.Insert(c, i, key)
	return c[:min(len(c), maxChoice)]
}

// newest gives the newest selected objects of each system, by what systemOf
// says. False: the time ended.
func (f *Forwarder) newest(ctx context.Context, s *selection, win deliver.Window) (map[string]choice, bool, error) {
	chosen := map[string]choice{}
	for info, err := range f.selected(ctx, s) {
		switch {
		case err != nil:
			return nil, false, err
		case !f.o.Now().Before(win.Soft):
			return chosen, false, nil
		}
		system := systemOf(info.Key)
		chosen[system] = chosen[system].with(info.Key)
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
func (s *selection) list(ctx context.Context, store *store.Store) iter.Seq2[archive.RawInfo, error] {
	after, before := s.days()
	return func(yield func(archive.RawInfo, error) bool) {
		if prefix, ok := archive.Narrower(archive.AnalysesPrefix, s.prefix); ok {
			for info, err := range store.List(ctx, prefix, after) {
				if day, ok := archive.AnalysisDay(info.Key); ok && !before.IsZero() && !day.Before(before) {
					break
				}
				if !yield(info, err) {
					return
				}
			}
		}
		if prefix, ok := archive.Narrower(archive.ManualPrefix, s.prefix); ok {
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
	if at, ok := archive.RunStart(s.run); ok {
		since, before = at, at.Add(48*time.Hour)
	}
	if !since.IsZero() {
		after = archive.AnalysesOf(since)
	}
	return after, before
}

func (s *selection) matches(info archive.RawInfo) bool {
	run, _ := archive.RunOf(info.Key)
	at := info.Started()
	return !folder(info.Key) && strings.HasPrefix(info.Key, s.prefix) &&
		(s.run == "" || run == s.run) &&
		(s.system == "" || archive.IsOf(info.Key, s.system)) &&
		(s.since.IsZero() || !at.Before(s.since)) && (s.until.IsZero() || at.Before(s.until))
}

// systemOf is what the keys of all analyses of a system have in common; a
// hand-made document stands for itself.
func systemOf(key string) string {
	if label, ok := archive.RawLabel(key); ok {
		return label.Hash
	}
	return key
}

func (s *selection) inState(t *store.Tracked) bool {
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
func behind(cursor string, chosen map[string]choice) []string {
	parts := slices.Sorted(maps.Keys(chosen))
	i, found := slices.BinarySearch(parts, cursor)
	if found {
		i++
	}
	return parts[i:]
}

// sieve keeps the objects that are wanted, and errors.
func sieve(objects iter.Seq2[archive.RawInfo, error], wanted func(archive.RawInfo) bool) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		for info, err := range objects {
			if (err != nil || wanted(info)) && !yield(info, err) {
				return
			}
		}
	}
}
