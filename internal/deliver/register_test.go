package deliver_test

import (
	"net/http"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// refuseScanEvents lets the receiver refuse the scan events of a system for good.
func (r *rig) refuseScanEvents(system string) {
	r.SetIntercept(site.Refusing(http.StatusBadRequest, func(body string) bool {
		return strings.Contains(body, securityevent.TypeCompleted) && strings.Contains(body, system)
	}))
}

// An older scan is forced several times, and its scan event is refused each time. The
// scan that was committed before still counts, and older scans are superseded by it.
func TestForcedAndRefusedScanOpensNothing(t *testing.T) {
	t.Parallel()
	for name, tries := range map[string]int{"once": 1, "twice": 2, "three times": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			oldest := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
			between := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
			r.delivered(r.Put(scan{System: "vc-a", Minute: 3, Failing: 3}), archive.DeliveryComplete)
			r.refuseScanEvents("vc-a")
			for try := range tries {
				r.replayed(oldest, archive.DeliveryFailed, deliver.Request{JobID: string(rune('a' + try)), Force: true})
			}
			r.SetIntercept(nil)
			r.delivered(between, archive.DeliverySuperseded)
			r.Shown("vc-a failed=3 passed=0 posture=0")
			if out, err := r.request(t.Context(), oldest, deliver.Request{JobID: "z"}); err != nil || out.State != deliver.StateOlder {
				t.Errorf("sent again without force: %q, %v", out.State, err)
			}
			r.replayed(oldest, archive.DeliveryComplete, deliver.Request{JobID: "y", Force: true})
			r.Shown("vc-a failed=1 passed=0 posture=0")
		})
	}
}

// A scan whose scan event is refused, once or several times, holds back no scan that is
// newer than the one shown.
func TestRefusedScanHoldsBackNothing(t *testing.T) {
	t.Parallel()
	for name, tries := range map[string]int{"once": 1, "twice": 2, "three times": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), archive.DeliveryComplete)
			between := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
			newest := r.Put(scan{System: "vc-a", Minute: 3, Failing: 3})
			r.refuseScanEvents("vc-a")
			for try := range tries {
				r.replayed(newest, archive.DeliveryFailed, deliver.Request{JobID: string(rune('a' + try))})
			}
			r.SetIntercept(nil)
			r.delivered(between, archive.DeliveryComplete)
			r.Shown("vc-a failed=2 passed=0 posture=0")
		})
	}
}

// A scan that is shown is replayed, and the scan event or the findings of the replay are
// refused: the scan is still shown, in the earlier generation.
func TestReplayThatFailsOpensNothing(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]string{"scan event": securityevent.TypeCompleted, "findings": securityevent.TypeFinding} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			older := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
			newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
			r.delivered(newer, archive.DeliveryComplete)
			r.SetIntercept(site.Refusing(http.StatusBadRequest, func(body string) bool { return strings.Contains(body, refuse) }))
			for _, job := range []string{"a", "b"} {
				r.replayed(newer, archive.DeliveryFailed, deliver.Request{JobID: job})
			}
			r.SetIntercept(nil)
			r.delivered(older, archive.DeliverySuperseded)
			r.Shown("vc-a failed=2 passed=0 posture=0")
		})
	}
}

// A scan event that may have been accepted before it was refused counts as
// accepted: nothing older is shown over it.
func TestRefusalAfterDoubtOpensNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	older := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
	tries := 0
	r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(r.Sent(n), securityevent.TypeCompleted) {
			return false
		}
		if tries++; tries == 1 { // accepted, but the answer is lost
			r.Receiver.Ingest(discardAnswer{}, req)
			site.Answer(w, http.StatusGatewayTimeout)
		} else {
			site.Answer(w, http.StatusBadRequest)
		}
		return true
	})
	r.delivered(newer, archive.DeliveryFailed)
	r.SetIntercept(nil)
	r.Shown("vc-a failed=2 passed=0 posture=0")
	r.delivered(older, archive.DeliverySuperseded)
	r.Shown("vc-a failed=2 passed=0 posture=0")
}

// discardAnswer is a writer that drops the answer.
type discardAnswer struct{}

func (discardAnswer) Header() http.Header         { return http.Header{} }
func (discardAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (discardAnswer) WriteHeader(int)             {}
