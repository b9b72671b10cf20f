package deliver_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

func TestExpiredLeaseBeginsANewGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 40})
	ctx, cancel := context.WithCancel(t.Context())
	r.SetIntercept(func(n int, _ http.ResponseWriter, req *http.Request) bool {
		if n == 2 {
			r.Dead.Store(true) // none of its requests and writes arrives any more
			cancel()
		}
		return false
	})
	if _, err := r.request(ctx, key, deliver.Request{}); err == nil {
		t.Fatal("the delivery did not notice")
	}
	r.SetIntercept(nil)
	r.Dead.Store(false)
	r.delivered(key, "busy") // the lease of the dead invocation still holds
	r.Clock.Ahead = 20 * time.Minute
	out := r.delivered(key, archive.DeliveryComplete)
	if out.Scan.Generation < 2 {
		t.Errorf("generation %d: a delivery in doubt was finished in place", out.Scan.Generation)
	}
	r.Shown("vc-a failed=40 passed=0 posture=0")
}

// An object that kills every invocation is not tried for ever.
func TestFiveExpiredLeasesInARowFail(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool {
			r.Dead.Store(true)
			cancel()
			panic(http.ErrAbortHandler)
		})
		if _, err := r.request(ctx, key, deliver.Request{}); err == nil {
			t.Fatal("the delivery did not notice that it died")
		}
		r.Dead.Store(false)
		r.Clock.Ahead += 20 * time.Minute
	}
	r.SetIntercept(nil)
	if out := r.delivered(key, archive.DeliveryFailed); !strings.Contains(out.Reason, "5 invocations in a row") {
		t.Errorf("%+v", out)
	}
	r.Shown()
}

func TestForeignLeaseIsRespected(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	d := store.Doc[archive.Delivery]{Key: archive.DeliveryKey(key), Value: archive.Delivery{RawKey: key, Scan: archive.Scan{State: archive.DeliverySending, Generation: 1, ScanID: "x"},
		Lease: &archive.Lease{Owner: "other", Until: time.Now().Add(time.Minute)}}}
	if err := store.Save(t.Context(), r.Store, &d); err != nil {
		t.Fatal(err)
	}
	r.delivered(key, "busy")
	if r.Requests != 0 {
		t.Error("it sent beside another invocation")
	}
	r.Clock.Ahead = 2 * time.Minute
	if out := r.delivered(key, archive.DeliveryComplete); out.Scan.Generation != 2 {
		t.Errorf("generation %d", out.Scan.Generation)
	}
}

func TestDeadlineReleasesAndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 100})
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n > 0 && n%3 == 0 {
			_ = r.Clock.Sleep(t.Context(), 50*time.Second)
		}
		return false
	})
	invocations := 0
	for ; invocations < 30; invocations++ {
		ctx, cancel := context.WithDeadline(t.Context(), r.Clock.Now().Add(time.Minute))
		out, err := r.request(ctx, key, deliver.Request{})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if out.State == archive.DeliveryComplete {
			break
		}
		if d := r.Document(key); out.State != archive.DeliverySending || d.Lease != nil || len(d.Done) == 0 {
			t.Fatalf("not released: %+v", d)
		}
	}
	if d := r.Document(key); invocations < 2 || d.Generation != 1 || d.Accepted != 100 {
		t.Errorf("%d invocations, %+v", invocations, d)
	}
	r.Shown("vc-a failed=100 passed=0 posture=0")
	if st := r.Receiver.Stats(); st.DuplicateFindings > 0 {
		t.Errorf("%d findings twice", st.DuplicateFindings)
	}
}

// A fast clock has written a timestamp into the register that is far ahead. The scan
// event is sent once that time is near, since Dynatrace would change the timestamp.
func TestReservedTimeAheadIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Clock.Ahead = 3 * time.Hour
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Passing: 1}), archive.DeliveryComplete)
	r.Clock.Ahead = 0
	key := r.Put(scan{System: "vc-a", Minute: 2, Passing: 2})
	if out, err := r.deliver(key); err == nil || out.State != archive.DeliverySending {
		t.Fatalf("%+v %v", out, err)
	}
	r.Clock.Ahead = 3 * time.Hour
	r.delivered(key, archive.DeliveryComplete)
	r.Shown("vc-a failed=0 passed=2 posture=100")
	if st := r.Receiver.Stats(); st.Future > 0 {
		t.Errorf("%d events were ahead", st.Future)
	}
}
