package collect

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
)

const nightly = `{"action":"start","scheduledTime":"2026-11-22T02:00:00Z"}`

// due is the time of the start event of the schedule.
var due = time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)

// TestEveryAccident lets each single call to the outside end in each way an
// accident can end it, then repeats the start event and ticks, as Lambda and
// the schedule do. Whatever happened, every system ends archived exactly once,
// whole, after its catalogue, in one run, and at most one system is triggered
// once more.
func TestEveryAccident(t *testing.T) {
	t.Parallel()
	calls := 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.must(t, nightly)
		w.ticks(t, 1)
		checkArchived(t, w)
		calls = w.calls
	})
	if calls < 20 {
		t.Fatalf("only %d calls: the scenario is too small", calls)
	}
	for _, kind := range accidents() {
		for at := 1; at <= calls; at++ {
			t.Run(fmt.Sprintf("%s/%d", kind, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld("a", "b", "c")
					w.at, w.accident = at, kind
					a, err := w.handle(t, nightly)
					if kind == met && w.hit == write && (err != nil || a.State != archive.RunDone) {
						t.Errorf("after two writes met: %+v, %v; want them settled at once", a, err)
					}
					pass(time.Minute)
					_, _ = w.handle(t, nightly)
					w.ticks(t, 20)
					checkArchived(t, w)
				})
			})
		}
	}
}

func checkArchived(t *testing.T, w *world) {
	t.Helper()
	posts := 0
	raw := w.store.raw()
	if len(raw) != len(w.box.machines) {
		t.Errorf("%d raw objects for %d systems", len(raw), len(w.box.machines))
	}
	var runs []string
	named := map[string]bool{} // catalogues seen so far
	for _, key := range w.store.order {
		switch {
		case strings.HasPrefix(key, "catalog/"):
			named[key] = true
		case strings.HasPrefix(key, "runs/") && key != archive.ActiveRunKey:
			runs = append(runs, key)
		case strings.HasPrefix(key, "raw/"):
			if _, rest, ok := strings.Cut(raw[key], `"catalog":"`); ok {
				if c, _, _ := strings.Cut(rest, `"`); c != "" && !named[c] {
					t.Errorf("%s names the catalogue %s, which was written later", key, c)
				}
			}
		}
	}
	if len(runs) != 1 {
		t.Fatalf("runs %v, want one", runs)
	}
	r := w.store.run(t, runs[0])
	if r.State != archive.RunDone || r.Lease != nil || r.Last != nil {
		t.Errorf("the run ended as %q with lease %v and %v", r.State, r.Lease, r.Last)
	}
	for _, s := range r.Systems {
		m := w.machine(s.ID)
		posts += m.posts
		body := raw[s.RawKey]
		if s.State != archive.SystemArchived || w.store.puts[s.RawKey] != 1 || s.Bytes != int64(len(body)) || s.SHA256 != describe("", body).SHA256 {
			t.Errorf("%s: state %q (%s), %d uploads, %d of %d bytes, hash %s", s.ID, s.State, s.Reason, w.store.puts[s.RawKey], s.Bytes, len(body), s.SHA256)
		}
		served := strings.TrimSpace(w.box.element(m))
		if r.Appliance.API == runecast.V2 {
			served = w.box.latest(m)
		}
		if want := `,"result":` + served + `}`; !strings.HasSuffix(body, want) {
			t.Errorf("%s: the object does not end with the appliance's bytes:\n%s\nwant %s", s.ID, body, want)
		}
	}
	if posts > len(w.box.machines)+1 {
		t.Errorf("%d triggers for %d systems", posts, len(w.box.machines))
	}
	if active := w.store.run(t, archive.ActiveRunKey); active.State != archive.RunIdle || active.Lease != nil {
		t.Errorf("the active document is left as %q with lease %v", active.State, active.Lease)
	}
}

// TestCancelSurvives: once a run is stored as cancelled, no invocation goes on with it.
func TestCancelSurvives(t *testing.T) {
	t.Parallel()
	for _, kind := range accidents() {
		for at := 1; at <= 4; at++ { // load, end, keep, idle
			t.Run(fmt.Sprintf("%s/%d", kind, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld("a", "b")
					w.machine("b").takes = time.Hour
					run := w.must(t, nightly).Run
					w.at, w.accident = w.calls+at, kind
					_, _ = w.handle(t, `{"action":"cancel"}`)
					pass(time.Minute)
					w.must(t, `{"action":"cancel"}`)
					w.ticks(t, 20)
					r := w.store.run(t, archive.RunKey(run))
					if r.State != archive.RunCancelled || answer(&r, "").Archived != len(w.store.raw()) {
						t.Errorf("kept as %s with %d archived, but %d objects are there", r.State, answer(&r, "").Archived, len(w.store.raw()))
					}
				})
			})
		}
	}
}

// TestThreeHours: one system takes longer than many invocations.
func TestThreeHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		w.machine("b").takes = 3 * time.Hour
		begin := time.Now()
		a := w.must(t, nightly)
		if a.State != archive.RunRunning || a.Archived != 1 {
			t.Fatalf("after the first invocation: %+v", a)
		}
		if took := time.Since(begin); took > 14*time.Minute {
			t.Errorf("the invocation left its reserve untouched for only %s", 15*time.Minute-took)
		}
		w.ticks(t, 20)
		checkArchived(t, w)
		if w.box.gets != 2 {
			t.Errorf("%d downloads, want one per system that finished", w.box.gets)
		}
	})
}

// TestFrozenInvocation: an invocation that was frozen past its lease wakes up while
// another one owns the run, and must not write.
func TestFrozenInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		frozen := make(chan struct{})
		w.box.hold = func() {
			w.box.hold = nil
			<-frozen
		}
		first := make(chan payload.RunAnswer)
		go func() {
			a, err := runAnswer(New(w.options).Handle(t.Context(), []byte(nightly)))
			if err != nil {
				t.Error(err)
			}
			first <- a
		}()
		synctest.Wait()
		if a := w.must(t, `{"action":"tick"}`); !strings.Contains(a.Next, "another invocation") {
			t.Errorf("a tick under a live lease: %+v", a)
		}
		pass(unbounded + leaseMargin)
		w.ticks(t, 5)
		close(frozen)
		if a := <-first; a.State != archive.RunRunning || !strings.Contains(a.Next, "another invocation") {
			t.Errorf("the frozen invocation answered %+v", a)
		}
		checkArchived(t, w)
	})
}
