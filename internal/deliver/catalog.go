package deliver

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/store"
)

// catalogs reads check catalogues, and keeps the last one, since all objects of a run
// name the same catalogue. It is safe for concurrent use.
type catalogs struct {
	archive *store.Store
	log     *slog.Logger

	mu   sync.Mutex
	key  string
	last *mapping.Catalog
}

// get returns the catalogue of a key; nil for an empty key. A catalogue only adds texts
// to findings, so one that is missing or cannot be read is logged, and nil is returned.
func (c *catalogs) get(ctx context.Context, key string) *mapping.Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == c.key {
		return c.last
	}
	body, err := c.archive.OpenCatalog(ctx, key)
	if err == nil {
		defer body.Close()
		c.last, err = mapping.ReadCatalog(body)
	}
	if err != nil {
		c.log.WarnContext(ctx, "the check catalogue cannot be read, findings go without its texts", "catalog", key, "error", err.Error())
		c.last = nil
		if fault.ClassOf(err) != fault.Reject && !errors.Is(err, store.ErrMissing) {
			c.key = "" // try again for the next object: the error may pass
			return nil
		}
	}
	c.key = key
	return c.last
}
