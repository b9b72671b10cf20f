// Package lambda runs an unmodified Lambda binary for provided.al2023 as AWS
// Lambda does, behind the documented Runtime API (version 2018-06-01). It
// promises that the binary finds what it uses as in AWS: environment, headers,
// deadline, payload limits, a kill at the time-out, a cold start after a crash,
// several instances at once.
//
// It does not imitate the CPU share, the freezing between invocations, and the
// endpoint that tells a function its availability zone. It announces the memory
// limit and measures the use, but kills no process for it.
//
// Package emulator runs the same binaries under AWS's own runtime emulator. Its
// tests compare both: they agree on answers, errors, panics, exits, an answer that
// is too large, an error of the start that the function reports, and on the new
// process after each of them. They differ where the emulator is not what AWS
// documents:
//   - A request over 6 MB is refused by AWS, and so it is here; the emulator cuts
//     off what exceeds 6,291,556 bytes, and says nothing.
//   - A time-out ends with an error document; the emulator's is a line of text
//     that is no JSON, after the status 200.
//   - The start has ten seconds of its own; the emulator takes them from the
//     time-out of the first invocation.
//   - A function that cannot start fails with Runtime.ExitError; the emulator's
//     answer is empty.
//   - A process that ended between two invocations is replaced for the next one;
//     the emulator fails that one first.
//   - The emulator gives neither region nor handler to the function, begins no
//     trace, always tells the same ARN, and has one instance.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// maxRequest and maxResponse are Lambda's limits for a synchronous payload,
	// in bytes: "6 MB", the answer with 100 bytes to spare.
	maxRequest  = 6 << 20
	maxResponse = 6<<20 + 100
	// initLimit is how long an instance may take to ask for its first invocation.
	initLimit = 10 * time.Second
)

// Options describe a function.
type Options struct {
	// Binary is the path of the bootstrap program.
	Binary string
	// Env is added to what Lambda sets itself, as NAME=value; later entries win.
	// Nothing of this process's own environment is passed on.
	Env []string
	// Timeout is the longest invocation; default 3 s, as Lambda's.
	Timeout time.Duration
	// MemoryMB is the announced memory size; default 128.
	MemoryMB int
	// Concurrency is the most instances at a time; default 1.
	Concurrency int
	// Log receives the output of all instances in whole lines; nil: it is dropped.
	Log io.Writer
	// Name is the function's name; default "function".
	Name string
}

// Function is a deployed function. It is safe for concurrent use.
type Function struct {
	o     Options
	log   *sharedWriter
	slots chan struct{} // one per instance that may be at work

	closing chan struct{}
	working sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	live    []*instance // all running instances
	idle    []*instance // instances without an invocation, most recently used last
	current *instance   // the instance that took the newest invocation
	peak    int64       // peak memory of the instances that have ended, in bytes
}

// ErrClosed is the error of an Invoke after Close.
var ErrClosed = errors.New("the function is closed")

// Start deploys the function; an instance starts with the first Invoke. The
// binary must exist and be executable.
func Start(o Options) (*Function, error) {
	path, err := exec.LookPath(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("find the function's binary: %w", err)
	}
	if o.Binary, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find the function's binary: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 128
	}
	if o.Name == "" {
		o.Name = "function"
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return &Function{
		o:       o,
		log:     &sharedWriter{w: o.Log},
		slots:   make(chan struct{}, max(1, o.Concurrency)),
		closing: make(chan struct{}),
	}, nil
}

// Invoke calls the function and waits for its answer: an idle instance takes
// the payload, else a new one is started, else the call waits for one. The
// error is about the call itself (payload over 6 MB, no instance could be
// started, closed, ctx ended); what goes wrong inside the function is in the
// Result. When ctx ends, the invocation goes on without a listener, as in AWS.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if len(payload) > maxRequest {
		return Result{}, fmt.Errorf("invoke %s: RequestTooLargeException: the payload has %d bytes, %d are allowed", f.o.Name, len(payload), maxRequest)
	}
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke %s: %w", f.o.Name, ctx.Err())
	case <-f.closing:
		return Result{}, fmt.Errorf("invoke %s: %w", f.o.Name, ErrClosed)
	}
	in, cold, err := f.take()
	if err != nil {
		<-f.slots
		return Result{}, fmt.Errorf("invoke %s: %w", f.o.Name, err)
	}
	results := make(chan Result, 1)
	go func() {
		defer f.working.Done()
		defer func() { <-f.slots }()
		f.put(in, in.serve(newInvocation(payload), f.o.Timeout, cold, results))
	}()
	select {
	case r := <-results:
		return r, nil
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke %s: %w", f.o.Name, ctx.Err())
	}
}

// take returns an instance to work with, and whether it was started for this. It
// counts the invocation in f.working.
func (f *Function) take() (in *instance, cold bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, ErrClosed
	}
	for len(f.idle) > 0 && in == nil {
		last := len(f.idle) - 1
		if in, f.idle = f.idle[last], f.idle[:last]; in.dead() {
			f.bury(in)
			in = nil
		}
	}
	if in == nil {
		if in, err = startInstance(f.o, f.log); err != nil {
			return nil, false, err
		}
		cold = true
		f.live = append(f.live, in)
	}
	f.current = in
	f.working.Add(1)
	return in, cold, nil
}

// put takes an instance back after an invocation.
func (f *Function) put(in *instance, reusable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reusable && !f.closed {
		f.idle = append(f.idle, in)
		return
	}
	f.bury(in)
}

// bury ends an instance and keeps its peak memory. f.mu is held.
func (f *Function) bury(in *instance) {
	in.end()
	f.peak = max(f.peak, in.peakMemory())
	f.live = slices.DeleteFunc(f.live, func(o *instance) bool { return o == in })
	if f.current == in {
		f.current = nil
	}
}

// MaxMemory returns the most resident memory that one instance has used so far, in
// bytes; 0 if the system is not Linux.
func (f *Function) MaxMemory() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	peak := f.peak
	for _, in := range f.live {
		peak = max(peak, in.peakMemory())
	}
	return peak
}

// Current returns the instance that took the newest invocation, at work or idle;
// nil if it has ended.
func (f *Function) Current() *Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || f.current.dead() {
		return nil
	}
	return &Instance{f.current}
}

// Close kills all instances and returns when they are gone. Invocations under
// way end as crashed. It never fails; the error is there for io.Closer.
func (f *Function) Close() error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.closing)
	}
	for _, in := range f.live {
		in.end()
	}
	f.mu.Unlock()
	f.working.Wait()

	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.idle) > 0 {
		f.bury(f.idle[0])
		f.idle = f.idle[1:]
	}
	return nil
}
