package collect

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// The notice is about the run: it says nothing of what the results hold.
func TestNoticeTellsWhatARunCameTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.machine("c").ends = "FAILED"
		a := w.must(t, `{}`)
		want := payload.RunNotice{
			Title: "Runecast analysis " + a.Run + ": partly failed, 2 of 3 systems archived", Run: a.Run, State: "partly failed",
			Text: "c.example: failed, the analysis ended with the status \"FAILED\": look at the system in the appliance\n" + a.Next,
		}
		if d := cmp.Diff(want, *a.Notice); d != "" {
			t.Error(d)
		}
	})
}

func TestNoticesOfRuns(t *testing.T) {
	t.Parallel()
	archived := archive.RunSystem{Name: "a", State: archive.SystemArchived}
	remarked := archive.RunSystem{Name: "b", State: archive.SystemArchived, Reason: "archived, but no rule of a security profile is in it"}
	failed := archive.RunSystem{Name: "c\n\u202ed", State: archive.SystemFailed, Reason: "the answer was\n\"all clear\""}
	late := archive.RunSystem{Name: "e", State: archive.SystemTimedOut, Reason: "not finished"}
	for name, c := range map[string]struct {
		state   string
		systems []archive.RunSystem
		want    payload.RunNotice
	}{
		"done":          {archive.RunDone, []archive.RunSystem{archived, remarked}, payload.RunNotice{State: "done", Title: "2 of 2", Text: "b: archived, but no rule of a security profile is in it\nnext"}},
		"partly failed": {archive.RunDone, []archive.RunSystem{archived, failed, late}, payload.RunNotice{State: "partly failed", Title: "1 of 3", Text: "c  d: failed, the answer was \"all clear\"\ne: timedout, not finished\nnext"}},
		"failed":        {archive.RunFailed, []archive.RunSystem{late}, payload.RunNotice{State: "failed", Title: "0 of 1", Text: "e: timedout, not finished\nnext"}},
		"cancelled":     {archive.RunCancelled, []archive.RunSystem{archived}, payload.RunNotice{State: "cancelled", Title: "1 of 1", Text: "next"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := archive.Run{ID: "r", State: c.state, Systems: c.systems}
			a := answer(&r, "next")
			c.want.Run, c.want.Title = "r", "Runecast analysis r: "+c.want.State+", "+c.want.Title+" systems archived"
			if d := cmp.Diff(c.want, noticeOf(&r, &a)); d != "" {
				t.Error(d)
			}
		})
	}
}

// One message per run: later answers have no notice.
func TestNoticeIsGivenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		if a := w.must(t, nightly); a.Notice == nil || a.Notice.State != "done" {
			t.Errorf("%+v", a.Notice)
		}
		for _, payload := range []string{nightly, `{"action":"tick"}`, `{"action":"status"}`} {
			if a := w.must(t, payload); a.Notice != nil {
				t.Errorf("%s: %+v", payload, a.Notice)
			}
		}
	})
}

// The message about very many systems stays short enough for chat services.
func TestNoticeIsBounded(t *testing.T) {
	t.Parallel()
	r := archive.Run{ID: "r", State: archive.RunDone}
	for range 5000 {
		r.Systems = append(r.Systems, archive.RunSystem{Name: "vc", State: archive.SystemFailed, Reason: strings.Repeat("ü", 1000)})
	}
	a := answer(&r, "next")
	n := noticeOf(&r, &a)
	if len(n.Text) > 8000 || !strings.Contains(n.Text, "\nand 4984 more systems: see runs/r.json\n") || !utf8.ValidString(n.Text) {
		t.Errorf("%d bytes: %s", len(n.Text), n.Text)
	}
}

// Each end of a run is counted, and each start that is skipped.
func TestRunsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		var out bytes.Buffer
		w.options.Metrics = telemetry.NewMetrics(&out, "collector", time.Now)
		counted := func(want string) {
			t.Helper()
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s is missing in %s", want, out.String())
			}
			out.Reset()
		}
		w.machine("b").ends = "FAILED"
		w.must(t, `{}`)
		counted(`"RunsDone":1,"SystemsArchived":1,"SystemsFailed":1,"BytesArchived":`)
		w.machine("a").takes = 10 * time.Hour
		w.must(t, `{}`)
		w.must(t, `{}`)
		counted(`"RunsSkipped":1`)
		w.options.Connect = func(context.Context) (Appliance, error) { return nil, &fault.Error{Class: fault.Auth, What: "no"} }
		if _, err := w.handle(t, `{"action":"tick"}`); err == nil {
			t.Error("no error")
		}
		counted(`"TokenRejected":1`)
	})
}

// A start may end the run before and then go on for long: the end of the run before is
// reported in its answer.
func TestNoticeOfARunThatTheNextStartEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.machine("a").takes = 100 * time.Hour
		first := w.must(t, `{}`)
		pass(6 * time.Hour)
		second := w.must(t, `{}`)
		if second.State != archive.RunRunning || second.Run == first.Run || second.Notice == nil || second.Notice.Run != first.Run || second.Notice.State != "failed" {
			t.Errorf("%+v, notice %+v", second, second.Notice)
		}
	})
}

// rival is a store in which another invocation closes a run just before this one does.
type rival struct {
	*memory
	first func()
}

func (r *rival) SaveRun(ctx context.Context, doc *store.Doc[archive.Run]) error {
	if first := r.first; first != nil && doc.Key == archive.ActiveRunKey && doc.Value.State == archive.RunIdle {
		r.first = nil
		first()
	}
	return r.memory.SaveRun(ctx, doc)
}

func TestNoticeIsGivenByTheOneThatClosesTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		var out bytes.Buffer
		w.options.Metrics = telemetry.NewMetrics(&out, "collector", time.Now)
		var other payload.RunAnswer
		slow := *w
		slow.options.Store = &rival{w.store, func() { other = w.must(t, `{"action":"tick"}`) }}
		mine := slow.must(t, `{}`)
		if other.Notice == nil || mine.Notice != nil || mine.Archived != 1 {
			t.Errorf("notices %+v and %+v", other.Notice, mine.Notice)
		}
		if n := strings.Count(out.String(), `"RunsDone":1`); n != 1 {
			t.Errorf("the run is counted %d times", n)
		}
	})
}

func TestCancelledRunIsNotCountedAsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.machine("a").takes = 10 * time.Hour
		var out bytes.Buffer
		w.options.Metrics = telemetry.NewMetrics(&out, "collector", time.Now)
		w.must(t, `{}`)
		w.must(t, `{"action":"cancel"}`)
		if got := out.String(); strings.Contains(got, "RunsDone") || !strings.Contains(got, `"RunsCancelled":1,"SystemsArchived":0,"SystemsFailed":0,`) {
			t.Error(got)
		}
	})
}
