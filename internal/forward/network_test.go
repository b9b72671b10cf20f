package forward_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// troubleHeader names the trouble that a request is to meet.
const troubleHeader = "Simulated-Trouble"

// network stands between the forwarders and the receiver. It sees the body of
// each request first, and lets it meet the trouble that is meant for it.
type network struct {
	r        *rig
	way      http.RoundTripper
	troubles map[string]*trouble
	// meet, if set, chooses a request's trouble; nil: none.
	meet func(body string) *trouble
	// seen, if set, is called after each request that the receiver accepted.
	seen func()

	// closing ends with the test.
	closing chan struct{}

	mu       sync.Mutex
	requests int
	met      int // requests that met a trouble
	// commitRefused: a scan event was answered 400 or 413.
	commitRefused bool
	// keyed counts the requests that had an idempotency key.
	keyed int
}

// newNetwork puts a network before the rig's receiver.
func newNetwork(r *rig) *network {
	n := &network{r: r, troubles: map[string]*trouble{}, closing: make(chan struct{})}
	for _, t := range troubles() {
		n.troubles[t.name] = t
	}
	server := httptest.NewServer(n)
	r.T.Cleanup(server.Close)
	r.T.Cleanup(func() { close(n.closing) }) // before the server waits for its handlers
	r.Config.URL.Host = strings.TrimPrefix(server.URL, "http://")
	n.way = server.Client().Transport
	return n
}

// RoundTrip is the client's side of the network.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	t := n.choose(req, string(text))
	req = req.Clone(req.Context())
	out := &outgoing{Reader: strings.NewReader(string(text)), Closer: req.Body}
	req.Body = out
	if t == nil {
		return n.way.RoundTrip(req)
	}
	req.Header.Set(troubleHeader, t.name)
	switch {
	case t.dial != nil:
		return (&http.Transport{DialContext: t.dial}).RoundTrip(req)
	case t.hangs:
		ctx, giveUp := context.WithCancelCause(req.Context())
		defer giveUp(nil)
		out.sent = func() { giveUp(context.DeadlineExceeded) }
		req = req.WithContext(ctx)
	}
	return n.way.RoundTrip(req)
}

func (n *network) choose(req *http.Request, body string) *trouble {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	if req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil {
		n.keyed++
	}
	if n.meet == nil {
		return nil
	}
	t := n.meet(body)
	if t != nil {
		n.met++
		n.commitRefused = n.commitRefused || t.refuses && strings.Contains(body, securityevent.TypeCompleted)
	}
	return t
}

// ServeHTTP is the receiver's side of the network.
func (n *network) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if t := n.troubles[req.Header.Get(troubleHeader)]; t != nil {
		t.serve(n, w, req)
		return
	}
	n.take(w, req)
}

// take lets the receiver have a request, if its token is the one in force.
func (n *network) take(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "Api-Token "+n.r.Vault.Current() {
		site.Answer(w, http.StatusUnauthorized)
		return
	}
	req.Header.Set("Authorization", "Api-Token "+site.Token)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.r.Receiver.Ingest(w, req)
	if n.seen != nil {
		n.seen()
	}
}

// during sets which trouble requests meet from now on.
func (n *network) during(meet func(body string) *trouble) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.meet = meet
}

// outgoing is a request's body that reports when the transport is done with it.
type outgoing struct {
	io.Reader
	io.Closer
	sent func()
}

func (o *outgoing) Close() error {
	if o.sent != nil {
		o.sent()
	}
	return o.Closer.Close()
}
