package endpoint

import (
	"context"
	"time"
)

// Backoff bounds the waits between the attempts of one request.
type Backoff struct {
	// First bounds the first wait. The bound doubles with each wait, up to Most.
	First, Most time.Duration
	// Stop is when no attempt may begin any more; zero: there is no such time.
	Stop time.Time
}

// Waits makes the waits between the attempts of one request. A wait has full jitter: it
// is random, up to its bound. It is at least as long as the service asks.
type Waits struct {
	s *Service
	b Backoff
}

// Waits returns the waits for a new request.
func (s *Service) Waits(b Backoff) *Waits { return &Waits{s, b} }

// Next waits before another attempt, at least as long as asked. It returns false if the
// context ended, and at once if the wait would reach b.Stop.
func (w *Waits) Next(ctx context.Context, asked time.Duration) bool {
	wait := max(time.Duration(w.s.o.Jitter()*float64(w.b.First)), asked)
	w.b.First = min(2*w.b.First, w.b.Most)
	if !w.b.Stop.IsZero() && !w.s.o.Now().Add(wait).Before(w.b.Stop) {
		return false
	}
	return w.s.o.Sleep(ctx, wait) == nil
}

// Sleep waits for a duration, and returns nil. If the context ends first, it returns the
// context's cause.
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
