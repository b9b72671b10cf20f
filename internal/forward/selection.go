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

// selection says which raw objects are meant: those of a query whose delivery is
// in a state.
type selection struct {
	store.Query
	// state is complete, superseded, failed, pending or quarantined; empty: any.
	state string
}

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

// newest returns the newest selected objects of each system, by their keys;
// store.ErrLate if the time ended before all were found.
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

// selected lists the raw objects that are meant.
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

// behind returns the parts of a choice in their order, behind a position.
func behind(position string, chosen map[string]choice) []string {
	parts := slices.Sorted(maps.Keys(chosen))
	i, found := slices.BinarySearch(parts, position)
	if found {
		i++
	}
	return parts[i:]
}
