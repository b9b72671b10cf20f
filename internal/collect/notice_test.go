package collect

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// outcomes stands for the archive's reader.
func outcomes(w *world, asked *[]string) {
	w.options.Outcome = func(_ context.Context, key, previous string) (*archive.Outcome, error) {
		*asked = append(*asked, key+" after "+previous)
		if strings.Contains(key, "/b.example") {
			return nil, errors.New("cannot be read")
		}
		o := &archive.Outcome{Posture: 80, Before: -1, Passed: 8, Manual: 1, Failed: 1}
		if previous != "" {
			o.Before = 90
			o.NewlyFailed = archive.RuleList{Count: 12, First: strings.Fields("C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12")}
			o.NewlyPassed = archive.RuleList{Count: 1, First: []string{"P\n1"}}
		}
		return o, nil
	}
}

func TestNoticeTellsWhatARunCameTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.machine("c").ends = "FAILED"
		var asked []string
		outcomes(w, &asked)
		first := w.must(t, `{}`)
		want := "a.example: posture 80 %, 1 rules failed, 1 manual, 8 passed\n" +
			"b.example: archived\n" +
			"c.example: failed, the analysis ended with the status \"FAILED\": look at the system in the appliance\n" + first.Next
		if d := cmp.Diff(want, first.Notice.Text); d != "" {
			t.Error(d)
		}
		if want := "Runecast analysis " + first.Run + ": partly failed, 2 of 3 systems archived"; first.Notice.Title != want || first.Notice.State != "partly failed" {
			t.Errorf("%q, %s", first.Notice.Title, first.Notice.State)
		}
		second := w.must(t, `{}`)
		want = "a.example: posture 80 % (90 % before), 1 rules failed, 1 manual, 8 passed\n" +
			"  12 newly failed: C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, …\n  1 newly passed: P 1\nb.example: archived\n"
		if !strings.HasPrefix(second.Notice.Text, want) {
			t.Errorf("%s\nwant %s", second.Notice.Text, want)
		}
		run := w.store.run(t, archive.RunKey(second.Run))
		if o := run.Systems[0].Outcome; o == nil || o.Posture != 80 || run.Systems[0].Previous != w.store.run(t, archive.RunKey(first.Run)).Systems[0].RawKey {
			t.Errorf("the run document has %+v after %q", o, run.Systems[0].Previous)
		}
		if len(asked) != 4 {
			t.Errorf("asked for %q", asked)
		}
	})
}

// One message per run: whoever asks afterwards is told nothing of it.
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

// A message of very many systems stays one that chat services take.
func TestNoticeIsBounded(t *testing.T) {
	t.Parallel()
	r := archive.Run{ID: "r", State: archive.RunDone}
	for range 5000 {
		r.Systems = append(r.Systems, archive.RunSystem{Name: "vc", State: archive.SystemFailed, Reason: strings.Repeat("ü", 1000)})
	}
	a := answer(&r, "next")
	n := notice(&r, &a)
	if len(n.Text) > 8000 || !strings.Contains(n.Text, " more systems: see runs/r.json\n") || !utf8.ValidString(n.Text) {
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

// The run before may end by the start of the next, which has long to go: its
// end is told all the same.
func TestNoticeOfARunThatTheNextStartEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		w.machine("a").takes = 100 * time.Hour
		first := w.must(t, `{}`)
		time.Sleep(6 * time.Hour)
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
		var other Answer
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
		if got := out.String(); strings.Contains(got, "RunsDone") || !strings.Contains(got, `"RunsCancelled":1`) {
			t.Error(got)
		}
	})
}

// What kills the comparison, which is told to people only, does not keep the
// run from its end.
func TestRunEndsWithoutTheComparisonThatKills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a")
		asked := 0
		w.options.Outcome = func(context.Context, string, string) (*archive.Outcome, error) {
			asked++
			w.mu.Lock()
			defer w.mu.Unlock()
			w.dead = true
			return nil, errCrash
		}
		if _, err := w.handle(t, `{}`); err == nil {
			t.Fatal("the process did not die")
		}
		time.Sleep(time.Hour) // the lease ran out
		if a := w.must(t, `{"action":"tick"}`); a.State != archive.RunDone || a.Notice == nil || asked != 1 {
			t.Errorf("%+v after %d comparisons", a, asked)
		}
	})
}

// The time of a run belongs to the archive: very large results are not read once more.
func TestLargeResultsAreNotCompared(t *testing.T) {
	t.Parallel()
	asked := 0
	c := New(Options{Outcome: func(context.Context, string, string) (*archive.Outcome, error) {
		asked++
		return &archive.Outcome{Posture: 50, Before: -1}, nil
	}})
	v := c.invocation(t.Context())
	v.run.Systems = []archive.RunSystem{
		{Name: "large", State: archive.SystemArchived, Bytes: maxCompared + 1}, {Name: "small", State: archive.SystemArchived, Bytes: maxCompared},
	}
	v.compare(t.Context())
	a := answer(v.run, "")
	want := "large: archived, 4 MB compressed: too large to be compared here\nsmall: posture 50 %, 0 rules failed, 0 manual, 0 passed\n"
	if text := notice(v.run, &a).Text; text != want || asked != 1 {
		t.Errorf("asked %d times: %s", asked, text)
	}
}
