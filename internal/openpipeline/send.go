package openpipeline

import (
	"context"
	"net/http"
	"time"
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
// as long as the endpoint asks. A 401 reads the secret again, once. The context
// bounds the requests themselves: its end puts a running one in doubt.
func (c *Client) Send(ctx context.Context, body []byte, stop time.Time) Result {
	var r Result
	cred, err := c.o.Credentials.Get(ctx)
	if err != nil {
		return Result{Outcome: Unusable, Err: err}
	}
	for backoff := firstWait; ; backoff = min(2*backoff, maxWait) {
		if !c.o.Now().Before(stop) {
			return r.late()
		}
		a := c.post(ctx, cred, body)
		r.Requests++
		r.Outcome = classify(a)
		if r.Outcome == Accepted {
			r.Err = nil
			return r
		}
		r.Err = explain(a, c.o.URL.Host, cred.SecretID)
		switch r.Outcome {
		case unauthorized:
			next, changed, err := c.o.Credentials.Refresh(ctx, cred)
			if err != nil || !changed {
				r.Outcome, r.Err = Unusable, notRotated(r.Err, err)
				return r
			}
			cred = next
		case Busy:
			r.Retried.count(a.status)
			wait := max(time.Duration(c.o.Jitter()*float64(backoff)), a.after)
			if !c.o.Now().Add(wait).Before(stop) || c.o.Sleep(ctx, wait) != nil {
				return r
			}
		default:
			return r
		}
	}
}

// late is the result when there is no time for an attempt.
func (r Result) late() Result {
	r.Outcome = Busy
	if r.Err == nil {
		r.Err = context.DeadlineExceeded
	}
	return r
}

// Sleep waits for a duration or the context's end.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
