package lambda

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bootstrap")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "bootstrap")
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", binary, "./testdata/bootstrap")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v: %s", err, out))
		}
		return m.Run()
	}())
}

// reply is what the test function answers.
type reply struct {
	PID                                 int
	Text, RequestID, ARN, TraceID, Name string
	Env                                 []string
	DeadlineMS                          int64
	MemoryMB                            int
}

func start(t *testing.T, o Options) *Function {
	t.Helper()
	o.Binary = binary
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	f, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// invoke orders something of the function.
func invoke(t *testing.T, f *Function, do, text string, size int) (Result, reply) {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"Do": do, "Text": text, "Size": size})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var a reply
	if r.FunctionError == "" {
		if err := json.Unmarshal(r.Payload, &a); err != nil {
			t.Fatalf("%v in %s", err, r.Payload)
		}
	}
	return r, a
}

// wantFailure checks the error of a result.
func wantFailure(t *testing.T, r Result, kind, text string) {
	t.Helper()
	var e *Error
	if r.FunctionError != "Unhandled" || !errors.As(r.Err(), &e) || e.Type != kind || !strings.Contains(e.Message, text) {
		t.Fatalf("got %q %s, want %s with %q", r.FunctionError, r.Payload, kind, text)
	}
}

func TestInvokeColdThenWarm(t *testing.T) {
	t.Parallel()
	f := start(t, Options{})
	r1, a1 := invoke(t, f, "", "one", 0)
	r2, a2 := invoke(t, f, "", "two", 0)
	if !r1.ColdStart || r1.Init <= 0 || r2.ColdStart || r2.Init != 0 {
		t.Errorf("cold %v %s, then %v %s", r1.ColdStart, r1.Init, r2.ColdStart, r2.Init)
	}
	if a1.Text != "one" || a2.Text != "two" || a1.PID != a2.PID || a1.RequestID == a2.RequestID {
		t.Errorf("got %+v and %+v", a1, a2)
	}
	if r1.Err() != nil || r1.Duration <= 0 {
		t.Errorf("result %+v", r1)
	}
}

func TestContextIsDelivered(t *testing.T) {
	t.Parallel()
	f := start(t, Options{Name: "collector", MemoryMB: 512, Timeout: 900 * time.Second, Env: []string{"AWS_REGION=eu-west-1"}})
	before := time.Now()
	_, a := invoke(t, f, "", "", 0)
	deadline := time.UnixMilli(a.DeadlineMS)
	if deadline.Before(before.Add(900*time.Second-time.Millisecond)) || deadline.After(time.Now().Add(900*time.Second)) {
		t.Errorf("deadline %s, 900 s from the call expected", deadline)
	}
	if a.Name != "collector" || a.MemoryMB != 512 || a.ARN != "arn:aws:lambda:eu-west-1:123456789012:function:collector" {
		t.Errorf("got %+v", a)
	}
	if len(a.RequestID) != 36 {
		t.Errorf("request id %q", a.RequestID)
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1$`).MatchString(a.TraceID) {
		t.Errorf("trace id %q", a.TraceID)
	}
}

func TestNothingOfTheHostsEnvironmentLeaks(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/host/ca.pem")
	t.Setenv("SSL_CERT_FILE", "/host/ca.pem")
	t.Setenv("HTTPS_PROXY", "http://host")
	f := start(t, Options{Name: "n", Env: []string{"MINE=1", "TZ=:Europe/Berlin", "AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000"}})
	_, a := invoke(t, f, "env", "", 0)
	var names []string
	for _, e := range a.Env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS",
		"LAMBDA_TASK_ROOT", "LANG", "MINE", "PATH", "TZ", "_HANDLER", "_X_AMZN_TRACE_ID",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	if !slices.Contains(a.Env, "TZ=:Europe/Berlin") || !slices.Contains(a.Env, "AWS_LAMBDA_LOG_FORMAT=JSON") {
		t.Errorf("environment %q", a.Env)
	}
}

func TestAFailedHandlerStaysWarm(t *testing.T) {
	t.Parallel()
	f := start(t, Options{})
	_, a := invoke(t, f, "", "", 0)
	r, _ := invoke(t, f, "fail", "the token was refused", 0)
	wantFailure(t, r, "errorString", "the token was refused")
	if r.Err().Error() != "the token was refused" {
		t.Errorf("Err() = %q", r.Err())
	}
	if next, b := invoke(t, f, "", "", 0); next.ColdStart || a.PID != b.PID {
		t.Error("an error of the handler must not end the process")
	}
}

// Whatever ends a process, the caller gets an error and the next call a new process.
func TestACleanColdStartFollowsACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do, text, kind, message string
		size                    int
		timeout                 time.Duration
	}{
		"panic":            {do: "panic", text: "boom", kind: "string", message: "boom"},
		"exit":             {do: "exit", kind: "Runtime.ExitError", message: "exit status 7"},
		"time-out":         {do: "hang", kind: "Sandbox.Timedout", message: "Task timed out after 1.50 seconds", timeout: 1500 * time.Millisecond},
		"answer too large": {do: "big", size: maxResponse, kind: "Function.ResponseSizeTooLarge", message: "6291556 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, Options{Timeout: c.timeout})
			_, before := invoke(t, f, "", "", 0)
			r, _ := invoke(t, f, c.do, c.text, c.size)
			wantFailure(t, r, c.kind, c.message)
			if c.timeout > 0 && (r.Duration < c.timeout || r.Duration > c.timeout+5*time.Second) {
				t.Errorf("killed after %s", r.Duration)
			}
			next, after := invoke(t, f, "", "again", 0)
			if !next.ColdStart || after.Text != "again" || after.PID == before.PID {
				t.Errorf("after the crash: %+v %+v", next, after)
			}
			if running(before.PID) {
				t.Error("the crashed process still runs")
			}
		})
	}
}

func TestAProcessThatCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ init, kind, message, log string }{
		"exits":             {"exit", "Runtime.ExitError", "exit status 3", "cannot start\n"},
		"says why and ends": {"error", "Config", "no bucket", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			f := start(t, Options{Env: []string{"INIT=" + c.init}, Log: &log})
			for range 2 { // every call tries anew
				r, _ := invoke(t, f, "", "", 0)
				wantFailure(t, r, c.kind, c.message)
				if !r.ColdStart {
					t.Error("not a cold start")
				}
			}
			_ = f.Close()
			if log.String() != c.log+c.log {
				t.Errorf("log %q", log.String())
			}
		})
	}
}

func TestPeakMemoryOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	f := start(t, Options{})
	small, _ := invoke(t, f, "", "", 0)
	big, _ := invoke(t, f, "grow", "", size)
	if small.MaxMemory <= 0 || small.MaxMemory >= size || big.MaxMemory < size || f.MaxMemory() < big.MaxMemory {
		t.Errorf("peaks %d, %d, in all %d", small.MaxMemory, big.MaxMemory, f.MaxMemory())
	}
	f.Current().Kill()
	if next, _ := invoke(t, f, "", "", 0); next.MaxMemory >= size || f.MaxMemory() < big.MaxMemory {
		t.Errorf("after a restart: %d, in all %d", next.MaxMemory, f.MaxMemory())
	}
}

func TestPayloadOverTheLimit(t *testing.T) {
	t.Parallel()
	f := start(t, Options{})
	if _, err := f.Invoke(t.Context(), make([]byte, maxRequest+1)); err == nil || !strings.Contains(err.Error(), "RequestTooLarge") {
		t.Errorf("error %v", err)
	}
	fits := bytes.Repeat([]byte{' '}, maxRequest)
	copy(fits[maxRequest-2:], "{}")
	if r, err := f.Invoke(t.Context(), fits); err != nil || r.FunctionError != "" {
		t.Errorf("a payload of exactly 6 MB: %s %v", r.Payload, err)
	}
}

func TestLogLinesStayWhole(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := start(t, Options{Concurrency: 2, Log: &log})
	var both sync.WaitGroup
	for _, text := range []string{"a", "b"} {
		both.Go(func() { invoke(t, f, "log", text, 500) })
	}
	both.Wait()
	_ = f.Close()
	whole := regexp.MustCompile(`^(a{200}|b{200})$`)
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != 1000 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !whole.MatchString(line) {
			t.Fatalf("broken line %q", line)
		}
	}
}

func TestCheckLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, says string }{
		"log line":          {`{"timestamp":"2026-11-22T02:00:00Z","level":"INFO","message":"archived"}`, ""},
		"metrics":           {`{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"level":"INFO","x":1}`, ""},
		"space around":      {` {"level":"WARN"} `, ""},
		"date in front":     {`2026/11/22 02:00:00 {"level":"INFO"}`, "goes on"},
		"plain text":        {`cannot start`, "no JSON"},
		"nothing":           {``, "no JSON"},
		"cut":               {`{"level":"INFO"`, "no JSON"},
		"two objects":       {`{"level":"INFO"}{"level":"INFO"}`, "goes on"},
		"rubbish behind":    {`{"level":"INFO"}x`, "goes on"},
		"no object":         {`["INFO"]`, "no object"},
		"member twice":      {`{"level":"INFO","message":"a","message":"b"}`, "duplicate"},
		"member twice deep": {`{"level":"INFO","a":{"b":1,"b":2}}`, "duplicate"},
		"no level":          {`{"message":"a"}`, "level"},
		"level of nobody":   {`{"level":"INFO+2"}`, "level"},
		"level a number":    {`{"level":4}`, "level"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckLine([]byte(c.line))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func TestStartNeedsABinary(t *testing.T) {
	t.Parallel()
	if _, err := Start(Options{Binary: filepath.Join(t.TempDir(), "bootstrap")}); err == nil || !strings.Contains(err.Error(), "bootstrap") {
		t.Errorf("error %v", err)
	}
}

func TestAStrangeRequestIDIsRefused(t *testing.T) {
	t.Parallel()
	in := &instance{reports: make(chan report, 1), current: &invocation{id: "mine"}}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/2018-06-01/runtime/invocation/other/response", strings.NewReader("{}"))
	in.api().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "InvalidRequestID") || len(in.reports) != 0 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
