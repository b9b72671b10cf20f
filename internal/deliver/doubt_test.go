package deliver_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// An invocation dies after the commit of a scan, and the next one cannot send the scan
// event. Then an older scan is forced. It is not known what the dead invocation has sent,
// so the generation of the newer scan must not go on.
func TestCommittedScanDoesNotGoOnAfterAnotherOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	older := r.Put(scan{System: "vc-a", Minute: 1, Failing: 20})
	newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 50})
	ctx, cancel := context.WithCancel(t.Context())
	unavailable := func(w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":503}}`))
		return true
	}
	r.SetIntercept(func(_ int, w http.ResponseWriter, req *http.Request) bool {
		body, err := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body)) // the receiver reads it, too
		if err != nil || !bytes.Contains(body, []byte(securityevent.TypeCompleted)) {
			return false
		}
		r.Dead.Store(true) // after the commit point
		cancel()
		return unavailable(w)
	})
	if _, err := r.request(ctx, newer, deliver.Request{}); err == nil {
		t.Fatal("the delivery did not notice")
	}
	r.Dead.Store(false)
	r.Clock.Ahead += 20 * time.Minute
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool { return unavailable(w) })
	if out := r.delivered(newer, archive.DeliverySending); out.Scan.Generation != 1 || !out.Scan.Doubt {
		t.Errorf("released as generation %d, doubt %v", out.Scan.Generation, out.Scan.Doubt)
	}
	r.SetIntercept(nil)
	r.replayed(older, archive.DeliveryComplete, deliver.Request{JobID: "job", Force: true})
	r.Shown("vc-a failed=20 passed=0 posture=0")
	if out := r.delivered(newer, archive.DeliveryComplete); out.Scan.Generation != 2 {
		t.Errorf("generation %d goes on", out.Scan.Generation)
	}
	r.Shown("vc-a failed=50 passed=0 posture=0")
}

// After doubt the new generation is written before anything is sent under it. If another
// invocation has written the document meanwhile, nothing is sent.
func TestNothingIsSentAfterALostWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n > 0 {
			return false
		}
		doc, err := r.Store.Delivery(t.Context(), k)
		if err == nil {
			err = store.Save(t.Context(), r.Store, &doc)
		}
		if err != nil {
			t.Error(err)
		}
		site.Answer(w, http.StatusInternalServerError)
		return true
	})
	r.delivered(k, "busy")
	if r.Requests != 1 {
		t.Errorf("%d requests, the first was in doubt and the document is another's", r.Requests)
	}
}

// After doubt bodies have half the size, since smaller bodies are answered sooner.
func TestBodiesAreHalvedAfterDoubt(t *testing.T) {
	t.Parallel()
	const limit = 200_000
	r := newRig(t, func(c *forwarderconfig.Settings) { c.MaxBatchBytes = limit })
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			site.Answer(w, http.StatusInternalServerError)
		}
		return n == 0
	})
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 800})
	r.delivered(k, archive.DeliveryComplete)
	largest, id := 0, r.Document(k).ScanID
	for _, body := range r.Bodies {
		if strings.Contains(body, id) {
			largest = max(largest, len(body))
		}
	}
	if len(r.Bodies[0]) < limit*3/4 || largest > limit/2 || largest < limit*3/8 {
		t.Errorf("the first body had %d bytes, of the second generation the largest has %d", len(r.Bodies[0]), largest)
	}
}

// A scan is committed, and its scan event not accepted. If another mapping is deployed
// then, the scan is sent in a new generation: its scan event would be about other rows.
func TestCommittedScanIsSentAnewUnderAnotherMapping(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		announced := strings.Contains(r.Sent(n), securityevent.TypeCompleted)
		if announced {
			site.Answer(w, http.StatusServiceUnavailable)
		}
		return announced
	})
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 3, Passing: 2})
	r.delivered(k, archive.DeliverySending)
	r.SetIntercept(nil)
	r.Config.Mapping.IncludeResults = []securityevent.Status{"FAILED"}
	if out := r.delivered(k, archive.DeliveryComplete); out.Scan.Generation != 2 {
		t.Errorf("generation %d", out.Scan.Generation)
	}
	r.Shown("vc-a failed=3 passed=0 posture=0")
}

// A request of extras is in doubt when the time is over. Another invocation sends it once
// more, and the document says that its events may be there twice.
func TestDoubtAtTheEndOfTheTimeIsWrittenDown(t *testing.T) {
	t.Parallel()
	for name, findings := range map[string]int{"with findings": 10, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withVulnerabilities)
			key := r.Put(weak(findings, 3))
			r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
				if !is(securityevent.TypeVulnerability)(r.Sent(n)) {
					return false
				}
				r.Receiver.Ingest(httptest.NewRecorder(), req)
				r.Clock.Advance(16 * time.Minute) // the invocation's time is over
				w.WriteHeader(http.StatusGatewayTimeout)
				return true
			})
			if d := r.delivered(key, archive.DeliverySending).Scan; !d.DuplicatesPossible {
				t.Errorf("nobody can know whether the events came: %+v", d)
			}
			r.SetIntercept(nil)
			if d := r.delivered(key, archive.DeliveryComplete).Scan; !d.DuplicatesPossible || d.Generation != 1 {
				t.Errorf("they came twice: %+v", d)
			}
		})
	}
}
