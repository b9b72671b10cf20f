package forward_test

import (
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
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

// However slow the pace, it is kept.
func TestSlowestPaceIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Requests
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":1e-300`); a.Pending != 1 || r.Requests != before+1 {
		t.Errorf("%d requests, %+v", r.Requests-before, a)
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
