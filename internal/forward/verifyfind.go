package forward

import (
	"context"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/arrival"
	"runecast-ingest/internal/store"
)

// registersSince is how long after its last write a commit register is looked at.
// Grail is asked about a scan until arrival.GiveUp after its scan event, which follows
// the write of the register within an hour; the second hour is a reserve.
const registersSince = arrival.GiveUp + 2*time.Hour

// find looks for scans that are due. It does not list the raw objects, since the
// registers name the commits: one listing tells which registers were written lately,
// and the memory knows which of these are settled.
func (v *verification) find(ctx context.Context) error {
	var err error
	v.memory, err = v.f.o.Archive.Verify(ctx)
	if err != nil && !v.memory.Exists() {
		return err
	}
	settled := map[string]string{}
	registers, err := v.f.o.Archive.RegistersWhere(ctx, func(info archive.RawInfo) bool {
		if info.LastModified.Before(v.started.Add(-registersSince)) {
			return false
		}
		if v.memory.Value.Settled[info.Key] == info.ETag {
			settled[info.Key] = info.ETag
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	v.memory.Value.Settled = settled
	var keys []string
	for i := range registers {
		r := &registers[i]
		if r.Err != nil {
			continue // the next delivery of the system reports it
		}
		one := commitsOf{key: r.Key, etag: r.ETag}
		for _, c := range []string{r.Register.RawKey, r.Register.Before.RawKey} {
			if c != "" {
				one.raw, v.systemNames[c] = append(one.raw, c), r.Register.System.Name
			}
		}
		v.registers = append(v.registers, one)
		keys = append(keys, one.raw...)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys) // the registers of several systems may name one document
	if err := v.read(ctx, keys); err != nil {
		return err
	}
	for _, key := range keys {
		t := v.deliveries[key]
		for _, s := range scansOf(t) {
			switch {
			case s.Arrival == nil || !verifiable(t) || arrival.Settled(s.Arrival, v.started):
			case arrival.Due(s.Arrival, v.started):
				v.add(t, s)
			default:
				v.answer.Later++
			}
		}
	}
	return nil
}

// read reads the delivery documents of raw objects by their keys.
func (v *verification) read(ctx context.Context, keys []string) error {
	v.deliveries = map[string]*store.Tracked{}
	objects := func(yield func(archive.RawInfo, error) bool) {
		for _, key := range keys {
			if !yield(archive.RawInfo{Key: key}, nil) {
				return
			}
		}
	}
	for t, err := range v.f.o.Archive.Deliveries(ctx, objects) {
		if err != nil {
			return err
		}
		v.deliveries[t.Key] = &t
	}
	return ctx.Err()
}
