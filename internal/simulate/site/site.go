// Package site is what surrounds deliveries in tests: an archive on a real S3
// server, a simulated receiver, a clock that waiting moves ahead, and faults of
// each. It promises that a test sees what Dynatrace and S3 would show, and that no
// test waits.
package site

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/simulate/vault"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// Token is the only token that the receiver's ingest accepts.
const Token = "dt0c01.PUBLIC.PRIVATE"

// QueryToken is the only token that the query service accepts.
const QueryToken = "dt0s16.PUBLIC.PRIVATE-TOO"

// Site is an archive and a receiver, with the settings of a forwarder between them.
type Site struct {
	T        *testing.T
	Srv      *s3server.Server
	S3       *s3.Client
	Bucket   string
	Store    *store.Store
	Receiver *receiver.Receiver
	Server   *httptest.Server // serves Receiver
	Config   forwarderconfig.Settings
	Metrics  Lines
	Clock    *Clock
	// Dead means that the process has died: Store then fails to write any object.
	Dead  atomic.Bool
	Vault *Vault
	mu    sync.Mutex
	// intercept is what SetIntercept has set.
	intercept func(n int, w http.ResponseWriter, r *http.Request) bool
	// interceptQuery is what SetInterceptQuery has set.
	interceptQuery func(w http.ResponseWriter, r *http.Request) bool
	// Requests is the number of requests to the ingest so far, Bodies their bodies.
	Requests int
	Bodies   []string
}

// StartS3 starts an S3 server, for one site or for many, that ends with the test.
func StartS3(t *testing.T) *s3server.Server {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir(), Host: host()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// timeout is how long a request may take. It is long because a test may do slow things
// within an answer, on a loaded machine, and because the answer to a request that was
// given up would run on beside the test.
const timeout = 3 * time.Minute

// New makes a site with a bucket of its own on an S3 server. change, if not nil,
// changes the settings.
func New(t *testing.T, srv *s3server.Server, bucket string, change func(*forwarderconfig.Settings)) *Site {
	t.Helper()
	s := &Site{T: t, Srv: srv, Clock: &Clock{}, Vault: &Vault{token: Token}}
	var err error
	s.S3 = store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true)
	s.Use(bucket)
	s.Receiver = receiver.New(receiver.Options{Token: Token, Now: s.Clock.Now, Querying: receiver.Querying{Token: QueryToken}})
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	_ = s.Server.Listener.Close()
	if s.Server.Listener, err = net.Listen("tcp", net.JoinHostPort(host(), "0")); err != nil {
		t.Fatal(err)
	}
	s.Server.Start()
	t.Cleanup(s.Server.Close)
	s.Config, err = forwarderconfig.Load(func(name string) string {
		return map[string]string{"ARCHIVE_BUCKET": s.Bucket, "OPENPIPELINE_URL": s.Server.URL, "OPENPIPELINE_SECRET_ID": "s", "ALLOW_LOOPBACK": "true"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&s.Config)
	}
	return s
}

// Use makes another bucket the archive, and creates the bucket if need be.
func (s *Site) Use(bucket string) {
	s.T.Helper()
	if err := s.Srv.CreateBucket(s.T.Context(), bucket); err != nil {
		s.T.Fatal(err)
	}
	s.Bucket, s.Config.Bucket, s.Store = bucket, bucket, store.New(&mortal{s.S3, &s.Dead}, bucket)
}

// mortal is the S3 client of a process that may die: it fails to put objects from then on.
type mortal struct {
	*s3.Client
	dead *atomic.Bool
}

func (m *mortal) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if m.dead.Load() {
		return nil, errors.New("the process is dead")
	}
	return m.Client.PutObject(ctx, in, o...)
}

func (s *Site) serve(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, receiver.QueryRoot) {
		s.mu.Lock()
		intercept := s.interceptQuery
		s.mu.Unlock()
		if intercept == nil || !intercept(w, req) {
			s.Receiver.Query(w, req)
		}
		return
	}
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mu.Lock()
	n := s.Requests
	s.Requests++
	s.Bodies = append(s.Bodies, string(body))
	intercept := s.intercept
	s.mu.Unlock()
	if intercept == nil || !intercept(n, w, req) {
		s.Receiver.Ingest(w, req)
	}
}

// SetIntercept sets what sees each request to the ingest before the receiver does, with
// the request's number, from 0, and reports whether it has answered; nil: nothing does. A
// request that was given up may still arrive while a test calls it.
func (s *Site) SetIntercept(intercept func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = intercept
}

// SetInterceptQuery sets what sees each query before the query service does, and reports
// whether it has answered; nil: nothing does.
func (s *Site) SetInterceptQuery(intercept func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interceptQuery = intercept
}

// Sent returns the body of a request to the ingest, by its number, from 0.
func (s *Site) Sent(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Bodies[n]
}

// Options returns the options of a deliverer as a new instance of the function makes
// it, with the site's store and receiver.
func (s *Site) Options() deliver.Options {
	return s.Through(s.Store, s.Server.Client().Transport)
}

// Grail makes a client of the query service, with a secret of this text.
func (s *Site) Grail(text string) *grail.Client {
	u, err := url.Parse(s.Server.URL)
	if err != nil {
		s.T.Fatal(err)
	}
	client := s.Server.Client()
	return grail.New(grail.Options{
		URL: u, Credentials: secret.NewQueryCache(vault.Holds(text), "s", s.Clock.Now, true), UserAgent: "test", Timeout: timeout,
		HTTP: func(secret.Credential) (*http.Client, error) { return client, nil },
		Now:  s.Clock.Now, Sleep: s.Clock.Sleep, Jitter: func() float64 { return 1 },
	})
}

// Through returns the options of a deliverer that uses this store for the archive and
// this transport for requests to Dynatrace.
func (s *Site) Through(store *store.Store, transport http.RoundTripper) deliver.Options {
	u, err := url.Parse(s.Config.URL.String())
	if err != nil {
		s.T.Fatal(err)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sender := openpipeline.New(openpipeline.Options{
		URL: u, Credentials: secret.NewCache(s.Vault, "s", s.Clock.Now), UserAgent: "test", Timeout: timeout,
		HTTP: func(secret.Credential) (*http.Client, error) { return client, nil },
		Now:  s.Clock.Now, Sleep: s.Clock.Sleep, Jitter: func() float64 { return 1 },
	})
	return deliver.Options{
		Settings: s.Config.Settings, Archive: store, Sender: sender, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(&s.Metrics, "forwarder", s.Clock.Now),
		Now: s.Clock.Now, Sleep: s.Clock.Sleep, NewID: uuid.NewString,
	}
}
