package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/go-json-experiment/json"

	"runecast-ingest/infra/local/secrets"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

const (
	token      = "simulated-token"
	bucketName = "archive"
	tick       = `{"action":"tick"}`
)

// binary is the collector as it is deployed, for this machine.
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
		dir, err := os.MkdirTemp("", "collector")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "bootstrap")
		if err := build(binary, "."); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// build makes a program with the flags of the deployed functions.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid= -X main.version=test", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

func startS3(t testing.TB) *s3server.Server {
	t.Helper()
	server, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// options describe a site.
type options struct {
	s3        *s3server.Server
	appliance http.Handler
	timeout   time.Duration // of an invocation; 0: a minute
	env       []string      // of the function, beside what every site needs
	direct    bool          // nothing stands between the function and S3
}

// site is the deployed collector, its bucket and its appliance. All requests
// of the function pass the gate.
type site struct {
	testing.TB
	gate     *gate.Gate
	env      []string // of the function
	ca       string   // that the appliance's certificate is from
	client   *s3.Client
	bucket   string
	store    *store.Store
	vault    secrets.Manager
	said     lines // by the function
	function *lambda.Function
}

func newSite(t testing.TB, o options) *site {
	t.Helper()
	s := &site{TB: t}
	s.gate = gate.New(func() (alive bool) { s.function.Current().Kill(); return false })
	s.bucket = fmt.Sprintf("%s-%x", bucketName, time.Now().UnixNano())
	if err := o.s3.CreateBucket(t.Context(), s.bucket); err != nil {
		t.Fatal(err)
	}
	s.client = store.Client(aws.Config{
		BaseEndpoint: ptr(o.s3.URL()), Region: o.s3.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(o.s3.AccessKey(), o.s3.SecretKey(), ""),
	}, true)
	s.store = store.New(s.client, s.bucket)

	endpoint := o.s3.URL()
	if !o.direct {
		endpoint = s.serve(s.gate.Guard("S3", s.s3(o.s3.URL())))
	}
	manager := s.serve(s.gate.Guard("secret", &s.vault))
	appliance := s.serveTLS(s.gate.Guard("appliance", o.appliance))
	s.env = append([]string{
		"ARCHIVE_BUCKET=" + s.bucket, "S3_PATH_STYLE=true", "AWS_ENDPOINT_URL_S3=" + endpoint, "AWS_REGION=" + o.s3.Region(),
		"AWS_ACCESS_KEY_ID=" + o.s3.AccessKey(), "AWS_SECRET_ACCESS_KEY=" + o.s3.SecretKey(),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + manager, "ALLOW_LOOPBACK=true",
		"RUNECAST_URL=" + appliance, "RUNECAST_SECRET_ID=" + s.setToken(token), "RUNECAST_API=v1",
		"POLL_INTERVAL=1s",
	}, o.env...)
	if o.timeout == 0 {
		o.timeout = time.Minute
	}
	var err error
	s.function, err = lambda.Start(lambda.Options{Binary: binary, Name: "collector", Env: s.env, Timeout: o.timeout, MemoryMB: 512, Log: testLog{t, &s.said}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.function.Close() })
	return s
}

// setToken puts a token into the secret and returns the secret's ARN.
func (s *site) setToken(token string) (arn string) {
	s.Helper()
	text, err := json.Marshal(map[string]string{"token": token, "ca_pem": s.ca})
	if err != nil {
		s.Fatal(err)
	}
	return s.vault.Put("runecast", string(text))
}

// s3 passes the function's requests on to the server.
func (s *site) s3(server string) http.Handler {
	to, err := url.Parse(server)
	if err != nil {
		s.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	s.Cleanup(transport.CloseIdleConnections)
	return s.gate.S3(to, transport)
}

func (s *site) serve(h http.Handler) string {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of connections that a kill cut
	server.Start()
	s.Cleanup(server.Close)
	return server.URL
}

func (s *site) serveTLS(h http.Handler) string {
	authority, err := pki.New()
	if err != nil {
		s.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	if server.TLS, err = authority.Server(); err != nil {
		s.Fatal(err)
	}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	s.Cleanup(server.Close)
	s.ca = string(authority.PEM())
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
func (s *site) invoke(payload string) lambda.Result {
	s.Helper()
	r, err := s.function.Invoke(context.WithoutCancel(s.Context()), []byte(payload))
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// must is an invocation that has to succeed.
func (s *site) must(text string) payload.RunAnswer {
	s.Helper()
	r := s.invoke(text)
	var a payload.RunAnswer
	if err := r.Err(); err != nil {
		s.Fatalf("%s: %v", text, err)
	} else if err := json.Unmarshal(r.Payload, &a); err != nil {
		s.Fatalf("%s answered %s: %v", text, r.Payload, err)
	}
	return a
}

// active reads the active run.
func (s *site) active() store.Doc[archive.Run] {
	s.Helper()
	doc, err := s.store.ActiveRun(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return doc
}

// passTime ends the lease of a killed invocation without waiting: it writes the document
// again with a lease in the past, which is all that the collector can see of the time.
func (s *site) passTime() {
	s.Helper()
	doc := s.active()
	if doc.Value.Lease == nil {
		return
	}
	doc.Value.Lease.Until = time.Now().Add(-time.Second)
	if err := s.store.SaveRun(s.Context(), &doc); err != nil {
		s.Fatal(err)
	}
}

// stored is an object as a listing of S3 shows it.
type stored struct {
	ETag     string
	Modified time.Time
}

// objects returns the objects whose keys begin with a prefix, by key.
func (s *site) objects(prefix string) map[string]stored {
	s.Helper()
	out, err := s.client.ListObjectsV2(s.Context(), &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	if err != nil {
		s.Fatal(err)
	}
	found := map[string]stored{}
	for _, o := range out.Contents {
		found[*o.Key] = stored{*o.ETag, *o.LastModified}
	}
	return found
}

// uploads counts the multipart uploads that are neither completed nor aborted.
func (s *site) uploads() int {
	s.Helper()
	out, err := s.client.ListMultipartUploads(s.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket})
	if err != nil {
		s.Fatal(err)
	}
	return len(out.Uploads)
}

// download returns an object as it is stored.
func (s *site) download(key string) []byte {
	s.Helper()
	out, err := s.client.GetObject(s.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		s.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		s.Fatal(err)
	}
	return body
}

func ptr[T any](v T) *T { return &v }
