package appliancecheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	client "runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/vault"
	"runecast-ingest/internal/store"
)

const (
	day        = 24 * time.Hour
	adminToken = "7546e68b-96bc-406e-8d57-280e1de75670"
)

// site is a simulated appliance behind TLS and a bucket, with the settings of a check.
type site struct {
	options   Options
	appliance appliance.Options
	served    *appliance.Appliance
	log       *strings.Builder
	cert      func(*x509.Certificate) // of the server; nil: as it should be
	trust     func(ca string) string  // nil: as it is
	token     string
	getter    secret.Getter // nil: holds token and authority
	store     *bucket
	answers   http.HandlerFunc // takes the place of the appliance
	methods   chan string      // of every request
}

func newSite(change func(*site)) *site {
	s := &site{
		token: adminToken, store: &bucket{}, log: &strings.Builder{}, methods: make(chan string, 1000),
		appliance: appliance.Options{Findings: 500, Token: adminToken, API: appliance.APIBoth},
	}
	s.options = Options{API: "auto", Archive: s.store, ScanTimeout: 5 * time.Hour, Period: day, Settings: preflight.Settings{
		Region: "eu-central-1", Bucket: "archive", AllowLoopback: true, Version: "test",
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	}}
	change(s)
	return s
}

// start serves the appliance.
func (s *site) start(t *testing.T) *Checker {
	t.Helper()
	var err error
	if s.served, err = appliance.New(s.appliance); err != nil {
		t.Fatal(err)
	}
	cert, err := pki.SelfSigned(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.methods <- r.Method
		if s.answers != nil && r.Header.Get("Authorization") == s.token {
			s.answers(w, r)
			return
		}
		s.served.ServeHTTP(w, r)
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if s.options.URL == nil {
		_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
		s.options.URL = &url.URL{Scheme: "https", Host: "localhost:" + port}
	}
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	if s.trust != nil {
		ca = s.trust(ca)
	}
	if s.getter == nil {
		s.getter = vault.Holds(`{"token":"` + s.token + `","ca_pem":"` + strings.ReplaceAll(ca, "\n", `\n`) + `"}`)
	}
	return s.checker()
}

func (s *site) checker() *Checker {
	o := s.options
	o.Secrets = func() endpoint.Credentials { return secret.NewCache(s.getter, "runecast/token", time.Now) }
	o.Connect = func(creds endpoint.Credentials, limits endpoint.Options) Appliance {
		return client.New(client.Options{Settings: endpoint.Settings{URL: o.URL, Credentials: creds, Limits: limits}, API: o.API, Once: true})
	}
	return New(o)
}

// bucket is the part of an archive that a check reads.
type bucket struct {
	run  archive.Run // in runs/active.json; without an id: there is none
	past archive.Run // that has ended; without an id: there is none
	err  error
	hang bool
	keys []string
}

func (b *bucket) TryWrite(ctx context.Context, key string) error {
	b.keys = append(b.keys, key)
	if b.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.err
}

func (b *bucket) ActiveRun(context.Context) (store.Doc[archive.Run], error) {
	return document(b.run), nil
}

func (b *bucket) FinishedRun(context.Context, string) (store.Doc[archive.Run], error) {
	return document(b.past), nil
}

func (b *bucket) Runs(context.Context, time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if b.past.ID != "" {
			yield(b.past.ID, nil)
		}
	}
}

func document(r archive.Run) store.Doc[archive.Run] {
	doc := store.Doc[archive.Run]{Value: r}
	if r.ID != "" {
		doc.ETag = "e"
	}
	return doc
}

var errNoSuchHost = &net.DNSError{Err: "no such host", Name: "localhost", IsNotFound: true}

// soon returns the time, in epoch milliseconds, at which a licence ends.
var soon = strconv.FormatInt(time.Now().Add(10*day).UnixMilli(), 10)

// strangerPEM is an authority that has issued the certificate of no server.
var strangerPEM = func() []byte {
	ca, err := pki.New()
	if err != nil {
		panic(err)
	}
	return ca.PEM()
}()
