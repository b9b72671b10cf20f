package forward_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/simulate/site"
)

// A dry run sends nothing, so it does not wait for the pace.
func TestDryRunTakesNoNoticeOfThePace(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Clock.Waited()
	a := r.replayed(key(k) + `,"dryRun":true,"maxEventsPerSecond":0.01`)
	if a.DryRun.Events != 62 || a.Cursor != "" || r.Clock.Waited() != before {
		t.Errorf("%+v after %v", a.DryRun, r.Clock.Waited()-before)
	}
}

// Even a very slow pace is kept: in the time of an invocation a few events go out, one by
// one.
func TestSlowPaceIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 8})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Requests
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":0.001`); a.Pending != 1 || r.Requests != before+1 {
		t.Errorf("%d requests, %+v", r.Requests-before, a)
	}
	a, err := handle(t.Context(), r.forwarder(), s3Event(r.Bucket, k))
	if err != nil || a.Pending != 1 || !strings.Contains(a.Next, "the sweep goes on") {
		t.Errorf("a trigger: %+v %v", a, err)
	}
}

// Coverage of objects goes at the pace of the findings before it.
func TestPaceHoldsForCoverage(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) {
		site.Small(c)
		c.Mapping.Coverage = "object"
	})
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Clock.Now()
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":2`); a.Complete != 1 {
		t.Fatalf("%+v", a)
	}
	if took := r.Clock.Now().Sub(before); took < 45*time.Second {
		t.Errorf("60 findings and 61 coverage events at 2 a second took %v", took)
	}
}

// The pace holds over all invocations that go on with the replay: a call that begins
// anew, a call with a cursor, and the sweep.
func TestPaceHoldsOverCalls(t *testing.T) {
	t.Parallel()
	for name, goOn := range map[string]func(r *rig, cursor string){
		"a sweep": func(r *rig, _ string) {
			if _, err := r.sweep(); err != nil {
				r.T.Fatal(err)
			}
		},
		"a new call": func(r *rig, _ string) { r.replayed(`"prefix":"raw/","maxEventsPerSecond":1`) },
		"a cursor": func(r *rig, cursor string) {
			r.replayed(fmt.Sprintf(`"prefix":"raw/","maxEventsPerSecond":1,"next":%q`, cursor))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil) // one large batch would hold it all
			const events = 3000
			k := r.Put(scan{System: "vc-a", Minute: 1, Failing: events})
			r.delivered(k, archive.DeliveryComplete)
			began, sent := r.Clock.Now(), func() int { return r.Receiver.Stats().Events["COMPLIANCE_FINDING"] - events }
			a := r.replayed(`"prefix":"raw/","maxEventsPerSecond":1`)
			d := r.Document(k)
			if a.Pending != 1 || a.Cursor == "" || d.MaxEventsPerSecond != 1 || !d.PacedUntil.After(began) {
				t.Fatalf("%+v, %+v", a, d)
			}
			for calls := 0; calls < 8 && !archive.Final(r.Document(k).State); calls++ {
				if within := r.Clock.Now().Sub(began).Seconds() + 30; float64(sent()) > within {
					t.Fatalf("%d events in %.0f seconds at one per second", sent(), within)
				}
				goOn(r, a.Cursor)
			}
			if d := r.Document(k); d.State != archive.DeliveryComplete || d.Generation != 2 || d.MaxEventsPerSecond != 0 {
				t.Errorf("%+v", d)
			}
			if took := r.Clock.Now().Sub(began); took < (events-10)*time.Second { // the last ten need no pause behind them
				t.Errorf("%d events at one per second took %v", sent(), took)
			}
		})
	}
}

// A call that begins with another object keeps the pace of the call before.
func TestPaceHoldsFromObjectToObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, system := range []string{"vc-a", "vc-b", "vc-c"} {
		r.delivered(r.Put(scan{System: system, Minute: 1, Failing: 100}), archive.DeliveryComplete)
	}
	began, next := r.Clock.Now(), ""
	for range 3 {
		a := r.replayed(fmt.Sprintf(`"prefix":"raw/","maxEventsPerSecond":0.5,"limit":1,"next":%q`, next))
		next = a.Cursor
	}
	if took := r.Clock.Now().Sub(began); took < 560*time.Second {
		t.Errorf("300 events at one in two seconds, the last batch without its pause, took %v", took)
	}
}

// A sweep delivers the objects that keep to a pace last, so that others do not wait.
func TestPacedReplayDoesNotHoldUpTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 3000})
	r.delivered(k, archive.DeliveryComplete)
	r.replayed(key(k) + `,"maxEventsPerSecond":1`)
	for i := range 5 {
		r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 2, Failing: 1})
	}
	if a, err := r.sweep(); err != nil || a.Complete != 5 || a.Pending != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

// A pace is refused if it is so slow that rows and scan event would not be shown together.
// The error names the slowest pace that suffices, and the replay goes on with that.
func TestPaceThatIsTooSlowIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Requests
	for _, pace := range []string{"1e-300", "0.005"} {
		_, err := r.forwarder().Handle(t.Context(), jsontext.Value(`{"action":"replay",`+key(k)+`,"maxEventsPerSecond":`+pace+`}`))
		if err == nil || !strings.Contains(err.Error(), "at least 0.006 events per second") {
			t.Errorf("pace %s: %v", pace, err)
		}
	}
	if d := r.Document(k); r.Requests != before || d.State != archive.DeliveryComplete {
		t.Errorf("%d requests, %s", r.Requests-before, d.State)
	}
}
