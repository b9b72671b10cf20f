package forward_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// longAgo delivers a scan, and sweeps so much later that no sweep looks back
// at it.
func (r *rig) longAgo(s scan) string {
	r.T.Helper()
	k := r.Put(s)
	r.delivered(k, archive.DeliveryComplete)
	r.Clock.Ahead = 100 * 24 * time.Hour
	if _, err := r.sweep(); err != nil || r.from() == site.Night.Format(time.DateOnly) {
		r.T.Fatalf("looks from %s, %v", r.from(), err)
	}
	return k
}

// A replay of an old scan that is interrupted is finished by the sweep, however
// it ended.
func TestSweepFinishesInterruptedReplaysOfOldScans(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(r *rig, w http.ResponseWriter){
		"released": func(_ *rig, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"dead": func(r *rig, w http.ResponseWriter) {
			r.Dead.Store(true)
			w.WriteHeader(http.StatusForbidden)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, site.Small)
			k := r.longAgo(scan{System: "vc-a", Minute: 1, Failing: 60})
			from := r.Requests
			r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n >= from+2 {
					interrupt(r, w)
				}
				return n >= from+2
			})
			_, _ = r.replay(t.Context(), key(k))
			if d := r.Document(k); d.State != archive.DeliverySending {
				t.Fatalf("the replay was not interrupted: %s", d.State)
			}
			r.SetIntercept(nil)
			r.Dead.Store(false)
			r.Clock.Ahead += time.Hour // the lease ran out
			if a, err := r.sweep(); err != nil || a.Complete != 1 {
				t.Errorf("%+v %v", a, err)
			}
			if a, err := r.sweep(); err != nil || a.Objects != 0 || r.from() == site.Night.Format(time.DateOnly) {
				t.Errorf("looks from %s: %+v %v", r.from(), a, err)
			}
			r.Shown("vc-a failed=60 passed=0 posture=0")
		})
	}
}

// A sweep that could not look writes no metric; one that could not deliver counts what is
// open.
func TestSweepCountsWhatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	r.Put(scan{System: "vc-b", Minute: 1, Failing: 1})
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true })
	if _, err := r.sweep(); fault.ClassOf(err) != fault.Auth {
		t.Error(err)
	}
	if got := r.Metrics.String(); !strings.Contains(got, `"Pending":2`) {
		t.Errorf("a sweep that met a dead endpoint counted %s", got)
	}
	r.Metrics.Reset()
	blind := r.sandbox(store.New(unlisted{r.S3}, r.Bucket), r.Server.Client().Transport)
	if _, err := blind.Sweep(t.Context()); err == nil || strings.Contains(r.Metrics.String(), "Pending") {
		t.Errorf("a sweep that could not look: %v, counted %s", err, r.Metrics.String())
	}
}

// unlisted is a bucket that may not be listed.
type unlisted struct{ *s3.Client }

func (unlisted) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return nil, errors.New("no list")
}
