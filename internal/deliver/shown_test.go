package deliver_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// dropRegister deletes the register of a system.
func (r *rig) dropRegister(system string) {
	r.T.Helper()
	if _, err := r.S3.DeleteObject(r.T.Context(), &s3.DeleteObjectInput{Bucket: &r.Bucket, Key: aws.String(archive.RegisterKey(system))}); err != nil {
		r.T.Fatal(err)
	}
}

// If the register was lost, or an earlier version of it restored, no older scan is shown
// again: the delivery documents say what is shown.
func TestLostRegisterBringsNoOldNewsBack(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(r *rig, earlier store.Doc[archive.Register]){
		"deleted": func(r *rig, _ store.Doc[archive.Register]) { r.dropRegister("vc-a") },
		"an earlier version restored": func(r *rig, earlier store.Doc[archive.Register]) {
			now, err := r.Store.Register(r.T.Context(), "vc-a")
			if err != nil {
				r.T.Fatal(err)
			}
			now.Value = earlier.Value
			if err := store.Save(r.T.Context(), r.Store, &now); err != nil {
				r.T.Fatal(err)
			}
		},
	} {
		for newest, put := range map[string]func(r *rig) string{
			"of a run": func(r *rig) string { return r.Put(scan{System: "vc-a", Minute: 3, Failing: 3}) },
			"of the next day's run": func(r *rig) string {
				r.Clock.Advance(24 * time.Hour)
				return r.Put(scan{System: "vc-a", Minute: 24 * 60, Failing: 3})
			},
			"hand-made": func(r *rig) string {
				r.Upload("raw/manual/x.json", site.Saved("vc-a 3@30"))
				return "raw/manual/x.json"
			},
			"one of several, hand-made": func(r *rig) string {
				r.Upload("raw/manual/x.json", site.Saved("vc-b 1@30", "vc-a 3@30"))
				return "raw/manual/x.json"
			},
		} {
			t.Run(name+", the newest is "+newest, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, nil)
				r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), archive.DeliveryComplete)
				earlier, err := r.Store.Register(t.Context(), "vc-a")
				if err != nil {
					t.Fatal(err)
				}
				second := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2}) // its trigger is lost
				third := put(r)
				r.delivered(third, archive.DeliveryComplete)
				lose(r, earlier)
				r.delivered(second, archive.DeliverySuperseded)
				if shown := r.Shows(); !strings.HasPrefix(shown[0], "vc-a failed=3 ") {
					t.Errorf("the dashboard shows %q", shown)
				}
				// A newer scan is delivered as usual, and is shown.
				r.Clock.Advance(25 * time.Hour)
				r.delivered(r.Put(scan{System: "vc-a", Minute: 49 * 60, Failing: 4}), archive.DeliveryComplete)
				if shown := r.Shows(); !strings.HasPrefix(shown[0], "vc-a failed=4 ") {
					t.Errorf("the dashboard shows %q", shown)
				}
			})
		}
	}
}

// The register may also be lost while a scan is sent, after another scan was shown.
func TestRegisterLostOnTheWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	older := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30})
	newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 2 {
			r.delivered(newer, archive.DeliveryComplete)
			r.dropRegister("vc-a")
		}
		return false
	})
	r.delivered(older, archive.DeliverySuperseded)
	r.Shown("vc-a failed=2 passed=0 posture=0")
}

// Without a register a scan is not held back by scans that were never shown, nor by scans
// of another system. A forced scan is shown.
func TestLostRegisterHoldsBackNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	first := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	refused := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2})
	r.refuseScanEvents("vc-a")
	r.delivered(refused, archive.DeliveryFailed)
	r.SetIntercept(nil)
	r.delivered(r.Put(scan{System: "vc-b", Minute: 3, Failing: 3}), archive.DeliveryComplete)
	r.dropRegister("vc-a")
	r.delivered(first, archive.DeliveryComplete)
	third := r.Put(scan{System: "vc-a", Minute: 4, Failing: 4})
	r.delivered(third, archive.DeliveryComplete)
	r.dropRegister("vc-a")
	r.replayed(first, archive.DeliveryComplete, deliver.Request{JobID: "job", Force: true})
	r.Shown("vc-a failed=1 passed=0 posture=0", "vc-b failed=3 passed=0 posture=0")
	r.dropRegister("vc-a")
	r.replayed(third, archive.DeliveryComplete, deliver.Request{JobID: "back"})
	r.Shown("vc-a failed=4 passed=0 posture=0", "vc-b failed=3 passed=0 posture=0")
}

// The key of a run whose schedule was late sorts before that of a run that began earlier.
// The scan that it has shown is found where the register is lost.
func TestLostRegisterFindsTheLateRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	second := r.Put(scan{System: "vc-a", Minute: 20, Failing: 2}) // its trigger is lost
	late := scan{System: "vc-a", Minute: 30, Failing: 3}
	scheduled := scan{System: "vc-a", Minute: 10}
	key := r.PutAs(archive.RawKey(late.Started(), scheduled.Run(), "vc-a", "vc-a"), late)
	r.delivered(key, archive.DeliveryComplete)
	r.dropRegister("vc-a")
	r.delivered(second, archive.DeliverySuperseded)
	r.Shown("vc-a failed=3 passed=0 posture=0")
}

// The documents of the scan's own run are not listed: for a run of many systems each
// delivery would else list all of them.
func TestOthersOfTheRunAreNotListed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	one := scan{System: "vc-a", Minute: 1, Failing: 1}
	for _, system := range []string{"vc-0", "vc-b", "vc-c"} {
		r.delivered(r.Put(scan{System: system, Minute: 1, Failing: 1}), archive.DeliveryComplete)
	}
	key, o, listed := r.Put(one), r.Options(), &listed{API: r.S3}
	o.Archive = store.New(listed, r.Bucket)
	out, err := deliver.New(o).Deliver(t.Context(), key, deliver.WindowOf(t.Context(), r.Clock.Now()), deliver.Request{})
	if err != nil || out.State != archive.DeliveryComplete {
		t.Fatalf("%+v %v", out, err)
	}
	if n := listed.keys.Load(); n != 0 || listed.calls.Load() == 0 {
		t.Errorf("%d keys were listed by %d listings", n, listed.calls.Load())
	}
}

// listed counts the keys that listings of S3 bring.
type listed struct {
	store.API
	calls, keys atomic.Int64
}

func (l *listed) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, options ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out, err := l.API.ListObjectsV2(ctx, in, options...)
	l.calls.Add(1)
	if err == nil {
		l.keys.Add(int64(len(out.Contents)))
	}
	return out, err
}
