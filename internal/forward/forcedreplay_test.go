package forward_test

import (
	"net/http"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
)

// What an operator forced, and nobody could finish, is for the posture that the
// operator saw: it does not take the place of an analysis that came meanwhile.
func TestForcedReplayDoesNotReplaceWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	old := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.put(scan{system: "vc-a", minute: 2, failing: 3}), archive.DeliveryComplete)
	r.intercept = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		answer(w, http.StatusTooManyRequests)
		return true
	}
	if a := r.replayed(key(old) + `,"force":true`); a.Pending != 1 {
		t.Errorf("%+v", a)
	}
	r.intercept = nil
	r.delivered(r.put(scan{system: "vc-a", minute: 3, failing: 1}), archive.DeliveryComplete)
	r.advance(15 * time.Minute)
	if a, err := r.sweep(); err != nil || a.Superseded != 1 {
		t.Errorf("%+v %v", a, err)
	}
	r.shown("vc-a failed=1 passed=0 posture=0")
	if a := r.replayed(key(old) + `,"force":true`); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=60 passed=0 posture=0")
}

// The next analysis may be committed while the forced one is being sent.
func TestForcedReplayIsOvertaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.put(scan{system: "vc-a", minute: 1, failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.put(scan{system: "vc-a", minute: 2, failing: 3}), archive.DeliveryComplete)
	from := r.requests
	r.intercept = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == from {
			r.delivered(r.put(scan{system: "vc-a", minute: 3, failing: 1}), archive.DeliveryComplete)
		}
		return false
	}
	if a := r.replayed(key(old) + `,"force":true`); a.Superseded != 1 {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=1 passed=0 posture=0")
}
