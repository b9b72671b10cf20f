package collect

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// keep stores a finished run that began a while ago.
func (w *world) keep(t *testing.T, ago time.Duration, n int, change func(*archive.Run)) string {
	t.Helper()
	at := time.Now().Add(-ago).UTC()
	r := archive.Run{ID: fmt.Sprintf("%s-%04x", at.Format("20060102T150405Z"), n), State: archive.RunDone, Mode: payload.Analyze, Trigger: triggerSchedule, StartedAt: at,
		Systems: []archive.RunSystem{{Name: "a", State: archive.SystemArchived, Bytes: 7}}}
	if change != nil {
		change(&r)
	}
	if err := w.store.SaveRun(t.Context(), &store.Doc[archive.Run]{Key: archive.RunKey(r.ID), Value: r}); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// hourly returns the ages of runs that began every hour.
func hourly(n int) []time.Duration {
	var ages []time.Duration
	for i := range n {
		ages = append(ages, time.Duration(i+1)*time.Hour)
	}
	return ages
}

func runs(a payload.RunAnswer) []string {
	var ids []string
	for _, r := range a.Runs {
		ids = append(ids, r.Run)
	}
	return ids
}

// The last ten runs are shown, newest first, whether there are many in a week or three
// in a quarter; status lists the runs once or twice for that.
func TestStatusShowsTheLastRuns(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		ages  []time.Duration // of the runs
		shown int
		looks int
	}{
		"none":                 {nil, 0, 2},
		"daily":                {[]time.Duration{day, 2 * day, 3 * day}, 3, 2},
		"exactly ten in time":  {hourly(10), 10, 1},
		"monthly":              {[]time.Duration{day, 31 * day, 62 * day, 92 * day, 94 * day}, 4, 2},
		"more than are shown":  {hourly(14), 10, 1},
		"more, and long since": {[]time.Duration{8 * day, 9 * day, 10 * day, 11 * day, 12 * day, 13 * day, 14 * day, 15 * day, 16 * day, 17 * day, 18 * day}, 10, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("a")
				var want []string
				for i, ago := range c.ages {
					id := w.keep(t, ago, i, nil)
					if i < c.shown {
						want = append(want, id)
					}
				}
				before := w.calls
				a := w.must(t, `{"action":"status"}`)
				if d := cmp.Diff(want, runs(a)); d != "" {
					t.Error(d)
				}
				if calls := w.calls - before; calls != 1+c.looks+c.shown {
					t.Errorf("%d calls, want the active run, %d looks and %d runs", calls, c.looks, c.shown)
				}
			})
		})
	}
}

func TestStatusSumsUpWhatBecameOfRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.keep(t, 3*time.Hour, 3, func(r *archive.Run) {
			r.State, r.Mode, r.Trigger = archive.RunFailed, payload.Latest, triggerConsole
			r.Systems = nil
			for i := range 30 {
				state := []string{archive.SystemFailed, archive.SystemTimedOut, archive.SystemUnchanged}[i%3]
				r.Systems = append(r.Systems, archive.RunSystem{Name: fmt.Sprint("s", i), State: state, Reason: "because"})
			}
		})
		bad := w.keep(t, 2*time.Hour, 2, nil)
		w.store.broken = map[string]error{archive.RunKey(bad): &fault.Error{Class: fault.Reject, What: "not readable"}}
		w.keep(t, time.Hour, 1, nil)
		a := w.must(t, `{"action":"status"}`)
		if len(a.Runs) != 3 {
			t.Fatalf("%+v", a.Runs)
		}
		if r := a.Runs[0]; r.Archived != 1 || r.Bytes != 7 || r.State != archive.RunDone || r.Trigger != triggerSchedule || len(r.Failures) != 0 {
			t.Errorf("%+v", r)
		}
		if r := a.Runs[1]; r.Run != bad || r.State != "unreadable" || !strings.Contains(r.Failures[0].Reason, "not readable") {
			t.Errorf("%+v", r)
		}
		if r := a.Runs[2]; r.State != archive.RunFailed || r.Mode != payload.Latest || r.Failed != 10 || r.TimedOut != 10 || r.Unchanged != 10 || len(r.Failures) != shownFailures || r.Failures[0] != (payload.RunFailure{System: "s0", Reason: "because"}) {
			t.Errorf("%+v", r)
		}
		w.store.broken = map[string]error{archive.RunKey(bad): &fault.Error{Class: fault.Config, What: "403"}}
		if _, err := w.handle(t, `{"action":"status"}`); err == nil || fault.ClassOf(err) != fault.Config {
			t.Errorf("without the right to read: %v", err)
		}
	})
}

// While a run goes on, status shows what each open system waits for; no other
// answer has these lists.
func TestStatusShowsTheOpenSystems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		w.machine("b").takes = 10 * time.Minute
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := runAnswer(New(w.options).Handle(t.Context(), []byte(nightly))); err != nil {
				t.Error(err)
			}
		}()
		pass(5 * time.Minute)
		a := w.must(t, `{"action":"status"}`)
		if len(a.Open) != 1 || a.Open[0].System != "b.example" || a.Open[0].State != archive.SystemScanning || !strings.Contains(a.Open[0].Reason, "still shows") {
			t.Errorf("%+v", a.Open)
		}
		<-done
		a = w.must(t, `{"action":"status"}`)
		if len(a.Open) != 0 || len(a.Runs) != 1 || a.Runs[0].Archived != 2 {
			t.Errorf("afterwards: %+v", a)
		}
		shown, err := json.Marshal(w.must(t, `{"action":"tick"}`))
		if err != nil || strings.Contains(string(shown), `"runs"`) || strings.Contains(string(shown), `"open"`) {
			t.Errorf("a tick shows %s, %v", shown, err)
		}
	})
}
