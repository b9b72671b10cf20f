package forward

import "context"

// Deliver delivers one object in an invocation of its own.
func (f *Forwarder) Deliver(ctx context.Context, key string) (Outcome, error) {
	return f.deliver(ctx, key, windowOf(ctx, f.o.Now()))
}
