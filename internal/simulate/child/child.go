// Package child runs other programs as parts of this one. It promises that a
// program started here does not outlive this process, even one that is killed
// (on Linux), and that nothing but its owner stops it: a Ctrl-C in the terminal
// reaches this process alone, which then closes its children in order.
package child

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// drainTime is how long a dead program's output is still read: a grandchild
// may hold the pipe open.
const drainTime = time.Second

// Process is a running or ended program. Its methods are safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; valid once exited is closed
}

// Start runs the command. The caller sets path, arguments, environment and
// output; the process attributes are set here.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = drainTime
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel kills the child when the *thread* that started it ends, so
		// this thread has to live exactly as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited returns a channel that is closed once the program has ended and its output
// was read.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err returns how the program ended, nil for status 0. Call it only after Exited is
// closed.
func (p *Process) Err() error { return p.err }

// Signal sends a signal. A program that has ended is not an error.
func (p *Process) Signal(s os.Signal) {
	_ = p.cmd.Process.Signal(s) // its only failure is a process that is gone
}

// Stop freezes the program (SIGSTOP) and returns when it is stopped.
func (p *Process) Stop() {
	p.Signal(syscall.SIGSTOP)
	awaitStop(p.PID())
}

// Continue thaws a frozen program (SIGCONT).
func (p *Process) Continue() { p.Signal(syscall.SIGCONT) }

// Kill ends the program at once (SIGKILL) and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(os.Kill)
	<-p.exited
}

// PeakMemory returns the most resident memory that the program has used so far, in
// bytes: VmHWM of /proc/<pid>/status. It is 0 if the program has ended or the system
// is not Linux, where that file does not exist. The rusage of an ended child
// is no substitute: on Linux it begins with the size of the parent that forked it.
func (p *Process) PeakMemory() int64 {
	select {
	case <-p.exited:
		return 0 // the id may be somebody else's by now
	default:
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB\n"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// CPUTime returns the processor time that the program has used so far, in user and
// kernel mode: fields 14 and 15 of /proc/<pid>/stat, in hundredths of a second. It
// is 0 if the program has ended or the system is not Linux.
func (p *Process) CPUTime() time.Duration {
	select {
	case <-p.exited:
		return 0
	default:
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/stat")
	if err != nil {
		return 0
	}
	behindName := stat[bytes.LastIndexByte(stat, ')')+1:] // the program's name may hold spaces and brackets
	fields := bytes.Fields(behindName)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
