package deliver_test

import (
	"net/http"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/simulate/site"
)

// A long delivery writes down once a minute how far it came.
func TestProgressIsWrittenEachMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	var seen []archive.Delivery
	r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool {
		_ = r.Clock.Sleep(t.Context(), 25*time.Second)
		if d := r.Document(k); len(seen) == 0 || d.WriteID != seen[len(seen)-1].WriteID {
			seen = append(seen, d)
		}
		return false
	})
	r.delivered(k, archive.DeliveryComplete)
	if len(seen) < 3 {
		t.Fatalf("%d versions of the document were seen", len(seen))
	}
	for i, d := range seen[1:] {
		before := seen[i]
		if d.Accepted <= before.Accepted || d.Lease == nil || d.Generation != 1 || d.Requests <= before.Requests {
			t.Errorf("version %d: accepted %d after %d, lease %v, generation %d", i+1, d.Accepted, before.Accepted, d.Lease, d.Generation)
		}
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

// An invocation whose write of the progress is refused stops at once: another has taken
// over. Here the clock of the other is ahead, so the lease has run out only for it.
func TestProgressFindsThatAnotherTookOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	after := 0
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n != 1 {
			after++
			return false
		}
		r.Expire(k)
		if out, err := r.deliver(k); err != nil || out.State != archive.DeliveryComplete {
			t.Errorf("the other: %+v %v", out, err)
		}
		after = 0
		_ = r.Clock.Sleep(t.Context(), progressTime)
		return false
	})
	if out, err := r.deliver(k); err != nil || out.State != "busy" {
		t.Errorf("%+v %v", out, err)
	}
	if d := r.Document(k); d.State != archive.DeliveryComplete || d.Generation != 2 || after > 1 {
		t.Errorf("%s in generation %d, %d requests after the other's", d.State, d.Generation, after)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

const progressTime = time.Minute
