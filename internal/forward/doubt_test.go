package forward_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

// force makes the next delivery of a scan lower the order.
func (r *rig) force(key string) {
	r.t.Helper()
	info, err := r.store.Head(r.t.Context(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	doc := archive.Doc[archive.Delivery]{Value: archive.Delivery{
		RawKey: key, ETag: info.ETag, Scan: archive.Scan{State: archive.DeliverySending, Force: true},
	}}
	if err := archive.Save(r.t.Context(), r.store, archive.DeliveryKey(key), archive.DeliverySchema, &doc); err != nil {
		r.t.Fatal(err)
	}
}

// The holder of a committed scan dies; whoever comes next cannot announce it;
// then an older scan is forced. What the dead one has sent is not known any
// more, so that the newer one must not go on.
func TestCommittedScanDoesNotGoOnAfterAnotherOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	older := r.put(scan{system: "vc-a", minute: 1, failing: 20})
	newer := r.put(scan{system: "vc-a", minute: 2, failing: 50})
	ctx, cancel := context.WithCancel(t.Context())
	unavailable := func(w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":503}}`))
		return true
	}
	r.intercept = func(_ int, w http.ResponseWriter, req *http.Request) bool {
		body, err := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body)) // the receiver reads it, too
		if err != nil || !bytes.Contains(body, []byte(securityevent.TypeCompleted)) {
			return false
		}
		r.dead.Store(true) // after the commit point
		cancel()
		return unavailable(w)
	}
	if _, err := r.forwarder().Deliver(ctx, newer); err == nil {
		t.Fatal("the delivery did not notice")
	}
	r.dead.Store(false)
	r.clock.ahead += 20 * time.Minute
	r.intercept = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return unavailable(w) }
	if out := r.delivered(newer, archive.DeliverySending); out.Scan.Generation != 1 || !out.Scan.Doubt {
		t.Errorf("released as generation %d, doubt %v", out.Scan.Generation, out.Scan.Doubt)
	}
	r.intercept = nil
	r.force(older)
	r.delivered(older, archive.DeliveryComplete)
	r.shown("vc-a failed=20 passed=0 posture=0")
	if out := r.delivered(newer, archive.DeliveryComplete); out.Scan.Generation != 2 {
		t.Errorf("generation %d goes on", out.Scan.Generation)
	}
	r.shown("vc-a failed=50 passed=0 posture=0")
}
