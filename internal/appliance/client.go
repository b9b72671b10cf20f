// Package appliance is the client of a Runecast Analyzer's API, generations v1
// and v2. It promises that results pass through it byte for byte and in
// bounded memory at any size, that an answer which is cut, malformed or no API
// answer at all is an error and never a result, and that every error names its
// cure. The API is not publicly specified: paths are those that public client
// scripts prove; what the answers hold is in package runecast.
package appliance

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

const (
	// attempts per request, the first included.
	attempts = 4
	// firstWait doubles with each attempt up to maxWait; each wait is random below it.
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// maxRetryAfter is the longest Retry-After that is waited for.
	maxRetryAfter = 2 * time.Minute
)

// Options describe an appliance and how to talk to it.
type Options struct {
	// URL is the appliance's address; a path of its user interface (/rc2, /rca) is cut off.
	URL *url.URL
	// HTTP is a client made by package endpoint.
	HTTP *http.Client
	// Token goes into the Authorization header, bare.
	Token secret.Value
	// Refresh reads the token of this moment; it is called once for a request
	// that was refused with 401, and fails where it has not read the secret and
	// knows no other token. Nil: there is only Token.
	Refresh func(context.Context) (secret.Value, error)
	// Version of this software, for the User-Agent.
	Version string
	// API is Auto, V1 or V2; empty: Auto.
	API string
	// AllObjects asks v2 for the objects that passed, too.
	AllObjects bool
	// ScanPath is the path template of the trigger, {id} being the system's id;
	// empty: the generation's own.
	ScanPath string
	// Sleep waits between attempts; nil: a timer. It ends early with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// Client talks to one appliance. It is safe for concurrent use.
type Client struct {
	o    Options
	base string

	refresh sync.Mutex // held while the token is read anew

	mu    sync.Mutex
	token secret.Value
	api   generation      // nil: not settled yet
	types map[string]bool // profile codes seen in results, for Issues
}

// New makes a client; it does not connect yet.
func New(o Options) *Client {
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	base := *o.URL
	path := strings.TrimRight(base.Path, "/")
	for _, ui := range []string{"/rc2", "/rca"} {
		path = strings.TrimSuffix(path, ui)
	}
	base.Path, base.RawPath = path, ""
	return &Client{o: o, base: base.String(), token: o.Token, types: make(map[string]bool)}
}

// get opens the JSON body of a path below the base. Errors are *fault.Error
// inside, or the context's.
func (c *Client) get(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.patiently(ctx, http.MethodGet, path)
}

// patiently waits and tries again when the appliance is busy, restarting or
// unreachable for the moment. A POST is repeated only if it was not taken.
func (c *Client) patiently(ctx context.Context, method, path string) (io.ReadCloser, error) {
	for attempt := 0; ; attempt++ {
		body, after, err := c.admitted(ctx, method, path)
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

// admitted makes a request, once more with the secret's new token if the one
// in use is refused: it may have been rotated while the run went on.
func (c *Client) admitted(ctx context.Context, method, path string) (io.ReadCloser, time.Duration, error) {
	used := c.current()
	body, after, err := c.try(ctx, method, path, used)
	if statusOf(err) != http.StatusUnauthorized || c.o.Refresh == nil {
		return body, after, err
	}
	next, rerr := c.another(ctx, used)
	switch {
	case rerr != nil:
		return nil, never, refused401(err, ", and the secret was not read again", rerr)
	case next == used:
		return nil, never, refused401(err, ", and the secret holds no other", nil)
	}
	body, after, err = c.try(ctx, method, path, next)
	if statusOf(err) == http.StatusUnauthorized {
		err = refused401(err, ", the new one from the secret, too", nil)
	}
	return body, after, err
}

// another gives the token to use after one was refused; the same if there is
// no other.
func (c *Client) another(ctx context.Context, used secret.Value) (secret.Value, error) {
	c.refresh.Lock()
	defer c.refresh.Unlock()
	if now := c.current(); now != used {
		return now, nil
	}
	next, err := c.o.Refresh(ctx)
	if err != nil {
		return used, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = next
	return next, nil
}

func (c *Client) current() secret.Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

func refused401(err error, more string, cause error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	f := *r.Fault
	f.What += more
	if cause != nil {
		f.Err = cause
	}
	return &refusal{&f, r.Code}
}

// never says that trying again is of no use.
const never = time.Duration(-1)

// try makes one request. With an error comes the least time to wait before
// another attempt, or never.
func (c *Client) try(ctx context.Context, method, path string, token secret.Value) (io.ReadCloser, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, never, badPath(path)
	}
	req.Header.Set("Authorization", token.Reveal())
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
		return nil, connectWait(method, err), endpoint.Explain(err, c.o.URL.Host)
	}
	if err := c.accept(method, path, resp, token); err != nil {
		drain(resp.Body)
		return nil, statusWait(method, resp), err
	}
	return resp.Body, 0, nil
}

// drain lets the connection be used again, if little is left to read.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, excerptSize)
	_ = body.Close()
}

// statusWait reads how long a refusal asks to wait.
func statusWait(method string, resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
	case http.StatusBadGateway: // a POST may have been taken
		if method == http.MethodPost {
			return never
		}
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

// readError explains what broke a body.
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
	return endpoint.Explain(err, c.o.URL.Host)
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
