package store

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
)

const (
	// readers is how many delivery documents are read at once.
	readers = 16
	// readAhead bounds how many of them are held in memory.
	readAhead = 256
)

// Tracked is a raw object and what is known of its delivery.
type Tracked struct {
	archive.RawInfo
	Delivery Doc[archive.Delivery]
	// Err is why the delivery document cannot be read; nil: it was, or there is none.
	Err error
}

// Ended tells whether the delivery of this version of the object is over. One
// whose document cannot be read is not: its delivery will say why.
func (t *Tracked) Ended() bool {
	v := &t.Delivery.Value
	return t.Err == nil && t.Delivery.Exists() && v.Final() && v.ETag == t.ETag
}

// Deliveries adds to listed objects what is known of their deliveries, in the
// list's order, by one read of S3 per object, several at once. An error of the
// list ends it.
func (s *Store) Deliveries(ctx context.Context, objects iter.Seq2[archive.RawInfo, error]) iter.Seq2[Tracked, error] {
	return func(yield func(Tracked, error) bool) {
		ahead := make([]Tracked, 0, readAhead)
		flush := func() bool {
			s.readAll(ctx, ahead)
			for _, t := range ahead {
				if !yield(t, nil) {
					return false
				}
			}
			ahead = ahead[:0]
			return true
		}
		for info, err := range objects {
			if err != nil {
				if flush() {
					yield(Tracked{}, err)
				}
				return
			}
			if ahead = append(ahead, Tracked{RawInfo: info}); len(ahead) == readAhead && !flush() {
				return
			}
		}
		flush()
	}
}

func (s *Store) readAll(ctx context.Context, objects []Tracked) {
	var group errgroup.Group
	group.SetLimit(readers)
	for i := range objects {
		group.Go(func() error {
			t := &objects[i]
			t.Delivery, t.Err = Load[archive.Delivery](ctx, s, archive.DeliveryKey(t.Key), archive.DeliverySchema)
			return nil // kept beside the object
		})
	}
	_ = group.Wait()
}
