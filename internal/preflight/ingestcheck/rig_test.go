package ingestcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/simulate/vault"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

const (
	ingestToken   = "dt0c01.PUBLIC.PRIVATEPRIVATE"
	platformToken = "dt0s16.PUBLIC.PRIVATEPRIVATE"
	bucketName    = "archive"
	day           = 24 * time.Hour
)

// tenant is a simulated Dynatrace behind TLS and a real bucket, with the settings of the
// forwarder's check.
type tenant struct {
	options  Options
	receiver *receiver.Receiver
	token    string // that it accepts
	state    receiver.TokenState
	answers  map[string]http.HandlerFunc // by path, in place of the receiver
	cred     func(ca string) string      // the secret's text; nil: token and authority
	before   string                      // the token that the secret holds at the first read; empty: the same
	getter   secret.Getter               // nil: holds cred
	s3       *guarded
	bucket   string
	path     string // of the URL
	querying receiver.Querying
	noGrail  bool // the query service's address is not known
	metrics  bytes.Buffer
	log      strings.Builder
}

// answer answers a path in place of the receiver.
func (d *tenant) answer(path string, how http.HandlerFunc) {
	if d.answers == nil {
		d.answers = map[string]http.HandlerFunc{}
	}
	d.answers[path] = how
}

// archiveS3 starts a real S3 server with a bucket that holds some objects.
func archiveS3(t *testing.T) *s3.Client {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	client := store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true)
	for _, name := range []string{bucketName, "empty"} {
		if err := srv.CreateBucket(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"raw/v1/dt=2026-11-22/run=r/vc1.json.gz", "delivery/sweep.json", "systems/1.json"} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: &key, Body: strings.NewReader("{}")})
		if err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// start serves Dynatrace, and returns its check.
func (d *tenant) start(t *testing.T, client *s3.Client, change func(*tenant)) *Checker {
	t.Helper()
	d.bucket, d.path, d.s3, d.token = bucketName, receiver.Path, &guarded{Client: client}, ingestToken
	d.options.Settings = preflight.Settings{
		Region: "eu-central-1", AllowLoopback: true, Version: "test", Log: slog.New(slog.NewJSONHandler(&d.log, nil)),
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	}
	change(d)
	d.receiver = receiver.New(receiver.Options{Token: d.token, TokenState: d.state, KeepRaw: 10, Querying: d.querying})
	cert, err := pki.SelfSigned(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := d.answers[r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		d.receiver.ServeHTTP(w, r)
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if d.options.URL == nil {
		_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
		d.options.URL = &url.URL{Scheme: "https", Host: "localhost:" + port, Path: d.path}
	}
	if d.getter == nil {
		ca := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})), "\n", `\n`)
		text := `{"token":"` + d.token + `","ca_pem":"` + ca + `"}`
		if d.cred != nil {
			text = d.cred(ca)
		}
		d.getter = vault.Holds(text)
		if d.before != "" {
			stale := vault.Holds(`{"token":"` + d.before + `","ca_pem":"` + ca + `"}`)
			d.getter = &vault.Turns{List: []secret.Getter{stale, d.getter}}
		}
	}
	return d.checker()
}

func (d *tenant) checker() *Checker {
	o := d.options
	o.Bucket, o.NewID = d.bucket, uuid.NewString
	o.Secrets = func() endpoint.Credentials { return secret.NewCache(d.getter, "dynatrace/token", time.Now) }
	if o.Archive == nil {
		o.Archive = store.New(d.s3, d.bucket)
	}
	o.Metrics = telemetry.NewMetrics(&d.metrics, "forwarder", time.Now)
	o.Connect = func(creds endpoint.Credentials, limits endpoint.Options) Ingest {
		return openpipeline.New(openpipeline.Options{
			URL: o.URL, Credentials: creds, Limits: limits, Timeout: time.Minute, Jitter: func() float64 { return 0 },
			Sleep: func(context.Context, time.Duration) error { return errors.New("not here") },
		})
	}
	if !d.noGrail && o.URL != nil {
		o.Query = func(limits endpoint.Options) Query {
			return grail.New(grail.Options{
				URL: &url.URL{Scheme: o.URL.Scheme, Host: o.URL.Host}, Credentials: secret.NewQueryCache(d.getter, "dynatrace/token", time.Now, true), Limits: limits,
				Sleep: func(context.Context, time.Duration) error { return errors.New("not here") },
			})
		}
	}
	return New(o)
}

// guarded is S3 for a role that lacks rights; it records which keys were written.
type guarded struct {
	*s3.Client
	forbidden string // "list", "get", "put" or "delete", and the prefix of keys

	mu      sync.Mutex
	written []string
}

func (g *guarded) may(action, key string) error {
	if action == "put" || action == "delete" {
		g.mu.Lock()
		g.written = append(g.written, action+" "+key)
		g.mu.Unlock()
	}
	if g.forbidden == "" || !strings.HasPrefix(action+" "+key, g.forbidden) {
		return nil
	}
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: &smithy.GenericAPIError{Code: "AccessDenied"},
	}}
}

func (g *guarded) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if err := g.may("list", *in.Prefix); err != nil {
		return nil, err
	}
	return g.Client.ListObjectsV2(ctx, in, o...)
}

func (g *guarded) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if err := g.may("get", *in.Key); err != nil {
		return nil, err
	}
	return g.Client.GetObject(ctx, in, o...)
}

func (g *guarded) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if err := g.may("put", *in.Key); err != nil {
		return nil, err
	}
	return g.Client.PutObject(ctx, in, o...)
}

func (g *guarded) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, o ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	if err := g.may("delete", *in.Key); err != nil {
		return nil, err
	}
	return g.Client.DeleteObject(ctx, in, o...)
}

// onlyTheCheckKey expects that nothing was written but the check key.
func (g *guarded) onlyTheCheckKey(t *testing.T) {
	t.Helper()
	if slices.ContainsFunc(g.written, func(w string) bool { return !strings.HasSuffix(w, " "+archive.DeliveryCheckKey) }) {
		t.Errorf("written: %v", g.written)
	}
}

// noSuchHost is a resolver that knows no name.
func noSuchHost(context.Context, string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: "localhost", IsNotFound: true}
}
