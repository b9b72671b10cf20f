package forward_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// A busy receiver gets the next request when its Retry-After has passed and hardly later,
// by the injected clock, and no accepted event is sent again.
func TestBusyReceiverCostsWhatItImposes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ every, concurrency int }{
		"429 with seconds": {3, 4},
		"429 with a date":  {3, 1},
		"503 with seconds": {2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calm := newRig(t, site.Small)
			key := calm.Put(troubled())
			least := calm.delivered(key, archive.DeliveryComplete).Scan.Requests

			r := newRig(t, func(cfg *forwarderconfig.Settings) { site.Small(cfg); cfg.SendConcurrency = c.concurrency })
			n := newNetwork(r)
			asks := 0
			n.during(func(string) *trouble {
				if asks++; asks%c.every != 0 {
					return nil
				}
				return n.troubles[name]
			})
			a, err := handle(t.Context(), r.sandbox(r.Store, n), s3Event(r.Bucket, r.Put(troubled())))
			if err != nil || a.Complete != 1 || n.met < 3 {
				t.Fatalf("%+v %v, %d requests met it", a, err, n.met)
			}
			if int64(n.requests) != least+int64(n.met) || a.Requests != int64(n.requests) {
				t.Errorf("%d requests, the document says %d; %d and %d refused are enough", n.requests, a.Requests, least, n.met)
			}
			imposed := time.Duration(n.met) * asked
			if waited := r.Clock.Waited(); waited < imposed/2 || waited > imposed*3/2 {
				t.Errorf("waited %s, the receiver asked for %s", waited, imposed)
			}
		})
	}
}

// A scan event that stays in doubt is repeated, but seldom.
func TestScanEventInDoubtIsRepeatedSeldom(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	n := newNetwork(r)
	n.during(func(body string) *trouble {
		if !strings.Contains(body, securityevent.TypeCompleted) {
			return nil
		}
		return n.troubles["500"]
	})
	a, err := handle(t.Context(), r.sandbox(r.Store, n), s3Event(r.Bucket, r.Put(troubled())))
	if err != nil || a.Pending != 1 || n.met < 10 || n.met > 50 || r.Clock.Waited() < 13*time.Minute {
		t.Errorf("%+v %v: %d requests in %s", a, err, n.met, r.Clock.Waited())
	}
}

// A limit on the size of bodies that was learned from the receiver holds for the next
// generation, too.
func TestLearnedLimitOutlivesDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { c.MaxBatchBytes, c.SendConcurrency = 100_000, 1 })
	n := newNetwork(r)
	large, doubts := 0, 0
	n.during(func(body string) *trouble {
		switch {
		case len(body) > 30_000:
			large++
			return n.troubles["413 smaller limit"]
		case large > 0 && doubts == 0:
			doubts++
			return n.troubles["500"]
		}
		return nil
	})
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 500})
	a, err := handle(t.Context(), r.sandbox(r.Store, n), s3Event(r.Bucket, key))
	if err != nil || a.Complete != 1 || r.Document(key).Generation != 2 || large > 4 {
		t.Errorf("%+v %v: generation %d, %d bodies were too large", a, err, r.Document(key).Generation, large)
	}
}

// If an invocation dies between the commit and its last write, the figures of the
// delivery are in the archive.
func TestQuarantineIsCountedAfterACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	poison := site.Refusing(400, func(b string) bool { return strings.Contains(b, `/host-7"`) })
	r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
		committing := strings.Contains(r.Sent(n), securityevent.TypeCompleted)
		r.Dead.Store(committing)
		return poison(n, w, req)
	})
	key := r.Put(troubled())
	if _, err := handle(t.Context(), r.forwarder(), s3Event(r.Bucket, key)); err == nil {
		t.Fatal("the invocation did not die")
	}
	r.Dead.Store(false)
	r.SetIntercept(nil)
	r.calm(r.forwarder)
	d := r.Document(key)
	if d.State != archive.DeliveryComplete || d.Accepted != 62 || d.Quarantined != 1 {
		t.Errorf("%+v", d)
	}
	r.conserved(&d, r.refusedOf(key, d.Generation))
}

// An object that needs 20 invocations ends, in one generation.
func TestObjectOfManyInvocationsEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
	r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool {
		r.Clock.Advance(25 * time.Second) // two requests, and the time is over
		return false
	})
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 360, Passing: 1})
	payload, invocations := s3Event(r.Bucket, key), 0
	for state := ""; state != archive.DeliveryComplete; state = r.Document(key).State {
		if invocations++; invocations > 60 {
			t.Fatalf("no end: %+v", r.Document(key))
		}
		ctx, cancel := context.WithDeadline(t.Context(), r.Clock.Now().Add(time.Minute))
		if _, err := handle(ctx, r.forwarder(), payload); err != nil {
			t.Fatal(err)
		}
		cancel()
		payload = sweepPayload
	}
	d := r.Document(key)
	if invocations < 20 || d.Generation != 1 || d.Accepted != 361 || int64(r.Requests) != d.Requests {
		t.Errorf("%d invocations, %d requests: %+v", invocations, r.Requests, d)
	}
	for i, body := range r.Bodies {
		if !strings.Contains(body, fmt.Sprintf(`"scan.id":%q`, d.ScanID)) || strings.Contains(body, securityevent.TypeCompleted) != (i == len(r.Bodies)-1) {
			t.Errorf("body %d of %d is of another scan, or out of order", i, len(r.Bodies))
		}
	}
	r.conserved(&d, nil)
	r.Shown("vc-a failed=360 passed=1 posture=50")
}
