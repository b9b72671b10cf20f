package forward

import (
	"context"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// selection says which raw objects a replay chooses from: those of a query whose
// delivery is in a state.
type selection struct {
	store.Query
	// state is complete, superseded, failed, pending or quarantined; empty: any.
	state string
}

// choice is a list of keys of selected objects of one system, the newest run first.
type choice []string

// maxChoice is how many keys a choice keeps. The first is usually that of the newest
// scan, but not always: run ids hold the time of the schedule, and a run that began
// later than scheduled may be newer than its id says.
const maxChoice = 4

// with returns the choice with one more key at its place, the newest maxChoice keys.
func (c choice) with(key string) choice {
	// The end of a key holds the system's name, which may change between two runs.
	i, _ := slices.BinarySearchFunc(c, key, func(a, b string) int { return strings.Compare(path.Dir(b), path.Dir(a)) })
	c = slices.Insert(c, i, key)
	return c[:min(len(c), maxChoice)]
}

// newest returns the newest selected objects of each system, by archive.SystemOf; the
// error is store.ErrLate if the invocation's soft limit came before all were found.
func (f *Forwarder) newest(ctx context.Context, s *selection, win deliver.Window) (map[string]choice, error) {
	s.Late = func() bool { return !f.o.Now().Before(win.Soft) }
	chosen := map[string]choice{}
	for info, err := range f.selected(ctx, s) {
		if err != nil {
			return nil, err
		}
		system := archive.SystemOf(info.Key)
		chosen[system] = chosen[system].with(info.Key)
	}
	return chosen, nil
}

// selected lists the raw objects of a selection.
func (f *Forwarder) selected(ctx context.Context, s *selection) iter.Seq2[archive.RawInfo, error] {
	objects := f.o.Archive.Select(ctx, s.Query)
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

// inState reports whether the delivery of an object is in the selected state.
func (s *selection) inState(t *store.Tracked) bool {
	v := &t.Delivery.Value
	switch s.state {
	case archive.DeliveryPending:
		return !t.Ended()
	case payload.Quarantined:
		return t.Ended() && v.Quarantined > 0
	}
	return t.Ended() && v.State == s.state
}

// behind returns the sorted keys of chosen that come after a position.
func behind(position string, chosen map[string]choice) []string {
	parts := slices.Sorted(maps.Keys(chosen))
	i, found := slices.BinarySearch(parts, position)
	if found {
		i++
	}
	return parts[i:]
}
