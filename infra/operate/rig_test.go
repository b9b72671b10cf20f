package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"runecast-ingest/infra/local/secrets"
	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/emulator"
	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
)

const (
	bucketName     = "runecast-ingest-123456789012-eu-central-1" // as in events/
	runecastToken  = "simulated-token"
	dynatraceToken = "dt0c01.SIMULATED"
)

// rig is a deployed stack: the real binaries under the Runtime API, a real S3
// server whose events reach the forwarder, and the two simulators.
type rig struct {
	*testing.T
	began     time.Time     // when the rig was started
	dir       string        // the S3 server's folder
	timeout   time.Duration // how long an invocation may take
	emulated  bool          // the functions run under AWS's own emulator
	s3        *s3server.Server
	vault     *secrets.Manager
	ca        string
	appliance string
	receiver  *receiver.Receiver
	logs      map[string]*logBuffer

	mu        sync.Mutex
	env       map[string][]string
	functions map[string]function
	deployed  map[string]string     // the stack's parameters; nil: nothing is deployed yet
	cuts      atomic.Bool           // the CLI's connections die before the answer
	deaf      bool                  // S3's events are lost
	refuse    func(body []byte) int // gives a status to refuse with, or 0
	stall     chan struct{}         // Dynatrace does not answer until it is closed; nil: it does
	dead      []message
	hidden    map[string]bool // messages that were received, by id
	handled   map[string]int  // the number of S3's events that were handled, by key
	changed   *sync.Cond
}

// function is a deployed function.
type function interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
	io.Closer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOf(t, false)
}

// newRigOf makes a rig whose functions run under AWS's own emulator, or under
// package lambda.
func newRigOf(t *testing.T, emulated bool) *rig {
	t.Helper()
	r := &rig{
		T: t, emulated: emulated, began: time.Now().UTC(), timeout: time.Minute, dir: t.TempDir(), vault: new(secrets.Manager),
		logs: map[string]*logBuffer{collector: {}, forwarder: {}}, env: map[string][]string{},
		functions: map[string]function{}, hidden: map[string]bool{}, handled: map[string]int{},
	}
	r.changed = sync.NewCond(&r.mu)
	r.endpoints()
	r.storage()
	for _, name := range []string{collector, forwarder} {
		r.deploy(name)
	}
	return r
}

// endpoints starts the appliance and Dynatrace's ingest, and stores their secrets.
func (r *rig) endpoints() {
	r.Helper()
	a, err := appliance.New(appliance.Options{Seed: 1, Findings: 600, ScanTime: time.Millisecond, Token: runecastToken})
	if err != nil {
		r.Fatal(err)
	}
	authority, err := pki.New()
	if err != nil {
		r.Fatal(err)
	}
	r.ca = string(authority.PEM())
	r.receiver = receiver.New(receiver.Options{Token: dynatraceToken})
	r.appliance = r.serveTLS(authority, a)
	r.env[collector] = []string{"RUNECAST_URL=" + r.appliance, "RUNECAST_SECRET_ID=" + r.keep("runecast", runecastToken), "POLL_INTERVAL=1s"}
	r.env[forwarder] = []string{
		"OPENPIPELINE_URL=" + r.serveTLS(authority, http.HandlerFunc(r.dynatrace)),
		"OPENPIPELINE_SECRET_ID=" + r.keep("dynatrace", dynatraceToken),
	}
}

// keep puts a token into the vault, with the authority of its endpoint.
func (r *rig) keep(name, token string) (arn string) {
	text, err := json.Marshal(map[string]string{"token": token, "ca_pem": r.ca})
	if err != nil {
		r.Fatal(err)
	}
	return r.vault.Put(name, string(text))
}

// dynatrace answers as the receiver does, or as refuse and stall say.
func (r *rig) dynatrace(w http.ResponseWriter, req *http.Request) {
	if r.stalled(req) {
		return
	}
	r.mu.Lock()
	ingest, refuse := r.receiver, r.refuse
	r.mu.Unlock()
	if refuse != nil && req.URL.Path == receiver.Path {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the sender has gone
		}
		if status := refuse(body); status != 0 {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"simulated"}}`, status)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	ingest.ServeHTTP(w, req)
}

// refuses makes Dynatrace answer requests with a status by their body; nil: it
// answers normally again.
func (r *rig) refuses(refuse func(body []byte) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

// storage starts S3, and sends its events to the forwarder.
func (r *rig) storage() {
	r.Helper()
	hook := trigger.New(trigger.Options{
		Function: events{r}, Mode: trigger.Direct(), Bucket: bucketName, Prefix: archive.RawPrefix, Region: "eu-central-1",
		Size: func(string) int64 { return 1 }, Log: log.New(io.Discard, "", 0),
	})
	r.Cleanup(func() { _ = hook.Close() })
	server, err := s3server.Start(r.Context(), s3server.Options{Dir: r.dir, WebhookURL: r.serve(hook)})
	if err != nil {
		r.Fatal(err)
	}
	r.s3 = server
	r.Cleanup(func() { _ = server.Close() })
	if err := server.CreateBucket(r.Context(), bucketName); err != nil {
		r.Fatal(err)
	}
	traces, err := tracing.Listen()
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = traces.Close() })
	common := []string{
		"AWS_XRAY_DAEMON_ADDRESS=" + traces.Address(),
		"ARCHIVE_BUCKET=" + bucketName, "S3_PATH_STYLE=true", "AWS_ENDPOINT_URL_S3=" + server.URL(), "AWS_REGION=" + server.Region(),
		"AWS_ACCESS_KEY_ID=" + server.AccessKey(), "AWS_SECRET_ACCESS_KEY=" + server.SecretKey(),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + r.serve(r.vault), "ALLOW_LOOPBACK=true",
	}
	for name := range r.env {
		r.env[name] = append(r.env[name], common...)
	}
}

// deploy starts a function again with its present settings.
func (r *rig) deploy(name string) {
	r.Helper()
	o := lambda.Options{
		Binary: filepath.Join(bin, name), Name: "runecast-ingest-" + name, Env: r.env[name], Log: r.logs[name],
		Timeout: r.timeout, MemoryMB: 512, Concurrency: 2,
	}
	var f function
	var err error
	if r.emulated {
		f, err = emulator.Start(r.Context(), o)
	} else {
		f, err = lambda.Start(o)
	}
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = f.Close() })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.functions[name] = f
}

// invoke calls a function as Lambda's Invoke does.
func (r *rig) invoke(ctx context.Context, name string, payload []byte) (lambda.Result, error) {
	r.mu.Lock()
	f := r.functions[name]
	r.mu.Unlock()
	return f.Invoke(ctx, payload)
}

// events takes S3's events and invokes the forwarder with them. It puts the record
// of a failed invocation into the dead-letter queue.
type events struct{ *rig }

func (e events) Invoke(ctx context.Context, payload []byte) (lambda.Result, error) {
	e.mu.Lock()
	deaf := e.deaf
	e.mu.Unlock()
	var res lambda.Result
	var err error
	if !deaf {
		if res, err = e.invoke(ctx, forwarder, payload); err == nil && res.Err() != nil {
			e.bury("e4b46cbf", payload, res)
		}
	}
	var n struct {
		Records []struct {
			S3 struct{ Object struct{ Key string } } `json:"s3"`
		}
	}
	_ = json.Unmarshal(payload, &n)
	e.mu.Lock()
	e.handled[n.Records[0].S3.Object.Key]++
	e.mu.Unlock()
	e.changed.Broadcast()
	return lambda.Result{}, err
}

// bury puts the record of a failed invocation into the dead-letter queue; request is
// the invocation's id.
func (r *rig) bury(request string, payload []byte, res lambda.Result) {
	record, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": "2026-11-22T02:20:10.012Z",
		"requestContext": map[string]any{
			"requestId": request, "condition": "RetriesExhausted", "approximateInvokeCount": 3,
			"functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:runecast-ingest-forwarder:$LATEST",
		},
		"requestPayload": json.RawMessage(payload), "responsePayload": json.RawMessage(res.Payload),
	})
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := fmt.Sprintf("dead-%d", len(r.dead)+len(r.hidden)+1)
	r.dead = append(r.dead, message{ID: id, Receipt: "receipt-" + id, Body: string(record)})
}

// settle waits until the forwarder has seen the event of every raw object.
func (r *rig) settle() {
	r.Helper()
	stop := context.AfterFunc(r.Context(), r.changed.Broadcast)
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.handled) < len(r.raw()) {
		if r.Context().Err() != nil {
			return
		}
		r.changed.Wait()
	}
}

// raw lists the keys of all raw objects, sorted.
func (r *rig) raw() []string {
	var keys []string
	root := filepath.Join(r.dir, bucketName)
	_ = filepath.WalkDir(filepath.Join(root, "raw"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			key, _ := filepath.Rel(root, path)
			keys = append(keys, filepath.ToSlash(key))
		}
		return nil
	})
	slices.Sort(keys)
	return keys
}

func (r *rig) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	r.Cleanup(server.Close)
	return server.URL
}

func (r *rig) serveTLS(authority *pki.Authority, h http.Handler) string {
	server := httptest.NewUnstartedServer(h)
	conf, err := authority.Server()
	if err != nil {
		r.Fatal(err)
	}
	server.TLS = conf
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	r.Cleanup(server.Close)
	return server.URL
}

// logBuffer collects a function's log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// listen opens a port of this machine.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
