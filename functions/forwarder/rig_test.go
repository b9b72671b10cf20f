package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/go-json-experiment/json"

	"runecast-ingest/infra/local/secrets"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/eventbridge"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

const (
	token      = "dt0c01.SIMULATED.TOKEN"
	secretName = "dynatrace"
	sweep      = `{"action":"sweep"}`
	// batchBytes is the smallest MAX_BATCH_BYTES that is allowed, so that a small object
	// gives several batches.
	batchBytes = "60000"
)

// binary is the forwarder as it is deployed, for this machine.
var binary string

// binaryVariable may name another binary to test, such as one of another commit, in place
// of the one that is built here. Its log lines are checked only by tests that do so
// themselves.
const binaryVariable = "BINARY"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if binary = os.Getenv(binaryVariable); binary != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "forwarder")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "bootstrap")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
			"-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid= -X main.version=test", "-o", binary, ".")
		cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
		if out, err := cmd.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build the forwarder: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

func startS3(t *testing.T) *s3server.Server {
	t.Helper()
	server, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// site is an archive and a Dynatrace tenant. There is no X-Ray daemon.
type site struct {
	testing.TB
	s3        *s3server.Server
	bucket    string
	store     *store.Store
	authority *pki.Authority
	vault     secrets.Manager
	secret    string // its ARN
	receiver  *receiver.Receiver
	bus       eventbridge.Bus
	said      lines // by the functions
}

// newSite makes a site; intercept may answer in the receiver's place.
func newSite(t *testing.T, server *s3server.Server, intercept func(http.ResponseWriter, *http.Request) bool) *site {
	t.Helper()
	s := &site{TB: t, s3: server, bucket: fmt.Sprintf("archive-%x", time.Now().UnixNano())}
	if err := server.CreateBucket(t.Context(), s.bucket); err != nil {
		t.Fatal(err)
	}
	s.store = store.New(store.Client(aws.Config{
		BaseEndpoint: aws.String(server.URL()), Region: server.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey(), server.SecretKey(), ""),
	}, true), s.bucket)
	var err error
	if s.authority, err = pki.New(); err != nil {
		t.Fatal(err)
	}
	s.receiver = receiver.New(receiver.Options{Token: token, Intercept: intercept})
	s.setToken(token)
	return s
}

// setToken puts a token into the secret.
func (s *site) setToken(token string) {
	s.Helper()
	text, err := json.Marshal(map[string]string{"token": token, "ca_pem": string(s.authority.PEM())})
	if err != nil {
		s.Fatal(err)
	}
	s.secret = s.vault.Put(secretName, string(text))
}

// process is a deployed forwarder. All its requests pass a gate of its own, by
// the doors S3, secret and ingest.
type process struct {
	*site
	gate     *gate.Gate
	function *lambda.Function
}

// deploy makes a forwarder with these settings beside the site's; act is what
// happens to it at the gate's point.
func (s *site) deploy(act func(*process) (alive bool), env ...string) *process {
	s.Helper()
	p := &process{site: s}
	p.gate = gate.New(func() bool { return act(p) })
	to, err := url.Parse(s.s3.URL())
	if err != nil {
		s.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	s.Cleanup(transport.CloseIdleConnections)
	ingest := httptest.NewUnstartedServer(p.gate.Guard("ingest", s.receiver))
	if ingest.TLS, err = s.authority.Server(); err != nil {
		s.Fatal(err)
	}
	p.function, err = lambda.Start(lambda.Options{
		Binary: binary, Name: "forwarder", Timeout: time.Minute, MemoryMB: 512, Log: testLog{s, &s.said},
		Env: append([]string{
			"ARCHIVE_BUCKET=" + s.bucket, "S3_PATH_STYLE=true", "AWS_REGION=" + s.s3.Region(),
			"AWS_ACCESS_KEY_ID=" + s.s3.AccessKey(), "AWS_SECRET_ACCESS_KEY=" + s.s3.SecretKey(),
			"AWS_ENDPOINT_URL_S3=" + s.serve(httptest.NewUnstartedServer(p.gate.Guard("S3", p.gate.S3(to, transport)))),
			"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.serve(httptest.NewUnstartedServer(p.gate.Guard("secret", &s.vault))),
			"AWS_ENDPOINT_URL_EVENTBRIDGE=" + s.serve(httptest.NewUnstartedServer(&s.bus)),
			"OPENPIPELINE_URL=" + s.serve(ingest), "OPENPIPELINE_SECRET_ID=" + s.secret, "ALLOW_LOOPBACK=true",
			"MAX_BATCH_BYTES=" + batchBytes,
		}, env...),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = p.function.Close() })
	return p
}

// serve starts a server, with TLS if it is set up for it, and returns its URL.
func (s *site) serve(server *httptest.Server) string {
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of connections that a kill cut
	if server.TLS != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	s.Cleanup(server.Close)
	return server.URL
}

// testLog keeps the function's log lines, for a test that reads them and for the output
// of a test that fails. It fails the test if a line is not in the log format that the
// template sets.
type testLog struct {
	testing.TB
	kept *lines
}

func (l testLog) Write(p []byte) (int, error) {
	l.Logf("%s", strings.TrimSpace(string(p)))
	for line := range bytes.Lines(p) {
		if err := lambda.CheckLine(line); err != nil && os.Getenv(binaryVariable) == "" {
			l.Errorf("%v: %s", err, line)
		}
	}
	return l.kept.Write(p)
}

// lines is a log that is safe for concurrent use.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// invoke calls the function.
func (p *process) invoke(payload string) lambda.Result {
	p.Helper()
	r, err := p.function.Invoke(context.WithoutCancel(p.Context()), []byte(payload))
	if err != nil {
		p.Fatal(err)
	}
	return r
}

// must is an invocation that has to succeed.
func (p *process) must(text string) payload.DeliveryAnswer {
	p.Helper()
	return p.answer(p.invoke(text))
}

// answer reads what a successful invocation said.
func (s *site) answer(r lambda.Result) (a payload.DeliveryAnswer) {
	s.Helper()
	if err := r.Err(); err != nil {
		s.Fatal(err)
	} else if err := json.Unmarshal(r.Payload, &a); err != nil {
		s.Fatalf("answered %s: %v", r.Payload, err)
	}
	return a
}

// created is the S3 event of an object.
func (s *site) created(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`,
		s.bucket, url.QueryEscape(key))
}

// delivery reads the delivery document of an object.
func (s *site) delivery(key string) store.Doc[archive.Delivery] {
	s.Helper()
	doc, err := s.store.Delivery(s.Context(), key)
	if err != nil {
		s.Fatal(err)
	}
	return doc
}

// register reads the commit register of a system.
func (s *site) register(system string) archive.Register {
	s.Helper()
	doc, err := s.store.Register(s.Context(), system)
	if err != nil {
		s.Fatal(err)
	}
	return doc.Value
}

// passTime ends the lease of an object's delivery without waiting: it writes the document
// again with a lease in the past, which is all that the forwarder can see of the time.
func (s *site) passTime(key string) {
	s.Helper()
	doc := s.delivery(key)
	if doc.Value.Lease == nil {
		return
	}
	doc.Value.Lease.Until = time.Now().Add(-time.Second)
	if err := store.Save(s.Context(), s.store, &doc); err != nil {
		s.Fatal(err)
	}
}
