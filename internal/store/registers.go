package store

import (
	"context"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
)

// Committed is a commit register as it was found.
type Committed struct {
	Key      string
	Register archive.Register
	// Err is why it cannot be read.
	Err error
}

// Registers reads the commit registers of all systems, in the order of their
// keys, several at once. An error is the list's.
func (s *Store) Registers(ctx context.Context) ([]Committed, error) {
	var all []Committed
	for info, err := range s.List(ctx, archive.RegisterPrefix, "") {
		if err != nil {
			return nil, err
		}
		if archive.IsRegister(info.Key) { // beside it lies the roll-up
			all = append(all, Committed{Key: info.Key})
		}
	}
	var group errgroup.Group
	group.SetLimit(readers)
	for i := range all {
		group.Go(func() error {
			c := &all[i]
			doc, err := Load[archive.Register](ctx, s, c.Key, archive.RegisterSchema)
			c.Register, c.Err = doc.Value, err
			return nil // kept beside the key
		})
	}
	return all, group.Wait()
}
