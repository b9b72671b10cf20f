package forward_test

import (
	"net/http"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/site"
)

// A forced replay that was interrupted is meant to replace the scan that the operator
// saw. It does not replace a newer one that was committed meanwhile.
func TestForcedReplayDoesNotReplaceWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 2, Failing: 3}), archive.DeliveryComplete)
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		site.Answer(w, http.StatusTooManyRequests)
		return true
	})
	if a := r.replayed(key(old) + `,"force":true`); a.Pending != 1 {
		t.Errorf("%+v", a)
	}
	r.SetIntercept(nil)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 3, Failing: 1}), archive.DeliveryComplete)
	r.Clock.Advance(15 * time.Minute)
	if a, err := r.sweep(); err != nil || a.Superseded != 1 {
		t.Errorf("%+v %v", a, err)
	}
	r.Shown("vc-a failed=1 passed=0 posture=0")
	if a := r.replayed(key(old) + `,"force":true`); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

// The next analysis may be committed while the forced one is being sent.
func TestForcedReplayIsOvertaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 2, Failing: 3}), archive.DeliveryComplete)
	from := r.Requests
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == from {
			r.delivered(r.Put(scan{System: "vc-a", Minute: 3, Failing: 1}), archive.DeliveryComplete)
		}
		return false
	})
	if a := r.replayed(key(old) + `,"force":true`); a.Superseded != 1 {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=1 passed=0 posture=0")
}
