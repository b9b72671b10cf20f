package openpipeline

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"runecast-ingest/internal/endpoint"
)

const (
	firstWait = 500 * time.Millisecond
	maxWait   = 30 * time.Second
)

// Result is what became of a body after all attempts.
type Result struct {
	Outcome Outcome
	// Requests that were made.
	Requests int64
	// Retried are the refusals for now that were waited out.
	Retried Retries
	// Err explains any outcome but Accepted.
	Err error
}

// Retries counts refusals for now by their cause.
type Retries struct {
	// Connection: there was none. The others are HTTP statuses.
	Connection, RequestTimeout, TooManyRequests, Unavailable int64
}

// Add takes the counts of another one in.
func (r *Retries) Add(o Retries) {
	r.Connection += o.Connection
	r.RequestTimeout += o.RequestTimeout
	r.TooManyRequests += o.TooManyRequests
	r.Unavailable += o.Unavailable
}

func (r *Retries) count(status int) {
	switch status {
	case 0:
		r.Connection++
	case http.StatusRequestTimeout:
		r.RequestTimeout++
	case http.StatusTooManyRequests:
		r.TooManyRequests++
	default:
		r.Unavailable++
	}
}

// Send posts a body until it is accepted, refused, in doubt, or no attempt can
// start before stop. Refusals for now are waited out with full jitter, at least
// as long as the endpoint asks. The context bounds the requests themselves: its
// end puts a running one in doubt.
func (c *Client) Send(ctx context.Context, body []byte, stop time.Time) Result {
	return c.send(ctx, func() endpoint.Content { return bytes.NewReader(body) }, stop)
}

// SendBatch posts a batch, as Send does a body.
func (c *Client) SendBatch(ctx context.Context, b *Batch, stop time.Time) Result {
	return c.send(ctx, func() endpoint.Content { return b.content() }, stop)
}

func (c *Client) send(ctx context.Context, body func() endpoint.Content, stop time.Time) Result {
	var r Result
	waits := c.service.Waits(endpoint.Backoff{First: firstWait, Most: maxWait, Stop: stop})
	for {
		a, err := c.post(ctx, body, stop)
		if err != nil {
			r.Outcome, r.Err = Unusable, err
			return r
		}
		r.Requests += int64(a.Requests)
		if a.Late {
			return r.late(a)
		}
		if r.Outcome = classify(a); r.Outcome == Accepted {
			r.Err = nil
			return r
		}
		if r.Err = c.explain(a); r.Outcome != Busy {
			return r
		}
		r.Retried.count(a.Status)
		if !waits.Next(ctx, a.RetryAfter) {
			return r
		}
	}
}

// late is the result when there is no time for an attempt: what the one before
// came to, if there was one.
func (r Result) late(a answer) Result {
	r.Outcome = Busy
	if r.Err == nil {
		r.Err = a.Why()
	}
	return r
}
