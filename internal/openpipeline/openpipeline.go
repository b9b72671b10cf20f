// Package openpipeline sends events to Dynatrace's security-events ingest. It
// promises to tell apart what was accepted, what was refused for sure and what
// is in doubt, and never to repeat by itself a request that is in doubt. The
// token goes to the one address configured and nowhere else.
package openpipeline

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/secret"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 4 << 10
	// maxDetail bounds what is kept of an answer's message, in bytes.
	maxDetail = 200
)

// Credentials gives the token, and another one after a refusal if it was rotated.
type Credentials interface {
	Get(context.Context) (secret.Credential, error)
	// Refresh fails where the secret was not read and no other token is known.
	Refresh(ctx context.Context, used secret.Credential) (now secret.Credential, changed bool, err error)
}

// Options of a client.
type Options struct {
	// URL is the full ingest address.
	URL *url.URL
	// Credentials gives the API token, of scope openpipeline.events_security.
	Credentials Credentials
	// HTTP makes the client for a credential's CA or pin; it must refuse redirects.
	HTTP func(secret.Credential) (*http.Client, error)
	// UserAgent names this software and its version.
	UserAgent string
	// Timeout bounds one request.
	Timeout time.Duration
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Jitter gives a random share, 0 to 1, of a back-off.
	Jitter func() float64
}

// Client sends to one ingest address. It is safe for concurrent use.
type Client struct {
	o       Options
	clients clients
}

// New makes a client.
func New(o Options) *Client { return &Client{o: o} }

// answer is what became of one request.
type answer struct {
	// status is the HTTP status; 0: there was no answer.
	status int
	// sent: the request began to go out, so without an answer it is in doubt.
	sent bool
	// enveloped: the body was Dynatrace's error envelope.
	enveloped bool
	// detail is the envelope's message, cut.
	detail string
	// after is how long the endpoint asked to wait; 0: it did not.
	after time.Duration
	err   error
}

// post makes one request, once.
func (c *Client) post(ctx context.Context, cred secret.Credential, text []byte) answer {
	client, err := c.clients.get(cred, c.o.HTTP)
	if err != nil {
		return answer{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL.String(), http.NoBody)
	if err != nil {
		return answer{err: fmt.Errorf("make request: %w", err)}
	}
	out := attach(req, text)
	defer out.wait()
	defer cancel() // ends a body that still goes out
	// No idempotency key: with one, net/http would repeat the request silently.
	req.Header.Set("Authorization", "Api-Token "+cred.Token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.o.UserAgent)
	res, err := client.Do(req)
	if err != nil {
		cancel()
		out.wait() // only now it is certain that nothing goes out any more
		return answer{err: err, sent: wrote.Load()}
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, sent: true}
	reply, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // the status is the answer
	a.after = retryAfter(res.Header.Get("Retry-After"), c.o.Now())
	a.enveloped, a.detail = envelope(reply, cred)
	return a
}

// envelope reads an ErrorResponseEnvelope ({"error":{"code":…,"message":…}}).
// Only "error" with a code is documented, so the rest is read leniently.
func envelope(text []byte, cred secret.Credential) (ok bool, detail string) {
	var e struct {
		Error struct {
			Code    int64  `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Error.Code == 0 {
		return false, ""
	}
	message := strings.ReplaceAll(e.Error.Message, cred.Token.Reveal(), "[redacted]")
	if len(message) > maxDetail {
		message = strings.ToValidUTF8(message[:maxDetail], "") + "…"
	}
	return true, message
}

// retryAfter reads the header: seconds, or a date. Unreadable or past: 0.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && s > 0 {
		return time.Duration(min(s, 86_400)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), 24*time.Hour)
	}
	return 0
}
