package forward_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

func (r *rig) sweep() (payload.DeliveryAnswer, error) {
	r.T.Helper()
	return r.forwarder().Sweep(r.T.Context())
}

// memory returns the sweep document.
func (r *rig) memory() archive.Sweep {
	r.T.Helper()
	d, err := r.Store.Sweep(r.T.Context())
	if err != nil {
		r.T.Fatal(err)
	}
	return d.Value
}

func (r *rig) from() string { return r.memory().From.Format(time.DateOnly) }

// All events of some runs were lost: one sweep delivers every system's newest
// scan, and sends nothing of the older ones.
func TestSweepDeliversWhatTriggersLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	for minute := range 3 {
		for _, system := range []string{"vc-a", "vc-b"} {
			r.Put(scan{System: system, Minute: minute, Failing: 10 + minute})
		}
	}
	r.Upload("raw/manual/", nil) // a folder, as the console makes it
	a, err := r.sweep()
	if err != nil || a.Complete != 2 || a.Superseded != 4 || a.Pending != 0 || a.Accepted != 24 {
		t.Fatalf("%+v %v", a, err)
	}
	r.Shown("vc-a failed=12 passed=0 posture=0", "vc-b failed=12 passed=0 posture=0")
	before := r.Requests
	if a, err = r.sweep(); err != nil || a.Objects != 0 || r.Requests != before || !strings.Contains(a.Next, "nothing") {
		t.Errorf("a second sweep: %+v %v", a, err)
	}
}

func TestSweepGoesOnWithWhatWasReleased(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= 4 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}
		return n >= 4
	})
	r.delivered(key, archive.DeliverySending)
	r.SetIntercept(nil)
	if a, err := r.sweep(); err != nil || a.Complete != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if d := r.Document(key); d.Generation != 1 {
		t.Errorf("generation %d", d.Generation)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
	if st := r.Receiver.Stats(); st.DuplicateFindings > 0 {
		t.Errorf("%d findings twice", st.DuplicateFindings)
	}
}

// A weekend without Dynatrace: sweeps stop at once, and the first after it
// delivers the newest posture of every system.
func TestSweepStopsAtADeadEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 5 {
		r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1})
	}
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true })
	if _, err := r.sweep(); fault.ClassOf(err) != fault.Auth || r.Requests != 1 {
		t.Errorf("%d requests, %v", r.Requests, err)
	}
	r.SetIntercept(nil)
	if a, err := r.sweep(); err != nil || a.Complete != 5 {
		t.Errorf("%+v %v", a, err)
	}
}

// One object that cannot be delivered does not keep others from being delivered.
func TestSweepGoesAroundATroubledObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	bad := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	r.Put(scan{System: "vc-b", Minute: 1, Failing: 1})
	r.Upload(archive.DeliveryKey(bad), []byte("{nonsense"))
	a, err := r.sweep()
	if err != nil || len(a.Reasons) != 1 || !strings.Contains(a.Reasons[0], "not readable") || a.Complete != 1 || r.Counted("DeliveryErrors") != 1 {
		t.Errorf("%+v %v", a, err)
	}
	r.Shown("vc-b failed=1 passed=0 posture=0")
}

// A sweep remembers the objects that it left open, and tries them again, however old they
// are. It forgets them when their delivery has ended.
func TestSweepRemembersWhatItLeftOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	busy := r.Put(scan{System: "vc-b", Minute: 1, Failing: 1})
	r.Clock.Ahead = time.Until(site.Night.Truncate(24 * time.Hour).Add(100*24*time.Hour + 12*time.Hour)) // at noon
	d := store.Doc[archive.Delivery]{Key: archive.DeliveryKey(busy), Value: archive.Delivery{RawKey: busy, Scan: archive.Scan{State: archive.DeliverySending}, Lease: &archive.Lease{Owner: "other", Until: r.Clock.Now().Add(24 * time.Hour)}}}
	if err := store.Save(t.Context(), r.Store, &d); err != nil {
		t.Fatal(err)
	}
	if a, err := r.sweep(); err != nil || a.Complete != 1 || a.Pending != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	want := r.Clock.Now().Add(-48 * time.Hour).UTC().Format(time.DateOnly)
	if v := r.memory(); len(v.Open) != 1 || v.Open[0].Key != busy || v.Open[0].Reason != "another invocation holds the lease" || v.From.Format(time.DateOnly) != want {
		t.Fatalf("remembers %+v, want %s from %s", v, busy, want)
	}
	r.Clock.Ahead += time.Hour
	if a, err := r.sweep(); err != nil || a.Objects != 1 || a.Pending != 1 { // a quick look
		t.Fatalf("%+v %v", a, err)
	}
	r.Clock.Ahead += 24 * time.Hour // the lease ran out
	if a, err := r.sweep(); err != nil || a.Complete != 1 || len(r.memory().Open) != 0 {
		t.Fatalf("%+v %v, remembers %+v", a, err, r.memory())
	}
	if a, err := r.sweep(); err != nil || a.Objects != 0 {
		t.Fatalf("%+v %v", a, err)
	}
}

func TestSweepStopsInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 6 {
		r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1})
	}
	r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool {
		_ = r.Clock.Sleep(t.Context(), 10*time.Second)
		return false
	})
	ctx, cancel := context.WithDeadline(t.Context(), r.Clock.Now().Add(time.Minute))
	defer cancel()
	a, err := r.forwarder().Sweep(ctx)
	if err != nil || a.Complete == 0 || a.Pending == 0 || a.Complete+a.Pending != 6 {
		t.Fatalf("%+v %v", a, err)
	}
	r.SetIntercept(nil)
	if b, err := r.sweep(); err != nil || a.Complete+b.Complete != 6 {
		t.Errorf("%+v %v", b, err)
	}
}
