package endpoint

import (
	"context"
	"time"
)

// Backoff bounds the waits between the attempts of one request.
type Backoff struct {
	// First bounds the first wait. The bound doubles with each, up to Most.
	First, Most time.Duration
	// Stop is when no attempt may begin any more; zero: never.
	Stop time.Time
}

// Waits are the waits between the attempts of one request: full jitter, at
// least as long as the service asks, and never longer than there is time.
type Waits struct {
	s *Service
	b Backoff
}

// Waits begins anew for a request.
func (s *Service) Waits(b Backoff) *Waits { return &Waits{s, b} }

// Next waits before another attempt, at least as long as the service asked. It
// reports false where there is no time for that, then at once, or the context
// ended.
func (w *Waits) Next(ctx context.Context, asked time.Duration) bool {
	wait := max(time.Duration(w.s.o.Jitter()*float64(w.b.First)), asked)
	w.b.First = min(2*w.b.First, w.b.Most)
	if !w.b.Stop.IsZero() && !w.s.o.Now().Add(wait).Before(w.b.Stop) {
		return false
	}
	return w.s.o.Sleep(ctx, wait) == nil
}

// Sleep waits for a duration, or until the context ends, and then returns why.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
