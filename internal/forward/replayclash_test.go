package forward_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/site"
)

// A replay beside a trigger's delivery of the same object sends nothing, and
// says so; so does a trigger beside a replay.
func TestReplayBesideADelivery(t *testing.T) {
	t.Parallel()
	for name, force := range map[string]string{"plain": "", "forced": `,"force":true`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, site.Small)
			k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
			beside := func() {}
			r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					beside()
				}
				return false
			})
			beside = func() {
				a := r.replayed(key(k) + force)
				if a.Pending != 1 || a.Complete != 0 || !strings.Contains(strings.Join(a.Reasons, " "), "another invocation holds the lease") || !strings.Contains(a.Next, "again") {
					t.Errorf("%+v", a)
				}
			}
			r.delivered(k, archive.DeliveryComplete)
			if d := r.Document(k); d.Generation != 1 || d.Force {
				t.Errorf("%+v", d)
			}
			r.Requests = 0
			beside = func() { r.delivered(k, "busy") }
			if a := r.replayed(key(k) + force); a.Complete != 1 || r.Document(k).Generation != 2 {
				t.Errorf("%+v", a)
			}
			r.Shown("vc-a failed=60 passed=0 posture=0")
		})
	}
}

// An object that the bucket's lifecycle has deleted cannot be sent again. The answer says
// what can be done, and the delivery document stays as it is.
func TestReplayOfWhatHasExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	gone := r.Put(scan{System: "vc-a", Minute: 1, Failing: 5})
	r.delivered(gone, archive.DeliveryComplete)
	k := r.Put(scan{System: "vc-b", Minute: 1, Failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	if _, err := r.S3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.Bucket, Key: &gone}); err != nil {
		t.Fatal(err)
	}
	before, requests := r.Document(gone).WriteID, r.Requests
	for _, members := range []string{key(gone), key(gone) + `,"force":true`, key(gone) + `,"dryRun":true`} {
		_, err := r.replay(t.Context(), members)
		if fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), gone) || !strings.Contains(err.Error(), "expired") {
			t.Errorf("%s: %v", members, err)
		}
	}
	if r.Document(gone).WriteID != before || r.Requests != requests {
		t.Error("something was written or sent")
	}
	if a := r.replayed(`"prefix":"raw/"`); a.Selected != 1 || a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=5 passed=0 posture=0", "vc-b failed=3 passed=0 posture=0")
}
