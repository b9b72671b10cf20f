package forward_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// A replay beside a trigger's delivery of the same object sends nothing, and
// says so; so does a trigger beside a replay.
func TestReplayBesideADelivery(t *testing.T) {
	t.Parallel()
	for name, force := range map[string]string{"plain": "", "forced": `,"force":true`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, small)
			k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
			beside := func() {}
			r.intercept = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					beside()
				}
				return false
			}
			beside = func() {
				a := r.replayed(key(k) + force)
				if a.Pending != 1 || a.Complete != 0 || !strings.Contains(strings.Join(a.Reasons, " "), "another invocation holds the lease") || !strings.Contains(a.Next, "again") {
					t.Errorf("%+v", a)
				}
			}
			r.delivered(k, archive.DeliveryComplete)
			if d := r.document(k); d.Generation != 1 || d.Force {
				t.Errorf("%+v", d)
			}
			r.requests = 0
			beside = func() { r.delivered(k, "busy") }
			if a := r.replayed(key(k) + force); a.Complete != 1 || r.document(k).Generation != 2 {
				t.Errorf("%+v", a)
			}
			r.shown("vc-a failed=60 passed=0 posture=0")
		})
	}
}

// What the bucket's lifecycle has deleted cannot be sent again. The answer says
// what can be done, and the delivery document stays as it is.
func TestReplayOfWhatHasExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	gone := r.put(scan{system: "vc-a", minute: 1, failing: 5})
	r.delivered(gone, archive.DeliveryComplete)
	k := r.put(scan{system: "vc-b", minute: 1, failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	if _, err := r.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.bucket, Key: &gone}); err != nil {
		t.Fatal(err)
	}
	before, requests := r.document(gone).WriteID, r.requests
	for _, members := range []string{key(gone), key(gone) + `,"force":true`, key(gone) + `,"dryRun":true`} {
		_, err := r.replay(t.Context(), members)
		if fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), gone) || !strings.Contains(err.Error(), "expired") {
			t.Errorf("%s: %v", members, err)
		}
	}
	if r.document(gone).WriteID != before || r.requests != requests {
		t.Error("something was written or sent")
	}
	if a := r.replayed(`"prefix":"raw/"`); a.Selected != 1 || a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=5 passed=0 posture=0", "vc-b failed=3 passed=0 posture=0")
}
