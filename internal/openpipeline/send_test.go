package openpipeline

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

const (
	token       = "dt0c01.PUBLIC.PRIVATE"
	envelope429 = `{"error":{"code":429,"message":"slow down"}}`
)

// clock is a clock whose time passes only by Sleep.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return nil
}

type credentials struct {
	token, next string
	unread      error // why Refresh does not read the secret
	refreshed   int
}

func (c *credentials) Get(context.Context) (secret.Credential, error) {
	return secret.Credential{Token: secret.NewValue(c.token)}, nil
}

func (c *credentials) Refresh(_ context.Context, used secret.Credential) (secret.Credential, bool, error) {
	c.refreshed++
	if c.unread != nil {
		return secret.Credential{Token: secret.NewValue(c.token)}, false, c.unread
	}
	if c.next != "" {
		c.token = c.next
	}
	return secret.Credential{Token: secret.NewValue(c.token)}, used.Token.Reveal() != c.token, nil
}

func client(t *testing.T, target string, creds *credentials, c *clock) *Client {
	t.Helper()
	return clientOver(t, target, creds, c, &http.Transport{})
}

// clientOver returns a client whose requests go through a transport.
func clientOver(t *testing.T, target string, creds *credentials, c *clock, way http.RoundTripper) *Client {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		URL: u, Credentials: creds, UserAgent: "runecast-ingest/test", Timeout: 10 * time.Second,
		HTTP: func(secret.Credential) (*http.Client, error) {
			return &http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
		},
		Now: c.Now, Sleep: c.Sleep, Jitter: func() float64 { return 1 },
	})
}

func start() *clock { return &clock{now: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)} }

// reply answers the n-th request.
type reply struct {
	status   int
	header   string // Retry-After
	location string
	body     string
	hangUp   bool // read the body, then cut the connection
	breaks   bool // cut it before the body of the answer
}

func serve(t *testing.T, replies ...reply) (*httptest.Server, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		a := replies[min(len(bodies), len(replies)-1)]
		bodies = append(bodies, r.Header.Get("Authorization")+" "+string(body))
		mu.Unlock()
		if a.hangUp {
			panic(http.ErrAbortHandler)
		}
		if a.header != "" {
			w.Header().Set("Retry-After", a.header)
		}
		if a.location != "" {
			w.Header().Set("Location", a.location)
		}
		if a.status == http.StatusTemporaryRedirect {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		if a.breaks {
			w.Header().Set("Content-Length", "5")
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
		if a.breaks {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(srv.Close)
	return srv, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return bodies
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	ok := reply{status: 202}
	cases := map[string]struct {
		replies  []reply
		outcome  Outcome
		requests int64
		waited   time.Duration
		class    fault.Class
		says     string
	}{
		"accepted":                 {replies: []reply{ok}, outcome: Accepted, requests: 1},
		"202 with a body":          {replies: []reply{{status: 202, body: `{"queued":true}`}}, outcome: Accepted, requests: 1},
		"204":                      {replies: []reply{{status: 204}}, outcome: Accepted, requests: 1},
		"200 without a body":       {replies: []reply{{status: 200}}, outcome: Accepted, requests: 1},
		"200 with a body":          {replies: []reply{{status: 200, body: `{"ok":true}`}}, outcome: Unusable, requests: 1, class: fault.Config, says: "which is not Dynatrace's ingest"},
		"a login portal's page":    {replies: []reply{{status: 200, body: "<html>log in</html>"}}, outcome: Unusable, requests: 1, class: fault.Config, says: "a page for people"},
		"201 with a body":          {replies: []reply{{status: 201, body: `[]`}}, outcome: Unusable, requests: 1, class: fault.Config, says: "OPENPIPELINE_URL"},
		"200 that breaks off":      {replies: []reply{{status: 200, breaks: true}}, outcome: Doubt, requests: 1, class: fault.Retry, says: "broke"},
		"429 then accepted":        {replies: []reply{{status: 429, body: envelope429}, {status: 429}, ok}, outcome: Accepted, requests: 3, waited: 1500 * time.Millisecond},
		"Retry-After seconds":      {replies: []reply{{status: 429, header: "7"}, ok}, outcome: Accepted, requests: 2, waited: 7 * time.Second},
		"Retry-After date":         {replies: []reply{{status: 429, header: "Sun, 22 Nov 2026 03:00:09 GMT"}, ok}, outcome: Accepted, requests: 2, waited: 9 * time.Second},
		"Retry-After beyond stop":  {replies: []reply{{status: 429, header: "3600"}, ok}, outcome: Busy, requests: 1, class: fault.Retry, says: "429"},
		"Retry-After nonsense":     {replies: []reply{{status: 429, header: "-5"}, ok}, outcome: Accepted, requests: 2, waited: 500 * time.Millisecond},
		"503 with envelope":        {replies: []reply{{status: 503, body: `{"error":{"code":503}}`}, ok}, outcome: Accepted, requests: 2, waited: 500 * time.Millisecond},
		"503 without envelope":     {replies: []reply{{status: 503, body: "<html>"}, ok}, outcome: Doubt, requests: 1, class: fault.Retry},
		"408":                      {replies: []reply{{status: 408}, ok}, outcome: Accepted, requests: 2, waited: 500 * time.Millisecond},
		"500":                      {replies: []reply{{status: 500, body: `{"error":{"code":500}}`}, ok}, outcome: Doubt, requests: 1, class: fault.Retry},
		"502":                      {replies: []reply{{status: 502}, ok}, outcome: Doubt, requests: 1},
		"no answer after the body": {replies: []reply{{hangUp: true}, ok}, outcome: Doubt, requests: 1, says: "before an answer"},
		"400":                      {replies: []reply{{status: 400, body: `{"error":{"code":400,"message":"bad ` + token + `"}}`}}, outcome: Refused, requests: 1, class: fault.Reject, says: "bad [redacted]"},
		"413":                      {replies: []reply{{status: 413}}, outcome: TooLarge, requests: 1, class: fault.Reject},
		"403":                      {replies: []reply{{status: 403}}, outcome: Unusable, requests: 1, class: fault.Auth, says: "openpipeline.events_security"},
		"404":                      {replies: []reply{{status: 404}}, outcome: Unusable, requests: 1, class: fault.Config, says: "OPENPIPELINE_URL"},
		"redirect":                 {replies: []reply{{status: 307}}, outcome: Unusable, requests: 1, class: fault.Config, says: "to 127.0.0.1:1/elsewhere: redirects"},
		"redirect to a login":      {replies: []reply{{status: 302, location: "https://sso.example/login?session=PRIVATE"}}, outcome: Unusable, requests: 1, class: fault.Config, says: "302 Found, to sso.example/login: redirects are not followed: set OPENPIPELINE_URL to the final address"},
		"403 of a firewall":        {replies: []reply{{status: 403, body: "<html>blocked</html>"}}, outcome: Unusable, requests: 1, class: fault.Auth, says: "with a page for people, as an API sends none"},
		"401 of a portal":          {replies: []reply{{status: 401, body: "<html>log in</html>"}}, outcome: Unusable, requests: 1, class: fault.Auth, says: "first look at what proxy, firewall or portal stands between"},
		"401 for ever":             {replies: []reply{{status: 401}}, outcome: Unusable, requests: 1, class: fault.Auth, says: "401 Unauthorized to the access token, and the secret holds no other token: put an access token (dt0c01.…) with the scope openpipeline.events_security or a platform token (dt0s16.…)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, bodies := serve(t, c.replies...)
			clk := start()
			r := client(t, srv.URL, &credentials{token: token}, clk).Send(t.Context(), []byte(`[{}]`), clk.now.Add(10*time.Minute))
			if r.Outcome != c.outcome || r.Requests != c.requests || int64(len(bodies())) != c.requests {
				t.Fatalf("outcome %d after %d requests (%d seen), %v; want %d after %d", r.Outcome, r.Requests, len(bodies()), r.Err, c.outcome, c.requests)
			}
			if waited := clk.Now().Sub(start().now); waited != c.waited {
				t.Errorf("waited %s, want %s", waited, c.waited)
			}
			if (r.Err == nil) != (c.outcome == Accepted) {
				t.Errorf("error %v", r.Err)
			}
			if c.class != "" && fault.ClassOf(r.Err) != c.class {
				t.Errorf("class %s, want %s", fault.ClassOf(r.Err), c.class)
			}
			if c.says != "" && !strings.Contains(r.Err.Error(), c.says) {
				t.Errorf("error %q does not say %q", r.Err, c.says)
			}
			if r.Err != nil && strings.Contains(r.Err.Error(), "PRIVATE") {
				t.Errorf("the token is in the error %q", r.Err)
			}
		})
	}
}

// The new token may be of another kind: it is sent with the word of its kind.
func TestRotatedTokenIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	srv, bodies := serve(t, reply{status: 401}, reply{status: 202})
	clk := start()
	creds := &credentials{token: "dt0c01.old", next: "dt0s16.new"}
	r := client(t, srv.URL, creds, clk).Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute))
	if r.Outcome != Accepted || creds.refreshed != 1 || len(clk.slept) != 0 {
		t.Fatalf("outcome %d, refreshed %d times, waited %v, %v", r.Outcome, creds.refreshed, clk.slept, r.Err)
	}
	if b := bodies(); b[0] != "Api-Token dt0c01.old [{}]" || b[1] != "Bearer dt0s16.new [{}]" {
		t.Errorf("sent %q", b)
	}
}

// If the secret was not read again, no message says what it holds.
func TestSecretThatIsNotReadAgain(t *testing.T) {
	t.Parallel()
	srv, bodies := serve(t, reply{status: 401}, reply{status: 202})
	clk := start()
	creds := &credentials{token: "dt0c01.old", next: "new", unread: &fault.Error{Class: fault.Retry, What: "it was read 3s ago"}}
	r := client(t, srv.URL, creds, clk).Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute))
	if r.Outcome != Unusable || len(bodies()) != 1 || fault.ClassOf(r.Err) != fault.Auth {
		t.Errorf("outcome %d after %d requests, class %s", r.Outcome, len(bodies()), fault.ClassOf(r.Err))
	}
	if says := "401 Unauthorized to the access token, and the secret was not read again (it was read 3s ago): put"; r.Err == nil || !strings.Contains(r.Err.Error(), says) {
		t.Errorf("error %v, want %q", r.Err, says)
	}
}

func TestRefusedConnectionIsNoDoubt(t *testing.T) {
	t.Parallel()
	clk := start()
	r := client(t, "http://127.0.0.1:1", &credentials{token: token}, clk).Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute))
	if r.Outcome != Busy || r.Requests < 2 {
		t.Errorf("outcome %d after %d requests, %v; want to wait and try again until there is no time", r.Outcome, r.Requests, r.Err)
	}
}

// The client does not wait for a name that cannot be looked up: a function is billed by
// time.
func TestLookupThatFailsEndsTheInvocation(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*net.DNSError{"for now": {IsTemporary: true, IsTimeout: true}, "for ever": {IsNotFound: true}} {
		clk := start()
		c := clientOver(t, "http://x.example", &credentials{token: token}, clk, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: e}
		}})
		r := c.Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute))
		if r.Outcome != Unusable || r.Requests != 1 || len(clk.slept) != 0 {
			t.Errorf("%s: outcome %d after %d requests, %v", name, r.Outcome, r.Requests, r.Err)
		}
	}
}

func TestNoRequestStartsAfterStop(t *testing.T) {
	t.Parallel()
	srv, bodies := serve(t, reply{status: 202})
	clk := start()
	r := client(t, srv.URL, &credentials{token: token}, clk).Send(t.Context(), []byte(`[{}]`), clk.now)
	if r.Outcome != Busy || len(bodies()) != 0 || !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("outcome %d, %d requests, %v", r.Outcome, len(bodies()), r.Err)
	}
}

// The endpoint answers before it has read the body, and closes the connection. Nobody may
// read the body's memory after Send returned, since the next batch is written there.
func TestBodyIsNotReadAfterAnEarlyAnswer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) }))
	defer srv.Close()
	clk := start()
	body := make([]byte, 8<<20)
	c := client(t, srv.URL, &credentials{token: token}, clk)
	for range 20 {
		if r := c.Send(t.Context(), body, clk.Now().Add(time.Minute)); r.Outcome != TooLarge && r.Outcome != Doubt {
			t.Fatalf("outcome %d, %v", r.Outcome, r.Err)
		}
		for i := range body { // the race detector sees who still reads
			body[i]++
		}
	}
}
