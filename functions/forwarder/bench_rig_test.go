package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/go-json-experiment/json"

	"runecast-ingest/infra/local/secrets"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/child"
	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

// benchSenders is SEND_CONCURRENCY, of the forwarder and of the floor.
const benchSenders = "4"

// scale is a receiver that only counts.
type scale struct {
	buffers sync.Pool

	mu              sync.Mutex
	requests, bytes int64
	// largest is a copy of the largest body so far, until it is taken.
	largest []byte
	taken   bool
}

func newScale() *scale {
	return &scale{buffers: sync.Pool{New: func() any { return new([256 << 10]byte) }}}
}

// ServeHTTP reads the body and forgets it. Only the first requests pay for the
// copy of a body.
func (s *scale) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer := s.buffers.Get().(*[256 << 10]byte)
	defer s.buffers.Put(buffer)
	var kept bytes.Buffer
	keep := s.keeps(r.ContentLength)
	size := int64(0)
	for {
		n, err := r.Body.Read(buffer[:])
		size += int64(n)
		if keep {
			kept.Write(buffer[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	s.mu.Lock()
	s.requests++
	s.bytes += size
	if keep && len(s.largest) < kept.Len() {
		s.largest = kept.Bytes()
	}
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

func (s *scale) keeps(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.taken && int64(len(s.largest)) < size
}

// take returns what was counted since the last call.
func (s *scale) take() (requests, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests, bytes = s.requests, s.bytes
	s.requests, s.bytes, s.taken = 0, 0, true
	return requests, bytes
}

// track is the deployed forwarder between a real S3 server and a receiver that
// only counts.
type track struct {
	testing.TB
	scale    *scale
	calls    atomic.Int64  // to S3
	latency  time.Duration // of S3 and of the receiver
	parallel int           // functions at a time; 0: one
	store    *store.Store
	env      []string
	ca       string
	function *lambda.Function
}

// proxy passes requests on to S3 with their signatures, and counts them. Its cost is small
// beside that of the bodies to the receiver, since the archive is compressed.
func (k *track) proxy(target string) (endpoint string) {
	to, err := url.Parse(target)
	if err != nil {
		k.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	k.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			k.calls.Add(1)
			time.Sleep(k.latency)
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
	})
	k.Cleanup(server.Close)
	return server.URL
}

const benchBucket = "archive"

func newTrack(t testing.TB) *track {
	t.Helper()
	k := &track{TB: t, scale: newScale()}
	server, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if err := server.CreateBucket(t.Context(), benchBucket); err != nil {
		t.Fatal(err)
	}
	k.store = store.New(store.Client(aws.Config{
		BaseEndpoint: aws.String(server.URL()), Region: server.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey(), server.SecretKey(), ""),
	}, true), benchBucket)
	endpoint := k.receive()
	vault := new(secrets.Manager)
	secret, err := json.Marshal(map[string]string{"token": "dt0c01.SIMULATED.TOKEN", "ca_pem": k.ca})
	if err != nil {
		t.Fatal(err)
	}
	manager := httptest.NewServer(vault)
	t.Cleanup(manager.Close)
	k.env = []string{
		"ARCHIVE_BUCKET=" + benchBucket, "S3_PATH_STYLE=true", "AWS_ENDPOINT_URL_S3=" + k.proxy(server.URL()), "AWS_REGION=" + server.Region(),
		"AWS_ACCESS_KEY_ID=" + server.AccessKey(), "AWS_SECRET_ACCESS_KEY=" + server.SecretKey(),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + manager.URL, "ALLOW_LOOPBACK=true", "SEND_CONCURRENCY=" + benchSenders,
		"OPENPIPELINE_URL=" + endpoint, "OPENPIPELINE_SECRET_ID=" + vault.Put("dynatrace", string(secret)),
	}
	return k
}

// receive starts the receiver, with TLS.
func (k *track) receive() (url string) {
	authority, err := pki.New()
	if err != nil {
		k.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(k.latency)
		k.scale.ServeHTTP(w, r)
	}))
	if server.TLS, err = authority.Server(); err != nil {
		k.Fatal(err)
	}
	server.StartTLS()
	k.Cleanup(server.Close)
	k.ca = string(authority.PEM())
	return server.URL
}

// buildProgram makes a program with the flags of the deployed functions.
func buildProgram(t testing.TB, path, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid= -X main.version=test", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
}

// deploy makes the function ready to be invoked.
func (k *track) deploy() {
	k.Helper()
	var err error
	k.function, err = lambda.Start(lambda.Options{
		Binary: binary, Name: "forwarder", Env: k.env, Timeout: 15 * time.Minute, MemoryMB: 1024, Concurrency: k.parallel, Log: benchLog{k.TB},
	})
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = k.function.Close() })
}

// benchLog keeps the function's own lines.
type benchLog struct{ testing.TB }

func (l benchLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"level":"ERROR"`)) || bytes.Contains(p, []byte("panic")) {
		l.Logf("%s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// archive stores an estate.
func (k *track) archive(e *estate) {
	k.Helper()
	if _, err := k.store.PutRaw(k.Context(), e.key(), e.write); err != nil {
		k.Fatal(err)
	}
}

// delivered is what one delivery took.
type delivered struct {
	answer    payload.DeliveryAnswer
	took, cpu time.Duration
	init      time.Duration
	calls     int64
}

// deliver delivers the raw object, the first time by its event, then by replays, which do
// the same work.
func (k *track) deliver(e *estate) delivered {
	k.Helper()
	k.calls.Store(0)
	var before time.Duration
	if at := k.function.Current(); at != nil {
		before = at.CPUTime()
	}
	payload := fmt.Sprintf(`{"action":"replay","key":%q}`, e.key())
	if before == 0 {
		payload = e.created()
	}
	result, err := k.function.Invoke(context.WithoutCancel(k.Context()), []byte(payload))
	if err != nil {
		k.Fatal(err)
	}
	if err := result.Err(); err != nil {
		k.Fatal(err)
	}
	r := delivered{took: result.Duration, init: result.Init, cpu: k.function.Current().CPUTime() - before, calls: k.calls.Load()}
	if err := json.Unmarshal(result.Payload, &r.answer); err != nil {
		k.Fatal(err)
	}
	requests, size := k.scale.take()
	if a := r.answer; a.Complete != 1 || a.Accepted != int64(e.findings()) || a.Bytes != size || a.Requests != requests {
		k.Fatalf("it answered %s; %d requests and %d bytes arrived", result.Payload, requests, size)
	}
	return r
}

// floor posts as many bytes as a delivery did, and returns its time and CPU time.
func (k *track) floor(program, body string, size int64) (took, cpu time.Duration) {
	k.Helper()
	cmd := exec.Command(program)
	cmd.Env, cmd.Stderr = append(k.env, "CA_PEM="+k.ca, "BODY="+body, fmt.Sprint("BYTES=", size)), os.Stderr
	end, err := cmd.StdinPipe()
	if err != nil {
		k.Fatal(err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		k.Fatal(err)
	}
	defer pr.Close()
	cmd.Stdout = pw
	p, err := child.Start(cmd)
	_ = pw.Close()
	if err != nil {
		k.Fatal(err)
	}
	defer p.Kill()
	line, err := bufio.NewReader(pr).ReadString('\n')
	if err != nil {
		k.Fatal("the floor failed")
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		k.Fatal(err)
	}
	cpu = p.CPUTime()
	_ = end.Close()
	<-p.Exited()
	if _, got := k.scale.take(); got != size {
		k.Fatalf("the floor sent %d bytes, not %d", got, size)
	}
	return time.Duration(ns), cpu
}
