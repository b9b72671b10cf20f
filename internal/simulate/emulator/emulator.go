// Package emulator runs an unmodified Lambda binary under AWS's own runtime
// interface emulator, as a second opinion on package lambda. It promises that
// nothing stands between the emulator and the binary, so that every difference
// comes from the emulator. The package comment of lambda lists the differences.
package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"runecast-ingest/internal/simulate/child"
	"runecast-ingest/internal/simulate/lambda"
)

const (
	// startLimit is how long the emulator may take to listen at an address.
	startLimit = 10 * time.Second
	// pollEvery is the time between two tries to connect to a starting emulator.
	pollEvery = 5 * time.Millisecond
	// portTries is how many pairs of free ports are tried: another program may take a
	// port before the emulator opens it.
	portTries = 3
	// invocations is the only path that the emulator knows.
	invocations = "/2015-03-31/functions/function/invocations"
)

// Function is a function with one instance. It is safe for concurrent use: it makes
// invocations one after the other, since the emulator refuses a second one.
type Function struct {
	proc *child.Process
	url  string
	mu   sync.Mutex
}

// Start starts the emulator, out/bin/aws-lambda-rie of the module, with the binary
// of a function. It obeys the options Binary, Name, Env, Timeout (at least 1 s, whole
// seconds), MemoryMB and Log; without a Log the output is dropped. The others have no
// defaults. The binary starts with the first Invoke.
func Start(ctx context.Context, o lambda.Options) (*Function, error) {
	if o.Timeout%time.Second != 0 || o.Timeout == 0 {
		return nil, fmt.Errorf("start the emulator: a time-out of %s is not a number of seconds", o.Timeout)
	}
	program, err := find()
	if err != nil {
		return nil, err
	}
	var f *Function
	for range portTries {
		if f, err = start(ctx, program, o); err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return f, err
}

func start(ctx context.Context, program string, o lambda.Options) (*Function, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	invokeAddress, runtimeAPI := addresses[0], addresses[1]
	cmd := exec.Command(program, "--log-level", "warn", "--runtime-interface-emulator-address", invokeAddress, "--runtime-api-address", runtimeAPI, o.Binary)
	cmd.Dir = filepath.Dir(o.Binary)
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "TZ=:UTC", "AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_LAMBDA_FUNCTION_NAME=" + o.Name,
		"AWS_LAMBDA_FUNCTION_TIMEOUT=" + strconv.Itoa(int(o.Timeout/time.Second)),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(o.MemoryMB),
	}, o.Env...)
	if o.Log == nil {
		o.Log = io.Discard
	}
	said := new(output)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(said, o.Log), io.MultiWriter(said, o.Log)
	proc, err := child.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	f := &Function{proc: proc, url: "http://" + invokeAddress + invocations}
	for _, address := range addresses {
		if err := f.await(ctx, address); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("start the emulator: %w; it said: %s", err, said)
		}
	}
	return f, nil
}

// await returns when the emulator listens at an address. It connects only: the
// emulator has no health check, and takes every request for an invocation. Start
// awaits both addresses, because an invocation that comes before the emulator listens
// at the second one would start a binary that finds no Runtime API.
func (f *Function) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-f.proc.Exited():
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w", ctx.Err())
		}
	}
}

// Invoke calls the function and waits for its answer. The emulator reports a
// failure by the answer's text alone. So Invoke takes an answer that looks like an
// error document, or is not JSON, for a failure.
func (f *Function) Invoke(ctx context.Context, payload []byte) (lambda.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(payload))
	if err != nil {
		return lambda.Result{}, fmt.Errorf("invoke: %w", err)
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return lambda.Result{}, fmt.Errorf("invoke: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return lambda.Result{}, fmt.Errorf("invoke: %w", err)
	}
	r := lambda.Result{Payload: body, Duration: time.Since(began)}
	var e struct {
		Type *string `json:"errorType"`
	}
	if resp.StatusCode != http.StatusOK || !json.Valid(body) || json.Unmarshal(body, &e) == nil && e.Type != nil {
		r.FunctionError = "Unhandled"
	}
	return r, nil
}

// PID returns the process id of the function; 0 if there is none at the moment, or
// the system is not Linux.
func (f *Function) PID() int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", f.proc.PID()))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended
		}
		for _, child := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(child); err == nil {
				return pid
			}
		}
	}
	return 0
}

// Close kills the emulator and returns when it is gone. The function's process
// ends by itself when it asks for its next invocation. It never fails.
func (f *Function) Close() error {
	f.proc.Kill()
	return nil
}

// freeAddresses returns n different loopback addresses at which nobody listens.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses, nil
}

// find returns the path of the emulator, in the module of the working directory.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the emulator: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the emulator: no go.mod above the working folder")
		}
	}
	path := filepath.Join(dir, "out", "bin", "aws-lambda-rie")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find the emulator: %w; `make tools` builds it", err)
	}
	return path, nil
}

// output keeps the beginning of what the emulator wrote, about 64 KiB.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.b.Len() < 1<<16 {
		o.b.Write(p)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
