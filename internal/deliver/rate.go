package deliver

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"runecast-ingest/internal/openpipeline"
)

// Rate keeps to a pace: it bounds the events per second that are sent, over all
// deliveries that share it. It is safe for concurrent use.
type Rate struct {
	perSecond float64

	mu   sync.Mutex
	free time.Time // when the next events may go out
}

// NewRate returns a rate of perSecond events per second, more than 0. The first events
// may go out at the time from, or at once if that is zero.
func NewRate(perSecond float64, from time.Time) *Rate { return &Rate{perSecond: perSecond, free: from} }

// Until returns when the next events may go out, UTC; zero or past: at once.
func (r *Rate) Until() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free.UTC()
}

// wait lets no event go out before a time.
func (r *Rate) wait(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until.After(r.free) {
		r.free = until
	}
}

// atOnce bounds a request: it may hold the events of this time.
const atOnce = 10 * time.Second

// most returns how many events may go out in one request: those of atOnce, at least 1. A
// larger batch with a long pause after it would keep to the pace only on average.
func (r *Rate) most() int64 {
	if r == nil {
		return math.MaxInt64
	}
	return max(1, int64(min(r.perSecond*atOnce.Seconds(), math.MaxInt32)))
}

// settlePace sets the pace of this delivery: the one of a replay request, or, for a
// trigger, the one in the document. In both cases the events that an earlier invocation
// has sent under the document's pace delay the next ones.
func (d *delivery) settlePace(at *situation) {
	v := &d.doc.Value
	asked, until := v.MaxEventsPerSecond, v.PacedUntil
	v.MaxEventsPerSecond, v.PacedUntil = 0, time.Time{}
	d.rate = d.request.Rate
	if !at.sameVersion() || asked == 0 {
		return
	}
	if d.rate == nil && d.request.JobID == "" {
		d.rate = NewRate(asked, until)
	} else if d.rate != nil {
		d.rate.wait(until)
	}
}

// takes returns how long so many events take, at most longestPause.
func (r *Rate) takes(events int64) time.Duration {
	return time.Duration(min(float64(events)/r.perSecond, longestPause.Seconds()) * float64(time.Second))
}

var errRate = errors.New("the pace that was asked for leaves the rest to another invocation")

// longestPause bounds the time that events take at a very low rate. It is longer than
// any invocation.
const longestPause = 24 * time.Hour

// paced returns a send that waits as the rate asks; a nil rate asks for no wait. A batch
// whose turn does not come before the window's Soft is not sent, and the result is Busy.
func (d *delivery) paced(do send, rate *Rate) send {
	if rate == nil {
		return do
	}
	return func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result {
		if err := d.await(ctx, rate, b.To-b.From); err != nil {
			return openpipeline.Result{Outcome: openpipeline.Busy, Err: err}
		}
		return do(ctx, b)
	}
}

// await waits until so many events may go out. Concurrent callers wait one after the
// other. It returns errRate if their turn does not come before the window's Soft.
func (d *delivery) await(ctx context.Context, rate *Rate, events int64) error {
	rate.mu.Lock()
	defer rate.mu.Unlock()
	now := d.o.Now()
	if rate.free.After(now) {
		if !rate.free.Before(d.win.Soft) {
			return errRate
		}
		if err := d.o.Sleep(ctx, rate.free.Sub(now)); err != nil {
			return err
		}
		now = rate.free
	}
	rate.free = now.Add(rate.takes(events))
	return nil
}
