package forward_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/simulate/site"
)

// A rehearsal sends nothing, so it waits for nothing either.
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

// However slow the pace, it is kept: the second body is another invocation's.
func TestSlowPaceIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Requests
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":0.0058`); a.Pending != 1 || r.Requests != before+1 {
		t.Errorf("%d requests, %+v", r.Requests-before, a)
	}
}

// Coverage of objects goes at the pace of the findings before it.
func TestPaceHoldsForCoverage(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *config.Forwarder) {
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

// A pace that is too slow for the rows and their scan event to be shown together
// is refused, with the one that suffices; the replay goes on with another pace.
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
