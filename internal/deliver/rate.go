package deliver

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"runecast-ingest/internal/openpipeline"
)

// Rate bounds the events per second that are sent, over all deliveries that
// share it. It is safe for concurrent use.
type Rate struct {
	perSecond float64

	mu   sync.Mutex
	free time.Time // when the next events may go out
}

// NewRate makes a rate of so many events per second, more than 0, of which the
// first may go out from a time on; zero: at once.
func NewRate(perSecond float64, from time.Time) *Rate { return &Rate{perSecond: perSecond, free: from} }

// Until returns when the next events may go out, by what was sent so far.
func (r *Rate) Until() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free.UTC()
}

// wait lets nothing go out before a time.
func (r *Rate) wait(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until.After(r.free) {
		r.free = until
	}
}

// atOnce is the time whose events may go out in one request.
const atOnce = 10 * time.Second

// most is how many events may go out in one request: a large batch at once, and
// then a long pause, would keep to the rate only in the mean.
func (r *Rate) most() int64 {
	if r == nil {
		return math.MaxInt64
	}
	return max(1, int64(min(r.perSecond*atOnce.Seconds(), math.MaxInt32)))
}

// settlePace settles how fast the events of this delivery go out: as the request
// says, by a trigger as the document does. What earlier invocations have sent
// counts, whoever asked for it.
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

// takes is how long so many events take.
func (r *Rate) takes(events int64) time.Duration {
	return time.Duration(min(float64(events)/r.perSecond, longestPause.Seconds()) * float64(time.Second))
}

var errRate = errors.New("the pace that was asked for leaves the rest to another invocation")

// longestPause bounds what the lowest rate makes of a body: longer than any invocation.
const longestPause = 24 * time.Hour

// paced keeps to a rate; nil: there is none. A batch whose turn does not come
// in this invocation's time is not sent: it is refused for now.
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

// await waits until so many events may go out. They wait one behind the other.
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
