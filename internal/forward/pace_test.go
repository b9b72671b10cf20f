package forward_test

import (
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
)

// A rehearsal sends nothing, so it waits for nothing either.
func TestDryRunTakesNoNoticeOfThePace(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.clock.waited()
	a := r.replayed(key(k) + `,"dryRun":true,"maxEventsPerSecond":0.01`)
	if a.DryRun.Events != 62 || a.Cursor != "" || r.clock.waited() != before {
		t.Errorf("%+v after %v", a.DryRun, r.clock.waited()-before)
	}
}

// However slow the pace, it is kept.
func TestSlowestPaceIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.requests
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":1e-300`); a.Pending != 1 || r.requests != before+1 {
		t.Errorf("%d requests, %+v", r.requests-before, a)
	}
}

// Coverage of objects goes at the pace of the findings before it.
func TestPaceHoldsForCoverage(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *config.Forwarder) {
		small(c)
		c.Mapping.Coverage = "object"
	})
	k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.clock.Now()
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":2`); a.Complete != 1 {
		t.Fatalf("%+v", a)
	}
	if took := r.clock.Now().Sub(before); took < 45*time.Second {
		t.Errorf("60 findings and 61 coverage events at 2 a second took %v", took)
	}
}
