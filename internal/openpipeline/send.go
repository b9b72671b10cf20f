package openpipeline

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"runecast-ingest/internal/endpoint"
)

// The waits between attempts: the bound of the first, and the greatest bound.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 30 * time.Second
)

// Result is what became of a body after all attempts.
type Result struct {
	Outcome Outcome
	// Requests is the number of requests that were made, also those after a new token.
	Requests int64
	// Retried counts the answers that were Busy.
	Retried Retries
	// Err explains any outcome but Accepted.
	Err error
}

// Retries counts the answers that were Busy, by their cause.
type Retries struct {
	// Connection: there was no connection. RequestTimeout is the status 408,
	// TooManyRequests is 429, and Unavailable is 503 or another 5xx.
	Connection, RequestTimeout, TooManyRequests, Unavailable int64
}

// Add adds the counts of o to r.
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
// start before stop. After a Busy answer it waits with full jitter, at least
// as long as the endpoint asks. The context bounds the requests themselves: its
// end puts a running request in doubt.
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

// late returns the result when there is no time for another attempt: Busy, with the
// error of the attempt before, or that of the time that is over.
func (r Result) late(a answer) Result {
	r.Outcome = Busy
	if r.Err == nil {
		r.Err = a.Why()
	}
	return r
}
