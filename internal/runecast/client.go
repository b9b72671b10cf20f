// Package runecast is the client of a Runecast Analyzer's API, generation v1.
// It promises that results pass through it byte for byte and in bounded memory
// at any size, that an answer which is cut, malformed or no API answer at all
// is an error and never a result, and that every error names its cure. The
// API is not publicly specified: paths and member names are those that public
// client scripts prove, everything else is tolerated.
package runecast

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/secret"
)

const (
	// attempts per request that changes nothing, the first included.
	attempts = 4
	// firstWait doubles with each attempt up to maxWait; each wait is random below it.
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// maxRetryAfter is the longest Retry-After that is waited for.
	maxRetryAfter = 2 * time.Minute

	apiV1           = "/rc2/api/v1"
	defaultScanPath = apiV1 + "/scan/{id}"
)

// Options describe an appliance and how to talk to it.
type Options struct {
	// URL is the appliance's address; a path of its user interface (/rc2, /rca) is cut off.
	URL *url.URL
	// HTTP is a client made by package endpoint.
	HTTP *http.Client
	// Token goes into the Authorization header, bare.
	Token secret.Value
	// Version of this software, for the User-Agent.
	Version string
	// ScanPath is the path template of the trigger, {id} being the system's id;
	// empty: /rc2/api/v1/scan/{id}.
	ScanPath string
	// Sleep waits between attempts; nil: a timer. It ends early with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// Client talks to one appliance. It is safe for concurrent use.
type Client struct {
	o    Options
	base string
}

// New makes a client; it does not connect yet.
func New(o Options) *Client {
	if o.ScanPath == "" {
		o.ScanPath = defaultScanPath
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	base := *o.URL
	path := strings.TrimRight(base.Path, "/")
	for _, ui := range []string{"/rc2", "/rca"} {
		path = strings.TrimSuffix(path, ui)
	}
	base.Path, base.RawPath = path, ""
	return &Client{o: o, base: base.String()}
}

// get opens the JSON body of a path below the base. It waits and tries again
// when the appliance is busy, restarting or unreachable for the moment. Errors
// are *fault.Error, or the context's.
func (c *Client) get(ctx context.Context, path string) (io.ReadCloser, error) {
	for attempt := 0; ; attempt++ {
		body, after, err := c.try(ctx, http.MethodGet, path)
		if err == nil {
			return body, nil
		}
		if after < 0 || after > maxRetryAfter || attempt+1 == attempts {
			return nil, err
		}
		wait := max(after, rand.N(min(maxWait, firstWait<<attempt)))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return nil, err
		}
		if err := c.o.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// never says that trying again is of no use.
const never = time.Duration(-1)

// try makes one request. With an error comes the least time to wait before
// another attempt, or never.
func (c *Client) try(ctx context.Context, method, path string) (io.ReadCloser, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, never, badPath(path)
	}
	req.Header.Set("Authorization", c.o.Token.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "runecast-ingest/"+c.o.Version)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json") // as the vendor's scripts do, without a body
	}
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, never, context.Cause(ctx)
		}
		return nil, connectWait(err), endpoint.Explain(err, c.o.URL.Host)
	}
	if err := c.accept(method, path, resp); err != nil {
		drain(resp.Body)
		return nil, statusWait(resp), err
	}
	return resp.Body, 0, nil
}

// drain lets the connection be used again, if little is left to read.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, excerptSize)
	_ = body.Close()
}

// statusWait reads how long a refusal asks to wait.
func statusWait(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
	default:
		return never
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
