package lambda

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// gate is a server that holds requests until it is opened.
type gate struct {
	*httptest.Server
	entered chan struct{}
	open    chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{entered: make(chan struct{}, 10), open: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.entered <- struct{}{}
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// async runs an invocation that waits at the gate.
func async(t *testing.T, f *Function, g *gate) <-chan Result {
	t.Helper()
	payload := []byte(`{"Do":"get","Text":` + strconv.Quote(g.URL) + `}`)
	done := make(chan Result, 1)
	go func() {
		r, err := f.Invoke(context.WithoutCancel(t.Context()), payload)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	return done
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	f, g := start(t, Options{Concurrency: 2}), newGate(t)
	first, second := async(t, f, g), async(t, f, g)
	<-g.entered
	<-g.entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`{}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a third call did not wait: %v", err)
	}
	third := async(t, f, g)
	close(g.open)
	var pids []int
	cold := 0
	for _, done := range []<-chan Result{first, second, third} {
		r := <-done
		var a reply
		if err := json.Unmarshal(r.Payload, &a); err != nil || r.FunctionError != "" {
			t.Fatalf("%s: %v", r.Payload, err)
		}
		pids = append(pids, a.PID)
		if r.ColdStart {
			cold++
		}
	}
	slices.Sort(pids)
	if n := len(slices.Compact(pids)); n != 2 || cold != 2 {
		t.Errorf("%d processes, %d cold starts, want 2 and 2", n, cold)
	}
}

func TestKillCurrentInstance(t *testing.T) {
	t.Parallel()
	f, g := start(t, Options{}), newGate(t)
	done := async(t, f, g)
	<-g.entered
	victim := f.Current()
	victim.Kill()
	r := <-done
	wantFailure(t, r, "Runtime.ExitError", "signal: killed")
	if r.MaxMemory <= 0 {
		t.Error("the memory of the killed process is lost")
	}
	next, a := invoke(t, f, "", "", 0)
	if !next.ColdStart || a.PID == victim.PID() {
		t.Error("no cold start after the kill")
	}
	f.Current().Kill() // while idle
	if next, _ := invoke(t, f, "", "", 0); !next.ColdStart || next.FunctionError != "" {
		t.Errorf("after the kill of an idle process: %+v", next)
	}
}

func TestAFrozenInstanceWakesUpLater(t *testing.T) {
	t.Parallel()
	f, g := start(t, Options{Concurrency: 2}), newGate(t)
	done := async(t, f, g)
	<-g.entered
	frozen := f.Current()
	frozen.Stop()
	close(g.open)
	if _, a := invoke(t, f, "", "meanwhile", 0); a.PID == frozen.PID() || a.Text != "meanwhile" {
		t.Errorf("the second process answered %+v", a)
	}
	select {
	case r := <-done:
		t.Fatalf("the frozen process answered: %s", r.Payload)
	default:
	}
	frozen.Continue()
	if r := <-done; r.FunctionError != "" {
		t.Errorf("after the thaw: %s", r.Payload)
	}
}

func TestATimeoutEndsAFrozenInstance(t *testing.T) {
	t.Parallel()
	f, g := start(t, Options{Timeout: time.Second}), newGate(t)
	done := async(t, f, g)
	<-g.entered
	f.Current().Stop()
	wantFailure(t, <-done, "Sandbox.Timedout", "1.00 seconds")
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	f, g := start(t, Options{Concurrency: 2}), newGate(t)
	_, idle := invoke(t, f, "", "", 0)
	done := async(t, f, g)
	<-g.entered
	busy := f.Current().PID()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, <-done, "Runtime.ExitError", "killed")
	if running(idle.PID) || running(busy) {
		t.Error("a process still runs")
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke after Close: %v", err)
	}
	if f.Current() != nil {
		t.Error("a closed function has a current instance")
	}
}

func running(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}
