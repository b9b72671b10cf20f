package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// Sender posts a batch of events to Dynatrace; see openpipeline.Client.Send. No
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
	SendBatch(ctx context.Context, b *openpipeline.Batch, stop time.Time) openpipeline.Result
}

// send posts a batch. What is done around a request is a send around a send:
// counting(paced(limited(timely(traced(sender))))).
type send func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result

// traced posts bodies by a sender, each in a subsegment of the trace.
func traced(s Sender, stop time.Time) send {
	return func(ctx context.Context, b *openpipeline.Batch) (r openpipeline.Result) {
		_ = telemetry.Trace(ctx, "send", func(ctx context.Context) error {
			r = s.SendBatch(ctx, b, stop)
			return r.Err
		})
		return r
	}
}

// maxOnWay is how long a request may be on its way. Dynatrace answers 202 to records
// that are older than 24 hours, too, and drops them.
const maxOnWay = time.Hour

// timely doubts what was accepted after too long a time, as where the invocation was
// frozen before its request went out: it may have been dropped.
func timely(do send, now func() time.Time) send {
	return func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result {
		began := now()
		r := do(ctx, b)
		if took := now().Sub(began); r.Outcome == openpipeline.Accepted && took > maxOnWay {
			r.Outcome, r.Err = openpipeline.Doubt, fmt.Errorf("accepted, but %s after it was to be sent: Dynatrace drops what is too old", took.Round(time.Minute))
		}
		return r
	}
}

// limited sends no more requests at a time than there are slots, whatever number of
// objects is delivered.
func limited(do send, slots chan struct{}) send {
	return func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done(): // the sender says so
		}
		return do(ctx, b)
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
		one.Events, one.Bytes = b.To-b.From, int64(b.Len())
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

// discard is an endpoint that accepts everything, and keeps nothing.
type discard struct{}

// SendBatch accepts a batch.
func (discard) SendBatch(context.Context, *openpipeline.Batch, time.Time) openpipeline.Result {
	return openpipeline.Result{Outcome: openpipeline.Accepted, Requests: 1}
}
