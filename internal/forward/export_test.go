package forward

import (
	"context"

	"runecast-ingest/internal/deliver"
)

// Deliver delivers one object in an invocation of its own.
func (f *Forwarder) Deliver(ctx context.Context, key string) (deliver.Outcome, error) {
	return f.deliverer.Deliver(ctx, key, deliver.WindowOf(ctx, f.o.Now()), deliver.Request{})
}
