package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// ActiveRun reads runs/active.json: the run that goes on, or the one that ended last.
func (s *Store) ActiveRun(ctx context.Context) (Doc[archive.Run], error) {
	return Load[archive.Run](ctx, s, archive.ActiveRunKey)
}

// FinishedRun reads the document of a run that has ended; see Load.
func (s *Store) FinishedRun(ctx context.Context, id string) (Doc[archive.Run], error) {
	return Load[archive.Run](ctx, s, archive.RunKey(id))
}

// SaveRun writes a run document; see Save.
func (s *Store) SaveRun(ctx context.Context, d *Doc[archive.Run]) error { return Save(ctx, s, d) }

// Delivery reads the delivery document of a raw object; see Load.
func (s *Store) Delivery(ctx context.Context, rawKey string) (Doc[archive.Delivery], error) {
	return Load[archive.Delivery](ctx, s, archive.DeliveryKey(rawKey))
}

// Register reads the commit register of a system; see Load.
func (s *Store) Register(ctx context.Context, systemID string) (Doc[archive.Register], error) {
	return Load[archive.Register](ctx, s, archive.RegisterKey(systemID))
}

// Rollup reads the roll-up of a system's newest committed scan; see Load.
func (s *Store) Rollup(ctx context.Context, systemID string) (Doc[archive.Rollup], error) {
	return Load[archive.Rollup](ctx, s, archive.RollupKey(systemID))
}

// Sweep reads the document that says how far back the sweep has to look; see Load.
func (s *Store) Sweep(ctx context.Context) (Doc[archive.Sweep], error) {
	return Load[archive.Sweep](ctx, s, archive.SweepKey)
}

// Verify reads the document that says which commits need no verification any more; see
// Load.
func (s *Store) Verify(ctx context.Context) (Doc[archive.Verify], error) {
	return Load[archive.Verify](ctx, s, archive.VerifyKey)
}

// Runs returns the ids of the finished runs that were scheduled at a time or later, the
// oldest first. An error ends the sequence.
func (s *Store) Runs(ctx context.Context, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range s.List(ctx, archive.RunsPrefix, archive.RunsSince(since)) {
			id, finished := archive.FinishedRun(info.Key)
			if (err != nil || finished) && !yield(id, err) || err != nil {
				return
			}
		}
	}
}

// RunReader reads run documents, as Store does.
type RunReader interface {
	FinishedRun(ctx context.Context, id string) (Doc[archive.Run], error)
	Runs(ctx context.Context, since time.Time) iter.Seq2[string, error]
}

// LastRun returns the newest finished run whose document can be read; the zero value if
// there is none. It lists all runs, so it is meant for the case that runs/active.json is
// missing: that document holds the same run, and in its member "last" what is archived.
func LastRun(ctx context.Context, runs RunReader) (archive.Run, error) {
	var ids []string
	for id, err := range runs.Runs(ctx, time.Time{}) {
		if err != nil {
			return archive.Run{}, fmt.Errorf("list the runs: %w", err)
		}
		ids = append(ids, id)
	}
	for _, id := range slices.Backward(ids) {
		doc, err := runs.FinishedRun(ctx, id)
		switch {
		case err == nil && doc.Exists():
			return doc.Value, nil
		case err != nil && fault.ClassOf(err) != fault.Reject: // not the document's own fault
			return archive.Run{}, fmt.Errorf("read the run %s: %w", id, err)
		}
	}
	return archive.Run{}, nil
}

// Committed is a commit register as it was read.
type Committed struct {
	Key      string
	Register archive.Register
	// ETag is the ETag of the version that was read.
	ETag string
	// Err is why the register cannot be read; nil: it was read.
	Err error
}

// Registers returns the commit registers of all systems, in the order of their keys. It
// reads several at the same time. An error is that of the listing.
func (s *Store) Registers(ctx context.Context) ([]Committed, error) {
	return s.RegistersWhere(ctx, func(archive.RawInfo) bool { return true })
}

// RegistersWhere does what Registers does, but reads only the registers for which wanted
// returns true, given their entry in the listing.
func (s *Store) RegistersWhere(ctx context.Context, wanted func(archive.RawInfo) bool) ([]Committed, error) {
	chosen := func(yield func(archive.RawInfo, error) bool) {
		for info, err := range s.registers(ctx) {
			if (err != nil || wanted(info)) && !yield(info, err) {
				return
			}
		}
	}
	var all []Committed
	for c, err := range inParallel(chosen, func(info archive.RawInfo) Committed {
		doc, err := Load[archive.Register](ctx, s, info.Key)
		return Committed{Key: info.Key, Register: doc.Value, ETag: doc.ETag, Err: err}
	}) {
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return slices.Clip(all), nil
}

// CommittedSince reports whether a scan was committed after a time, of another system
// than the one with the id otherThan. It lists the registers once.
func (s *Store) CommittedSince(ctx context.Context, since time.Time, otherThan string) (bool, error) {
	for info, err := range s.registers(ctx) {
		if err != nil {
			return false, err
		}
		if info.Key != archive.RegisterKey(otherThan) && info.LastModified.After(since) {
			return true, nil
		}
	}
	return false, nil
}

// registers lists the commit registers, without the roll-ups beside them.
func (s *Store) registers(ctx context.Context) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		for info, err := range s.List(ctx, archive.RegisterPrefix, "") {
			if (err != nil || archive.IsRegister(info.Key)) && !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Tracked is a raw object with its delivery document.
type Tracked struct {
	archive.RawInfo
	Delivery Doc[archive.Delivery]
	// Err is why the delivery document cannot be read; nil: it was read, or there is none.
	Err error
}

// Ended reports whether the delivery of this version of the object has ended. It returns
// false if the document cannot be read: the attempt to deliver the object reports why.
func (t *Tracked) Ended() bool {
	v := &t.Delivery.Value
	return t.Err == nil && t.Delivery.Exists() && v.Final() && v.ETag == t.ETag
}

// Deliveries returns the listed objects with their delivery documents, in the list's
// order, by one read of S3 per object, several at the same time. An error of the list
// ends the sequence.
func (s *Store) Deliveries(ctx context.Context, objects iter.Seq2[archive.RawInfo, error]) iter.Seq2[Tracked, error] {
	return inParallel(objects, func(info archive.RawInfo) Tracked {
		doc, err := s.Delivery(ctx, info.Key)
		return Tracked{RawInfo: info, Delivery: doc, Err: err}
	})
}
