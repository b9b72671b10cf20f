package endpoint

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// Credentials returns the credential of a service, and a new one after a refusal if the
// secret was rotated. *secret.Cache implements it.
type Credentials interface {
	// Get returns the credential for the next request.
	Get(context.Context) (secret.Credential, error)
	// Refresh is called after the service refused the token of the credential
	// used. It returns the credential to use now, and reports whether its token is
	// another one. It returns an error if no other token is known and the secret was not
	// read: false without an error means that the secret now holds the refused token.
	Refresh(ctx context.Context, used secret.Credential) (now secret.Credential, changed bool, err error)
}

// Settings are a service's address, credentials and limits.
type Settings struct {
	// URL is the address; the path of each request is added to it.
	URL *url.URL
	// Credentials are asked once for each request, and once more if the token is refused.
	Credentials Credentials
	// Scheme returns the word before a token in the Authorization header; nil: the
	// header holds the token alone.
	Scheme func(token secret.Value) string
	// Limits are the limits of the connection.
	Limits Options
	// HTTP returns the client for a credential's CA and pin; nil: Client with Limits is
	// used. The client must not follow redirects.
	HTTP func(secret.Credential) (*http.Client, error)
	// UserAgent names this software and its version.
	UserAgent string
	// Timeout bounds one request, from the connection to the end of its answer;
	// 0: only Limits bound it.
	Timeout time.Duration
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	// Sleep waits between attempts; nil: the function Sleep. It ends early with
	// the context's error.
	Sleep func(context.Context, time.Duration) error
	// Jitter returns a random share, 0 to 1, of a back-off; nil: rand.Float64.
	Jitter func() float64
}

// Service is one service outside AWS that authenticates us by a token. It promises that
// each request carries the credential's present token, that the secret is read again once
// after a refused token (401), that a change of CA or pin in the secret is followed, and
// that a request is repeated for no other reason. It is safe for concurrent use.
type Service struct {
	o    Settings
	base string

	mu     sync.Mutex // guards the CA and pin in use, and their client
	ca     string
	pin    string
	client *http.Client
}

// New returns a service; it does not connect yet.
func New(o Settings) *Service {
	if o.HTTP == nil {
		limits := o.Limits
		o.HTTP = func(cred secret.Credential) (*http.Client, error) { return Client(cred, limits) }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = Sleep
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return &Service{o: o, base: o.URL.String()}
}

// Host returns the service's host, with the port if the address names one.
func (s *Service) Host() string { return s.o.URL.Host }

// Request is one request to a service.
type Request struct {
	Method string
	// Path follows the service's address; escaped, with its query.
	Path string
	// Accept is the media type of the answer that is asked for; empty: any.
	Accept string
	// Body returns the JSON that is sent with this token; nil: the request has no body.
	// The bytes must not change until Do has returned an error or the answer is closed;
	// after that nobody reads them.
	Body func(token secret.Value) []byte
	// Content returns the body as a reader, and is used instead of Body, under the same
	// condition; nil: Body is used.
	Content func() Content
	// Stop is when it is too late to begin the request; zero: never.
	Stop time.Time
}

// Do makes a request, and repeats it once with the secret's new token if the token in
// use is refused (401), since it may have been rotated. An error means that the
// credential or the address cannot be used, and nothing was sent with it. A refusal, or
// no answer at all, is no error, but is in the Answer. The answer must be closed.
func (s *Service) Do(ctx context.Context, req Request) (*Answer, error) {
	cred, err := s.o.Credentials.Get(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.once(ctx, req, cred)
	if err != nil || a.Status != http.StatusUnauthorized {
		return a, err
	}
	next, changed, err := s.o.Credentials.Refresh(ctx, cred)
	switch {
	case err != nil:
		a.found, a.unread = ", and the secret was not read again", err
		return a, nil //nolint:nilerr // the refusal is the answer
	case !changed:
		a.found = ", and the secret holds no other token"
		return a, nil
	}
	a.Discard()
	before := a.Requests
	if a, err = s.once(ctx, req, next); err != nil {
		return nil, err
	}
	a.Requests += before
	if a.Status == http.StatusUnauthorized {
		a.found = ", the new one from the secret, too"
	}
	return a, nil
}

// once makes one request with one credential.
func (s *Service) once(ctx context.Context, req Request, cred secret.Credential) (*Answer, error) {
	a := &Answer{host: s.o.URL.Host, cred: cred}
	if !req.Stop.IsZero() && !s.o.Now().Before(req.Stop) {
		a.Late, a.Err = true, context.DeadlineExceeded
		return a, nil
	}
	client, err := s.trusting(cred)
	if err != nil {
		return nil, err
	}
	ctx, a.end = s.bounded(ctx)
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, req.Method, s.base+req.Path, http.NoBody)
	if err != nil { // err is left out: its text may quote a secret part of the address
		a.end()
		return nil, &fault.Error{Class: fault.Config, Where: req.Path, What: "the address or path of the request cannot be used", Cure: "correct it in the settings"}
	}
	switch {
	case req.Content != nil:
		a.sending = attach(r, req.Content())
	case req.Body != nil:
		a.sending = attach(r, bytes.NewReader(req.Body(cred.Token)))
	}
	s.describe(r, req, cred)
	a.Requests = 1
	res, err := client.Do(r) //nolint:bodyclose // the caller of Do closes the answer
	if err != nil {
		_ = a.Close() // after it nothing goes out any more, so wrote is final
		a.Err, a.Sent = err, wrote.Load()
		return a, nil //nolint:nilerr // the Answer says that there was none
	}
	a.Status, a.Sent, a.Header, a.body = res.StatusCode, true, res.Header, res.Body
	a.RetryAfter = retryAfter(res.Header.Get("Retry-After"), s.o.Now())
	return a, nil
}

// describe fills in the header. It never sets an idempotency key: with one,
// net/http would repeat a POST by itself.
func (s *Service) describe(r *http.Request, req Request, cred secret.Credential) {
	authorization := cred.Token.Reveal()
	if s.o.Scheme != nil {
		authorization = s.o.Scheme(cred.Token) + " " + authorization
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("User-Agent", s.o.UserAgent)
	if req.Accept != "" {
		r.Header.Set("Accept", req.Accept)
	}
	if req.Method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json") // also without a body, as the vendors' scripts do
	}
}

func (s *Service) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.o.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.o.Timeout)
}

// trusting returns the client for a credential's CA and pin. It keeps the client, and so
// its connections, until the secret names another CA or pin.
func (s *Service) trusting(cred secret.Credential) (*http.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil && s.ca == cred.CAPEM && s.pin == cred.SPKISHA256 {
		return s.client, nil
	}
	client, err := s.o.HTTP(cred)
	if err != nil {
		return nil, err
	}
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	s.ca, s.pin, s.client = cred.CAPEM, cred.SPKISHA256, client
	return client, nil
}

// HangUp closes the connections that no request uses now.
func (s *Service) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
}
