package lambda

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"runecast-ingest/internal/simulate/child"
)

// instance is one process of the function with a Runtime API of its own, so
// that a call can only come from this process.
type instance struct {
	proc   *child.Process
	server *http.Server
	out    *lineWriter
	arn    string

	polls   chan struct{}    // the process asks for work
	work    chan *invocation // answers that poll
	reports chan report      // what the process says about itself or an invocation

	mu      sync.Mutex
	current *invocation // taken and not yet answered

	peak atomic.Int64 // the last reading of the process's peak memory, in bytes
}

// startInstance starts the process. It returns at once; the process is ready
// when it polls.
func startInstance(o Options, log *sharedWriter) (*instance, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the Runtime API: %w", err)
	}
	in := &instance{
		out:     &lineWriter{to: log},
		polls:   make(chan struct{}),
		work:    make(chan *invocation),
		reports: make(chan report, 1),
	}
	env := environment(o, ln.Addr().String())
	in.arn = "arn:aws:lambda:" + lookup(env, "AWS_REGION") + ":123456789012:function:" + o.Name
	in.server = &http.Server{Handler: in.api(), ReadHeaderTimeout: time.Minute}
	cmd := exec.Command(o.Binary)
	cmd.Env, cmd.Dir = env, filepath.Dir(o.Binary)
	cmd.Stdout, cmd.Stderr = in.out, in.out
	if in.proc, err = child.Start(cmd); err != nil {
		_ = ln.Close()
		return nil, err
	}
	go func() { _ = in.server.Serve(ln) }() // ends with server.Close
	return in, nil
}

// serve runs one invocation and sends its result. It returns true when the process
// polls again, and false when the process has ended or has to be ended.
func (in *instance) serve(inv *invocation, timeout time.Duration, cold bool, results chan<- Result) (reusable bool) {
	r := Result{ColdStart: cold}
	begin := time.Now()
	if cold {
		if rep := in.await(in.polls, time.After(initLimit), initLimit, inv); rep != nil {
			r.Init = time.Since(begin)
			results <- in.finish(r, *rep)
			return false
		}
		r.Init = time.Since(begin)
		begin = time.Now()
	}
	inv.deadline = begin.Add(timeout)
	expired := time.After(timeout)
	select {
	case in.work <- inv:
	case <-in.proc.Exited():
		results <- in.finish(r, in.exitReport(inv))
		return false
	}
	answered := make(chan struct{}) // never closed: an answer comes as a report
	rep := in.await(answered, expired, timeout, inv)
	r.Duration = time.Since(begin)
	results <- in.finish(r, *rep)
	if rep.over {
		return false
	}
	return in.await(in.polls, expired, timeout, inv) == nil
}

// await returns nil when the event comes. If a report of the process, its end or the
// end of the time comes first, it returns a report of that.
func (in *instance) await(event <-chan struct{}, expired <-chan time.Time, limit time.Duration, inv *invocation) *report {
	var rep report
	select {
	case <-event:
		return nil
	case rep = <-in.reports:
	case <-in.proc.Exited():
		select {
		case rep = <-in.reports: // it said why before it ended
		default:
			rep = in.exitReport(inv)
		}
	case <-expired:
		rep = timeoutReport(inv, limit)
		in.end()
	}
	return &rep
}

func (in *instance) finish(r Result, rep report) Result {
	r.Payload, r.MaxMemory = rep.payload, in.peakMemory()
	if rep.failed {
		r.FunctionError = "Unhandled"
	}
	return r
}

func (in *instance) exitReport(inv *invocation) report {
	why := "Runtime exited without providing a reason"
	if err := in.proc.Err(); err != nil {
		why = "Runtime exited with error: " + err.Error()
	}
	return failure(inv, "Runtime.ExitError", why)
}

// peakMemory reads the process's peak memory, or returns the last reading when the
// process is gone.
func (in *instance) peakMemory() int64 {
	now := in.proc.PeakMemory()
	for {
		last := in.peak.Load()
		if now <= last || in.peak.CompareAndSwap(last, now) {
			return max(now, last)
		}
	}
}

func (in *instance) dead() bool {
	select {
	case <-in.proc.Exited():
		return true
	default:
		return false
	}
}

// end kills the process if it still runs and closes its Runtime API.
func (in *instance) end() {
	in.peakMemory()
	in.proc.Kill()
	_ = in.server.Close() // only listeners could fail to close, and the port is gone either way
	in.out.flush()
}

// Instance is a handle on one process of a function, for tests of what a crash
// or a freeze does. It stays valid when the process has ended.
type Instance struct{ in *instance }

// PID returns the process id.
func (i *Instance) PID() int { return i.in.proc.PID() }

// CPUTime returns the processor time that the process has used so far, in user and
// kernel mode; 0 if it has ended or the system is not Linux.
func (i *Instance) CPUTime() time.Duration { return i.in.proc.CPUTime() }

// Kill ends the process with SIGKILL and returns when it is gone: the
// invocation under way fails, the next one is a cold start.
func (i *Instance) Kill() {
	i.in.peakMemory()
	i.in.proc.Kill()
}

// Stop freezes the process (SIGSTOP), and returns when it is stopped. The time-out
// of its invocation runs on.
func (i *Instance) Stop() { i.in.proc.Stop() }

// Continue thaws a frozen process (SIGCONT).
func (i *Instance) Continue() { i.in.proc.Continue() }
