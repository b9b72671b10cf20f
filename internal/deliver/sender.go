package deliver

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// Sender posts a body of events to Dynatrace; see openpipeline.Client.Send. No
// attempt starts after stop.
//
// Who may send the same events again is the heart of the promise that nothing
// is counted twice. A Sender repeats by itself only a request that was refused
// for sure and for now: 408, 429, 503 from Dynatrace, no connection. After Busy
// a later invocation may send the events under the same scan id; after Refused
// and TooLarge they go out in another form. After Doubt nobody sends findings
// again under the same scan id, unless DELIVERY=at-least-once accepts
// duplicates. The scan event and the follow-up events may be repeated
// by anyone at any time: their ids are the same, and only the newest is shown.
type Sender interface {
	Send(ctx context.Context, body []byte, stop time.Time) openpipeline.Result
}

// send posts a batch. What is done around a request is a send around a send:
// counting(paced(traced(sender))).
type send func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result

// traced posts bodies by a sender, each in a subsegment of the trace.
func traced(s Sender, stop time.Time) send {
	return func(ctx context.Context, b *openpipeline.Batch) (r openpipeline.Result) {
		_ = telemetry.Trace(ctx, "send", func(ctx context.Context) error {
			r = s.Send(ctx, b.Body, stop)
			return r.Err
		})
		return r
	}
}

// counting adds what is sent to a counter.
func counting(do send, c *counter) send {
	return func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result {
		r := do(ctx, b)
		c.add(&r, b)
		return r
	}
}

// counter counts requests and what was accepted of them. It is safe for
// concurrent use.
type counter struct {
	mu   sync.Mutex
	sent Sent
}

// Sent is what was sent.
type Sent struct {
	Requests int64
	// Events and Bytes of the bodies that were accepted.
	Events, Bytes int64
	// Retried are the refusals for now that were waited out.
	Retried openpipeline.Retries
}

// Add takes in what else was sent.
func (s *Sent) Add(o Sent) {
	s.Requests += o.Requests
	s.Events += o.Events
	s.Bytes += o.Bytes
	s.Retried.Add(o.Retried)
}

func (c *counter) add(r *openpipeline.Result, b *openpipeline.Batch) {
	one := Sent{Requests: r.Requests, Retried: r.Retried}
	if r.Outcome == openpipeline.Accepted {
		one.Events, one.Bytes = b.To-b.From, int64(len(b.Body))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.Add(one)
}

func (c *counter) total() Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

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

// discard is an endpoint that accepts everything, and keeps nothing.
type discard struct{}

// Send accepts a body.
func (discard) Send(context.Context, []byte, time.Time) openpipeline.Result {
	return openpipeline.Result{Outcome: openpipeline.Accepted, Requests: 1}
}
