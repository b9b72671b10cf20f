package collect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
)

func TestRunArchivesEverySystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		a := w.must(t, nightly)
		raw := w.store.raw()
		var size int64
		for _, body := range raw {
			size += int64(len(body))
		}
		id := a.Run
		want := payload.RunAnswer{Run: id, State: "done", RunCounts: payload.RunCounts{Systems: 2, Archived: 2, Bytes: size}, Failures: []payload.RunFailure{},
			Next: "nothing to do: the forwarder delivers what was archived; see raw/v1/dt=2026-11-22/run=" + id + "/"}
		if d := cmp.Diff(want, a, cmpopts.IgnoreFields(payload.RunAnswer{}, "Notice")); d != "" {
			t.Error(d)
		}
		if !strings.HasPrefix(id, "20261122T020000Z-") || len(id) != len("20261122T020000Z-4f3a") {
			t.Errorf("run id %q", id)
		}
		head := `{"schema":"runecast-raw/1","run":{"id":"` + id + `","trigger":"schedule","mode":"analyze","startedAt":"2026-11-22T02:00:00Z"},` +
			`"appliance":{"url":"https://rc.example","api":"v1","instanceUuid":"instance","version":"6.9.12.0","definitions":"6.9.12.1"},` +
			`"system":{"id":"a","name":"a.example","type":"VCENTER"},"scan":{"status":"FINISHED_SUCCESSFULLY","completedAt":"2026-11-22T02:01:00Z"},` +
			`"catalog":"catalog/13.json.gz","result":{ "uid":"a",`
		if body := raw[archive.RawKey(due, id, "a", "a.example")]; !strings.HasPrefix(body, head) {
			t.Errorf("raw object %s\nwant %s", body, head)
		}
		checkArchived(t, w)
	})
}

func TestSecondStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.machine("a").takes = 10 * time.Hour
		first := w.must(t, nightly)
		again := w.must(t, nightly)
		if again.Run != first.Run || w.machine("a").posts != 1 {
			t.Errorf("the same event again: %+v with %d triggers, want the same run", again, w.machine("a").posts)
		}
		other := w.must(t, `{}`)
		if other.Run != first.Run || !strings.Contains(other.Next, "not started") {
			t.Errorf("another start meanwhile: %+v, want it skipped", other)
		}
		pass(5 * time.Hour)
		w.machine("a").takes, w.machine("a").due = time.Minute, time.Time{}
		late := w.must(t, `{}`)
		if late.Run == first.Run || late.State != "done" || late.Archived != 1 {
			t.Errorf("a start after SCAN_TIMEOUT: %+v, want a new run", late)
		}
		old := w.store.run(t, archive.RunKey(first.Run))
		if old.State != archive.RunFailed || old.Systems[0].State != archive.SystemTimedOut || !strings.Contains(old.Systems[0].Reason, "SCAN_TIMEOUT (5h0m0s)") {
			t.Errorf("the old run was closed as %+v", old)
		}
		if now := w.store.run(t, archive.ActiveRunKey); !now.StartedAt.After(old.StartedAt) {
			t.Errorf("started at %s after %s", now.StartedAt, old.StartedAt)
		}
		if done := w.must(t, nightly); done.Run != first.Run || done.TimedOut != 1 || len(w.store.raw()) != 1 {
			t.Errorf("the event of a finished run: %+v, want its outcome and no new run", done)
		}
	})
}

func TestOverlappingStartsAreOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		answers := make(chan payload.RunAnswer)
		for range 3 {
			go func() {
				a, err := runAnswer(New(w.options).Handle(t.Context(), []byte(nightly)))
				if err != nil {
					t.Error(err)
				}
				answers <- a
			}()
		}
		runs := map[string]int{}
		for range 3 {
			runs[(<-answers).Run]++
		}
		if len(runs) != 1 {
			t.Errorf("runs %v, want one", runs)
		}
		checkArchived(t, w)
	})
}

func TestStartedAtNeverGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		skew := time.Hour
		w.options.Now = func() time.Time { return time.Now().Add(skew) }
		w.must(t, `{}`)
		before := w.store.run(t, archive.ActiveRunKey).StartedAt
		skew = 0
		w.must(t, `{}`)
		if after := w.store.run(t, archive.ActiveRunKey).StartedAt; !after.Equal(before.Add(time.Millisecond)) {
			t.Errorf("started at %s after %s", after, before)
		}
	})
}

// TestOutcomes: how one odd system ends in a run with a healthy one.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	forbidden := &fault.Error{Class: fault.Auth, What: "may not start an analysis (403)"}
	busy := &fault.Error{Class: fault.Retry, What: "failed on the appliance (500)"}
	cases := map[string]struct {
		odd    func(*world, *machine)
		state  string
		says   string
		posts  int
		ticked bool // takes more than one invocation
	}{
		"healthy":                  {func(*world, *machine) {}, archive.SystemArchived, "", 1, false},
		"never analysed before":    {func(_ *world, m *machine) { m.scan = runecast.Scan{} }, archive.SystemArchived, "", 1, false},
		"trigger forbidden":        {func(_ *world, m *machine) { m.refuses = forbidden }, archive.SystemFailed, "403", 1, false},
		"trigger fails for ever":   {func(_ *world, m *machine) { m.refuses = busy }, archive.SystemFailed, "500", patience, false},
		"analysis fails":           {func(_ *world, m *machine) { m.ends = "FAILED" }, archive.SystemFailed, `"FAILED"`, 1, false},
		"analysis never ends":      {func(_ *world, m *machine) { m.takes = 100 * time.Hour }, archive.SystemTimedOut, "still shows the analysis of before", 1, true},
		"running status for ever":  {func(_ *world, m *machine) { m.ends = "RUNNING" }, archive.SystemTimedOut, `"RUNNING"`, 1, true},
		"removed during the run":   {func(w *world, m *machine) { w.box.beforeGet = func() { m.gone = true }; m.takes = time.Hour }, archive.SystemFailed, "lists it no more", 1, false},
		"no results":               {func(_ *world, m *machine) { m.issues = `[]` }, archive.SystemFailed, "no rule at all", 1, false},
		"null results":             {func(_ *world, m *machine) { m.issues = `null` }, archive.SystemFailed, "no rule at all", 1, false},
		"nothing but unlicensed":   {func(_ *world, m *machine) { m.issues = `[{"type":"CIS","status":"UNLICENSED"}]` }, archive.SystemFailed, "licence", 1, false},
		"no security profile":      {func(_ *world, m *machine) { m.issues = `[{"type":"KB","status":"FAIL"}]` }, archive.SystemArchived, "no rule of a security profile", 1, false},
		"statuses not known":       {func(_ *world, m *machine) { m.issues = `[{"id":1,"type":"CIS","status":"PASSED"}]` }, archive.SystemArchived, `"PASSED"`, 1, false},
		"appliance a day behind":   {func(_ *world, m *machine) { m.scan.Timestamp = time.Now().Add(day).UTC().Format(time.RFC3339) }, archive.SystemArchived, "", 1, false},
		"element of another scan":  {moved, archive.SystemArchived, "", 1, false},
		"appliance starts up":      {startsUp, archive.SystemArchived, "", 1, false},
		"two uploads met":          {func(w *world, _ *machine) { w.store.raced = 2 }, archive.SystemArchived, "", 1, false},
		"malformed results":        {func(_ *world, m *machine) { m.issues = `[{]` }, archive.SystemFailed, "not valid JSON", 1, false},
		"download cut once":        {cutOnce, archive.SystemArchived, "", 1, false},
		"answer of trigger is 409": {func(_ *world, m *machine) { m.due = time.Now().Add(3 * time.Minute) }, archive.SystemArchived, "", 1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("healthy", "odd")
				odd := w.machine("odd")
				c.odd(w, odd)
				a, err := w.handle(t, nightly)
				if err != nil {
					t.Fatal(err)
				}
				if ticked := a.State == archive.RunRunning; ticked != c.ticked {
					t.Fatalf("after the first invocation: %+v", a)
				}
				w.ticks(t, 100)
				r := w.store.run(t, archive.RunKey(a.Run))
				if healthy := r.Systems[0]; healthy.State != archive.SystemArchived {
					t.Errorf("the healthy system: %+v", healthy)
				}
				got := r.Systems[1]
				if got.State != c.state || !strings.Contains(got.Reason, c.says) || c.says == "" && got.Reason != "" || odd.posts != c.posts {
					t.Errorf("%s (%s) after %d triggers, want %s (%s) after %d", got.State, got.Reason, odd.posts, c.state, c.says, c.posts)
				}
				raw := w.store.raw()
				if want := 1 + map[bool]int{true: 1}[c.state == archive.SystemArchived]; len(raw) != want {
					t.Errorf("%d raw objects, want %d", len(raw), want)
				}
				if at := `"completedAt":"` + odd.scan.Timestamp + `"`; got.RawKey != "" && !strings.Contains(raw[got.RawKey], at) {
					t.Errorf("the envelope is of another scan than the result:\n%s", raw[got.RawKey])
				}
			})
		})
	}
}

// startsUp: for a while the appliance lists no system at all.
func startsUp(w *world, _ *machine) {
	polls := 0
	w.box.hold = func() {
		polls++
		for _, m := range w.box.machines {
			m.gone = polls == 2 || polls == 3
		}
	}
}

// moved: the appliance finishes one more analysis between poll and download.
func moved(w *world, m *machine) {
	n := 0
	w.box.beforeGet = func() {
		if n++; n <= 2 && m.scan.Timestamp != before {
			m.scan.Timestamp = fmt.Sprint("moved ", n)
		}
	}
}

// cutOnce: the first download of the odd system breaks in the middle of it.
func cutOnce(w *world, m *machine) {
	w.box.beforeGet = func() {
		w.box.cut = 0
		if m.scan.Timestamp != before {
			w.box.cut, w.box.beforeGet = 150, func() { w.box.cut = 0 }
		}
	}
}

func TestAppliancesTrouble(t *testing.T) {
	t.Parallel()
	html := &fault.Error{Class: fault.Config, What: "the answer is an HTML page"}
	auth := &fault.Error{Class: fault.Auth, What: "the token was refused (401)"}
	down := &fault.Error{Class: fault.Retry, What: "it refused the connection"}
	cases := map[string]struct {
		method string
		err    error
		starts bool // a run is there afterwards
		polls  int
	}{
		"bad token":               {"Systems", auth, false, 0},
		"HTML":                    {"Systems", html, false, 0},
		"down at the start":       {"Systems", down, false, 0},
		"no secret":               {"connect", auth, false, 0},
		"bad token later":         {"Statuses", auth, true, 1},
		"HTML later":              {"Statuses", html, true, 1},
		"down later":              {"Statuses", down, true, patience},
		"HTML instead of results": {"Results", html, true, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("a")
				w.box.failures[c.method] = c.err
				if c.method == "connect" {
					w.connect = c.err
				}
				if _, err := w.handle(t, nightly); !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if len(w.store.raw()) > 0 {
					t.Errorf("archived %v", w.store.raw())
				}
				_, active := w.store.objects[archive.ActiveRunKey]
				if active != c.starts {
					t.Fatalf("a run document exists: %v, want %v", active, c.starts)
				}
				delete(w.box.failures, c.method)
				w.connect = nil
				if !c.starts {
					w.must(t, nightly)
				}
				w.ticks(t, 3)
				checkArchived(t, w)
			})
		})
	}
}

// From a download that is always cut only the systems are archived that were whole; the
// invocation says why it gave up.
func TestDownloadAlwaysCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		w.machine("b").takes = w.machine("a").takes
		w.box.cut = 200
		_, err := w.handle(t, nightly)
		if err == nil || !strings.Contains(err.Error(), "cut after 200 bytes") || fault.ClassOf(err) != fault.Retry {
			t.Errorf("error %v, want the cut", err)
		}
		if len(w.store.raw()) != 1 {
			t.Errorf("%d raw objects, want the whole one only", len(w.store.raw()))
		}
		w.box.cut = 0
		w.ticks(t, 3)
		checkArchived(t, w)
	})
}

func TestNoCatalogueIsNoTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.box.failures["Issues"] = &fault.Error{Class: fault.Retry, What: "GET issues failed (500)"}
		if a := w.must(t, nightly); a.Archived != 1 {
			t.Errorf("%+v", a)
		}
		for _, body := range w.store.raw() {
			if !strings.Contains(body, `"catalog":"",`) {
				t.Errorf("raw object %s", body)
			}
		}
	})
}

func TestModeLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "new", "failed", "busy")
		w.machine("new").scan = runecast.Scan{}
		w.machine("failed").scan.Status = "ERROR"
		busy := w.machine("busy")
		busy.scan.Status = "RUNNING"
		busy.takes, busy.due = time.Minute, time.Now().Add(time.Minute)
		first := w.must(t, `{"mode":"latest"}`)
		if first.Archived != 3 || first.Failed != 2 {
			t.Errorf("first: %+v, want a, b and busy archived", first)
		}
		if d := cmp.Diff([]string{"new.example", "failed.example"}, []string{first.Failures[0].System, first.Failures[1].System}); d != "" {
			t.Error(d)
		}
		w.machine("b").scan.Timestamp = time.Now().UTC().Format(time.RFC3339)
		second := w.must(t, `{"mode":"latest"}`)
		if second.Archived != 1 || second.Unchanged != 2 {
			t.Errorf("second: %+v, want only b archived", second)
		}
		forced := w.must(t, `{"mode":"latest","systems":["a.example"],"force":true}`)
		if forced.Archived != 1 || forced.Systems != 1 {
			t.Errorf("forced: %+v", forced)
		}
		if none := w.must(t, `{"mode":"latest","systems":["a"]}`); none.Unchanged != 1 || none.State != "done" || !strings.Contains(none.Next, "no newer results") {
			t.Errorf("nothing new: %+v", none)
		}
		for _, m := range w.box.machines {
			if m.posts > 0 {
				t.Errorf("%s was triggered", m.id)
			}
		}
	})
}

func TestCancelStopsTheOtherInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		w.machine("b").takes = 10 * time.Minute
		first := make(chan payload.RunAnswer)
		go func() {
			a, err := runAnswer(New(w.options).Handle(t.Context(), []byte(nightly)))
			if err != nil {
				t.Error(err)
			}
			first <- a
		}()
		pass(5 * time.Minute)
		if a := w.must(t, `{"action":"status"}`); a.State != "running" || a.Archived != 1 {
			t.Errorf("status: %+v", a)
		}
		a := w.must(t, `{"action":"cancel"}`)
		if a.State != "cancelled" || a.Archived != 1 || a.Failed != 1 || !strings.HasPrefix(a.Failures[0].Reason, "cancelled by hand") {
			t.Errorf("cancel: %+v", a)
		}
		if a := <-first; !strings.Contains(a.Next, "another invocation") {
			t.Errorf("the first invocation: %+v", a)
		}
		if r := w.store.run(t, archive.RunKey(a.Run)); r.State != archive.RunCancelled {
			t.Errorf("kept as %s", r.State)
		}
		for _, action := range []string{"status", "tick", "cancel"} {
			if a := w.must(t, `{"action":"`+action+`"}`); a.State != "idle" {
				t.Errorf("%s afterwards: %+v", action, a)
			}
		}
	})
}

// An idle tick costs one read, and never asks the appliance.
func TestIdleTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.connect = errors.New("must not connect")
		for range 2 {
			if a := w.must(t, `{"action":"tick"}`); a.State != "idle" || a.Run != "" {
				t.Errorf("%+v", a)
			}
		}
		if w.calls != 2 {
			t.Errorf("%d calls", w.calls)
		}
	})
}
