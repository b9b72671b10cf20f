package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// Sender posts a batch of events to Dynatrace; see openpipeline.Client.SendBatch. No
// attempt starts after stop.
//
// Nothing is counted twice, since it is fixed who may send the same events again. A
// Sender repeats by itself only a request that was refused for sure and for now: 408,
// 429, 503 in Dynatrace's own form, no connection. After Busy a later invocation
// may send the events under the same scan id; after Refused and TooLarge the events go
// out in another form. After Doubt nobody sends findings again under the same scan id,
// unless DELIVERY=at-least-once accepts duplicates. Any invocation may repeat the scan
// event and the extras at any time: their ids are the same, and only the newest is shown.
type Sender interface {
	SendBatch(ctx context.Context, b *openpipeline.Batch, stop time.Time) openpipeline.Result
}

// send posts a batch. Each concern wraps another send:
// counting(paced(counting(limited(timely(traced(sender)))))). The inner counter is the
// invocation's, the outer one the generation's.
type send func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result

// traced returns a send that posts by a sender, each batch in a subsegment of the trace.
func traced(s Sender, stop time.Time) send {
	return func(ctx context.Context, b *openpipeline.Batch) (r openpipeline.Result) {
		_ = telemetry.Trace(ctx, "send", func(ctx context.Context) error {
			r = s.SendBatch(ctx, b, stop)
			return r.Err
		})
		return r
	}
}

// maxOnWay is how long a request may take, with all attempts. Dynatrace also answers 202
// to records that are older than 24 hours, and drops them.
const maxOnWay = time.Hour

// timely returns a send that turns Accepted into Doubt after more than maxOnWay, as where
// the invocation was frozen before its request went out: the events may be dropped.
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

// limited returns a send that runs no more requests at a time than there are slots. All
// objects that the invocation delivers share the slots.
func limited(do send, slots chan struct{}) send {
	return func(ctx context.Context, b *openpipeline.Batch) openpipeline.Result {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done(): // the sender returns the context's error
		}
		return do(ctx, b)
	}
}

// counting returns a send that adds what it sends to a counter.
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

// Sent counts what was sent.
type Sent struct {
	// Requests counts all requests, also those that were not accepted.
	Requests int64
	// Events and Bytes are those of the bodies that were accepted.
	Events, Bytes int64
	// Retried counts the requests that were refused for now, by the kind of answer.
	Retried openpipeline.Retries
}

// Add adds the figures of o to s.
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

// discard is the Sender of a dry run: it accepts everything, and keeps nothing.
type discard struct{}

// SendBatch returns that the batch was accepted by one request.
func (discard) SendBatch(context.Context, *openpipeline.Batch, time.Time) openpipeline.Result {
	return openpipeline.Result{Outcome: openpipeline.Accepted, Requests: 1}
}
