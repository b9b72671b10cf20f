package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/emulator"
	"runecast-ingest/internal/simulate/receiver"
)

// Under AWS's own runtime emulator, both deployed binaries start, and answer every
// payload file as they do under the simulated runtime.
func TestEveryPayloadFileUnderTheEmulator(t *testing.T) {
	t.Parallel()
	sendEveryPayloadFile(t, newRigOf(t, true))
}

// The emulator delivers a batch of a queue of the greatest size. If Dynatrace does
// not answer, the forwarder stops in an orderly way before its time is over. The
// emulator ends a forwarder that does not stop; the next invocation has a new
// process.
func TestBatchTimeoutAndRestartUnderTheEmulator(t *testing.T) {
	t.Parallel()
	r := newRigOf(t, true)
	if out, failed := r.shell(r.environment(), "runecast-ingest first-run"); failed {
		t.Fatal(out)
	}
	const older = "raw/v1/dt=2026-11-22/run=" + newestRun + "/vc1.example-2ebce7c4.json.gz"
	r.putSample()
	r.settle()
	expect := func(what, payload, want string) {
		t.Helper()
		if got := r.answers([]byte(payload)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", what, got)
		}
	}
	expect("a batch of 6 MB", string(largeBatch(t, older)), `{"batchItemFailures":[]}`)

	r.timeout = 4 * time.Second
	r.deploy(forwarder)
	const status, systems = `{"action":"status"}`, `"systems"`
	release := r.stalls()
	expect("no answer", fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, older), `"pending":1`)
	release()
	expect("after no answer", `{"action":"sweep"}`, `"complete":1`)

	r.mu.Lock()
	f := r.functions[forwarder].(*emulator.Function)
	r.mu.Unlock()
	tell := func(signal os.Signal) {
		t.Helper()
		process, err := os.FindProcess(f.PID())
		if err == nil {
			err = process.Signal(signal)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tell(syscall.SIGSTOP)
	expect("a time-out", status, "Task timed out after 4.00 seconds")
	expect("after a time-out", status, systems)
	tell(syscall.SIGKILL)
	expect("the process has ended", status, "signal: killed")
	expect("after a restart", status, systems)
}

// stalls makes Dynatrace give no answer until the returned function is called.
func (r *rig) stalls() (release func()) {
	stall := make(chan struct{})
	set := func(to chan struct{}) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stall = to
	}
	set(stall)
	return func() { set(nil); close(stall) }
}

// answers invokes the forwarder and returns its answer.
func (r *rig) answers(payload []byte) string {
	r.Helper()
	res, err := r.invoke(r.Context(), forwarder, payload)
	if err != nil {
		r.Fatal(err)
	}
	return string(res.Payload)
}

// stalled waits while Dynatrace gives no answer, and reports whether there was such
// a time.
func (r *rig) stalled(req *http.Request) bool {
	r.mu.Lock()
	stall := r.stall
	r.mu.Unlock()
	if stall == nil || req.URL.Path != receiver.Path {
		return false
	}
	select {
	case <-stall:
	case <-req.Context().Done():
	}
	return true
}

// largeBatch returns a batch of S3's events from a queue, of 6 MB in all.
func largeBatch(t *testing.T, key string) []byte {
	t.Helper()
	const most, messages = 6 << 20, 10
	event := fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, bucketName, key)
	batch := func(padding int) []byte {
		var records []any
		for i := range messages {
			records = append(records, map[string]any{
				"messageId": fmt.Sprint(i), "eventSource": "aws:sqs", "body": strings.TrimSuffix(event, "}") + `,"x":"` + strings.Repeat("x", padding) + `"}`,
			})
		}
		text, err := json.Marshal(map[string]any{"Records": records})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	text := batch((most - len(batch(0))) / messages)
	if len(text) > most || len(text) < most-messages {
		t.Fatalf("the batch has %d bytes", len(text))
	}
	return text
}
