// Package appliance is the client of a Runecast Analyzer's API, versions v1
// and v2. It promises that results pass through it byte for byte and in
// bounded memory at any size, that an answer which is cut, malformed or no API
// answer at all is an error and never a result, and that every error names its
// cure. The API is not publicly specified: the paths come from public client
// scripts, or are guessed where a comment says so. Package runecast reads the answers.
package appliance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

const (
	// attempts is how often a request is made at most, the first time included.
	attempts = 4
	// firstWait bounds the first wait between two attempts; the bound doubles up to
	// maxWait.
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// maxRetryAfter is the longest Retry-After that is waited for.
	maxRetryAfter = 2 * time.Minute
)

// Options describe an appliance and how to talk to it.
type Options struct {
	// Settings are those of the service. A path of the appliance's user interface (/rc2,
	// /rca) at the end of the URL is cut off. The token goes into the Authorization
	// header alone, without a scheme.
	endpoint.Settings
	// Version is that of this software.
	Version string
	// API is Auto, V1 or V2; empty: Auto.
	API string
	// AllObjects asks v2 for the objects that passed, too.
	AllObjects bool
	// ScanPath is the path template of the trigger, {id} being the system's id;
	// empty: the version's own.
	ScanPath string
	// Once makes each request only once, also if the appliance is busy: for a person
	// who waits for the answer.
	Once bool
}

// Client talks to one appliance. It is safe for concurrent use.
type Client struct {
	o       Options
	service *endpoint.Service

	mu    sync.Mutex
	api   apiVersion      // nil: not settled yet
	types map[string]bool // profile codes seen in results, for Issues

	received atomic.Int64
}

// New makes a client; it does not connect yet.
func New(o Options) *Client {
	base := *o.URL
	path := strings.TrimRight(base.Path, "/")
	for _, ui := range []string{"/rc2", "/rca"} {
		path = strings.TrimSuffix(path, ui)
	}
	base.Path, base.RawPath = path, ""
	o.URL, o.UserAgent = &base, "runecast-ingest/"+o.Version
	return &Client{o: o, service: endpoint.New(o.Settings), types: make(map[string]bool)}
}

// HangUp closes the connections that no request uses.
func (c *Client) HangUp() { c.service.HangUp() }

// Received returns how many bytes of results have been read so far, uncompressed, by
// looks and downloads.
func (c *Client) Received() int64 { return c.received.Load() }

// counting counts what is read of results.
type counting struct {
	io.Reader
	bytes *atomic.Int64
}

func (r counting) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.bytes.Add(int64(n))
	return n, err
}

// get requests a path below the base URL and returns the answer, which must be closed.
// Errors wrap a *fault.Error, or are the context's.
func (c *Client) get(ctx context.Context, path string) (*endpoint.Answer, error) {
	return c.patiently(ctx, http.MethodGet, path)
}

// patiently makes a request, and tries again after a wait if the appliance is busy,
// restarting or unreachable for the moment. A POST is repeated only if it is sure that
// the appliance has not carried it out.
func (c *Client) patiently(ctx context.Context, method, path string) (*endpoint.Answer, error) {
	stop, _ := ctx.Deadline()
	waits := c.service.Waits(endpoint.Backoff{First: firstWait, Most: maxWait, Stop: stop})
	for attempt := 1; ; attempt++ {
		a, after, err := c.try(ctx, method, path)
		switch {
		case err == nil:
			return a, nil
		case after < 0, after > maxRetryAfter, attempt == attempts, c.o.Once:
			return nil, err
		case waits.Next(ctx, after):
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		default:
			return nil, err
		}
	}
}

// never is the wait before another attempt if another attempt must not be made.
const never = time.Duration(-1)

// try makes one request. With an error it returns the least time to wait before another
// attempt, or never.
func (c *Client) try(ctx context.Context, method, path string) (*endpoint.Answer, time.Duration, error) {
	a, err := c.service.Do(ctx, endpoint.Request{Method: method, Path: path, Accept: "application/json"})
	switch {
	case err != nil:
		return nil, never, err
	case a.Err != nil && ctx.Err() != nil:
		return nil, never, context.Cause(ctx)
	case a.Err != nil:
		return nil, connectWait(method, a.Err), a.Why()
	}
	if err := accept(method, path, a); err != nil {
		a.Discard()
		return nil, statusWait(method, a), err
	}
	return a, 0, nil
}

// statusWait returns how long to wait before another attempt after a refusal, or never.
func statusWait(method string, a *endpoint.Answer) time.Duration {
	switch a.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return a.RetryAfter
	case http.StatusBadGateway: // a POST may have been taken
		if method != http.MethodPost {
			return a.RetryAfter
		}
	}
	return never
}

// readError returns what an error of reading a body means, with the appliance's name.
func (c *Client) readError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return c.at(err)
	}
	return endpoint.Explain(err, c.service.Host())
}
