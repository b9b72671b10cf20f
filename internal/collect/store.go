package collect

import (
	"context"
	"io"
	"iter"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// Store is what a run needs of the archive; errors are those of package archive.
type Store interface {
	// LoadRun reads a run document; a missing one is no error.
	LoadRun(ctx context.Context, key string) (store.Doc[archive.Run], error)
	// Runs gives the ids of the finished runs since a time, oldest first; an error ends it.
	Runs(ctx context.Context, since time.Time) iter.Seq2[string, error]
	// SaveRun writes it if it is still what was read.
	SaveRun(ctx context.Context, key string, doc *store.Doc[archive.Run]) error
	// PutRaw stores what write produces under a key that must not exist.
	PutRaw(ctx context.Context, key string, write func(io.Writer) error) (store.Stored, error)
	// PutCatalog stores a catalogue under its hash.
	PutCatalog(ctx context.Context, write func(io.Writer) error) (string, error)
	// Inspect reads a raw object through: what is stored, and its envelope.
	Inspect(ctx context.Context, key string) (store.Stored, archive.Envelope, error)
}

// Archive makes a Store of the archive bucket.
type Archive struct{ *store.Store }

// LoadRun reads a run document.
func (a Archive) LoadRun(ctx context.Context, key string) (store.Doc[archive.Run], error) {
	return store.Load[archive.Run](ctx, a.Store, key, archive.RunSchema)
}

// SaveRun writes a run document.
func (a Archive) SaveRun(ctx context.Context, key string, doc *store.Doc[archive.Run]) error {
	return store.Save(ctx, a.Store, key, archive.RunSchema, doc)
}
