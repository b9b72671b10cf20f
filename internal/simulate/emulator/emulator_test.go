package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/lambda"
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
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", binary, "../lambda/testdata/bootstrap")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v: %s", err, out))
		}
		return m.Run()
	}())
}

// invoker is a function under the emulator or under package lambda.
type invoker interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
}

// both starts a function under the emulator and under package lambda.
func both(t *testing.T, timeout time.Duration, env ...string) (theirs *Function, ours *lambda.Function) {
	t.Helper()
	log := &output{}
	o := lambda.Options{Binary: binary, Name: "function", Env: append([]string{"AWS_REGION=eu-central-1"}, env...), Timeout: timeout, MemoryMB: 256, Log: log}
	theirs, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = theirs.Close()
		if t.Failed() {
			t.Log(log)
		}
	})
	if ours, err = lambda.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	return theirs, ours
}

// order is a payload for the function.
func order(t *testing.T, do, text string, size int) []byte {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"Do": do, "Text": text, "Size": size})
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// outcome returns what has to be the same under both: the size of an answer, or the
// error document of a failure without the request's id.
func outcome(t *testing.T, f invoker, payload []byte) string {
	t.Helper()
	r, err := f.Invoke(t.Context(), payload)
	if err != nil {
		return "refused: " + err.Error()
	}
	if r.FunctionError == "" {
		var a struct{ Text string }
		if err := json.Unmarshal(r.Payload, &a); err != nil {
			t.Fatalf("%v in %.200s", err, r.Payload)
		}
		return fmt.Sprintf("answered with %d bytes", len(a.Text))
	}
	var e lambda.Error
	if json.Unmarshal(r.Payload, &e) != nil {
		return "failed: " + string(r.Payload)
	}
	return "failed: " + e.Type + ": " + regexp.MustCompile(`^RequestId: \S+ Error: `).ReplaceAllString(e.Message, "")
}

// TestSecondOpinion has a function do everything that may happen to it. After each of
// these it has to answer again.
func TestSecondOpinion(t *testing.T) {
	t.Parallel()
	const most = 6 << 20
	empty := len(order(t, "count", "", 0))
	for name, c := range map[string]struct {
		env     string
		timeout time.Duration
		payload []byte
		want    string
		// theirs is the outcome under the emulator if it is not what AWS documents.
		theirs string
		// never means that the function does not answer afterwards either.
		never bool
	}{
		"answers":   {payload: order(t, "", "text", 0), want: "answered with 4 bytes"},
		"fails":     {payload: order(t, "fail", "broken", 0), want: "failed: errorString: broken"},
		"panics":    {payload: order(t, "panic", "broken", 0), want: "failed: string: broken"},
		"exits":     {payload: order(t, "exit", "", 0), want: "failed: Runtime.ExitError: Runtime exited with error: exit status 7"},
		"times out": {payload: order(t, "hang", "", 0), timeout: time.Second, want: "failed: Sandbox.Timedout: Task timed out after 1.00 seconds", theirs: "failed: Task timed out after 1.00 seconds"},
		"answers too much": {payload: order(t, "big", "", most+100),
			want: "failed: Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
		"is asked for much": {payload: order(t, "count", strings.Repeat("x", most-empty), 0), want: "answered with 7 bytes"},
		"is asked for too much": {payload: order(t, "count", strings.Repeat("x", most-empty+1), 0),
			want: "refused: invoke function: RequestTooLargeException: the payload has 6291457 bytes, 6291456 are allowed", theirs: "answered with 7 bytes"},
		"cannot start":             {payload: order(t, "", "", 0), env: "INIT=exit", never: true, want: "failed: Runtime.ExitError: Runtime exited with error: exit status 3", theirs: "failed: "},
		"says why it cannot start": {payload: order(t, "", "", 0), env: "INIT=error", never: true, want: "failed: Config: no bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.timeout == 0 {
				c.timeout = time.Minute
			}
			if c.theirs == "" {
				c.theirs = c.want
			}
			theirs, ours := both(t, c.timeout, c.env)
			for range 2 { // the first starts it
				if got := outcome(t, theirs, c.payload); got != c.theirs {
					t.Errorf("the emulator: %q, not %q", got, c.theirs)
				}
				if got := outcome(t, ours, c.payload); got != c.want {
					t.Errorf("package lambda: %q, not %q", got, c.want)
				}
			}
			if c.never {
				return
			}
			for name, f := range map[string]invoker{"the emulator": theirs, "package lambda": ours} {
				if got := outcome(t, f, order(t, "", "again", 0)); got != "answered with 5 bytes" {
					t.Errorf("%s: afterwards %q", name, got)
				}
			}
		})
	}
}

// TestARestart has the function's process end between two invocations. AWS starts
// a new one for the next invocation; the emulator fails that invocation first.
func TestARestart(t *testing.T) {
	t.Parallel()
	theirs, ours := both(t, time.Minute)
	ask := order(t, "", "text", 0)
	const answer, killed = "answered with 4 bytes", "failed: Runtime.ExitError: Runtime exited with error: signal: killed"
	want := answer
	for range 2 {
		if got := outcome(t, theirs, ask); got != want {
			t.Fatalf("the emulator: %q, not %q", got, want)
		}
		if got := outcome(t, ours, ask); got != answer {
			t.Fatalf("package lambda: %q", got)
		}
		if want == killed {
			break
		}
		process, err := os.FindProcess(theirs.PID())
		if err != nil {
			t.Fatal(err)
		}
		_ = process.Kill() // it is there: it has answered
		ours.Current().Kill()
		want = killed
	}
	if got := outcome(t, theirs, ask); got != answer {
		t.Errorf("the emulator: afterwards %q", got)
	}
}

// TestEnvironment compares what both give to a function.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	theirs, ours := both(t, time.Minute, "MINE=1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_SESSION_TOKEN=c")
	environment := func(f invoker) map[string]string {
		r, err := f.Invoke(t.Context(), order(t, "env", "", 0))
		if err != nil || r.FunctionError != "" {
			t.Fatalf("%s, %v", r.Payload, err)
		}
		var a struct{ Env []string }
		if err := json.Unmarshal(r.Payload, &a); err != nil {
			t.Fatal(err)
		}
		named := map[string]string{}
		for _, e := range a.Env {
			name, value, _ := strings.Cut(e, "=")
			named[name] = value
		}
		return named
	}
	t1, o1 := environment(theirs), environment(ours)
	var missing, more, other []string
	for name, value := range t1 {
		if mine, ok := o1[name]; !ok {
			missing = append(missing, name)
		} else if mine != value {
			other = append(other, name)
		}
	}
	for name := range o1 {
		if _, ok := t1[name]; !ok {
			more = append(more, name)
		}
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		// The emulator's own, and those of the metadata endpoint, which nothing here uses.
		{"given by the emulator alone", missing, []string{"AWS_LAMBDA_FUNCTION_TIMEOUT", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"}},
		// AWS documents all of these.
		{"not given by the emulator", more, []string{"AWS_DEFAULT_REGION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_XRAY_CONTEXT_MISSING", "LAMBDA_TASK_ROOT", "LANG", "_HANDLER"}},
		// Addresses and names of logs differ; the emulator traces only if its caller does.
		{"with another value", other, []string{"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID"}},
	} {
		if slices.Sort(c.got); !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, not %v", c.what, c.got, c.want)
		}
	}
}

func TestStartWithoutATimeout(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), lambda.Options{Binary: binary, Timeout: 1500 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "1.5s") {
		t.Errorf("error %v", err)
	}
}
