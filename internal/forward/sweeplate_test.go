package forward_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// An object may appear under a day that no quick look reaches any more. However it came
// there, a sweep delivers it within a day.
func TestSweepFindsLateObjects(t *testing.T) {
	t.Parallel()
	late := scan{System: "vc-late", Minute: 1, Failing: 60}
	for name, come := range map[string]func(r *rig) []scan{
		"its trigger was lost": func(r *rig) []scan {
			r.Put(late)
			return []scan{late}
		},
		"its trigger met 429": func(r *rig) []scan {
			r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			r.delivered(r.Put(late), archive.DeliverySending)
			r.SetIntercept(nil)
			return []scan{late}
		},
		"its trigger died before the first state": func(r *rig) []scan {
			key := r.Put(late)
			r.Dead.Store(true)
			if _, err := r.deliver(key); err == nil || r.Document(key).State != "" {
				r.T.Fatalf("it did not die: %v, %+v", err, r.Document(key))
			}
			r.Dead.Store(false)
			return []scan{late}
		},
		"its archive was copied": func(r *rig) []scan {
			var all []scan
			for minute := range 3 {
				for _, system := range []string{"vc-b", "vc-c"} {
					all = append(all, scan{System: system, Minute: 10 + minute, Failing: 5 + minute})
					r.Put(all[len(all)-1])
				}
			}
			return append(all, scan{System: "vc-0", Minute: 1, Failing: 1})
		},
		"its run took longer than sweeps look back": func(r *rig) []scan {
			slow := late
			slow.Minute = int((r.Clock.Now().Add(-72 * time.Hour).Sub(scan{}.Started())) / time.Minute)
			r.Put(slow)
			return []scan{slow}
		},
		"a sweep's clock was ahead": func(r *rig) []scan {
			r.Clock.Ahead += 400 * 24 * time.Hour
			r.quiet()
			r.Clock.Ahead -= 400 * 24 * time.Hour
			r.Put(late)
			return []scan{late}
		},
		"what sweeps remember was cut off": func(r *rig) []scan {
			r.Upload(archive.SweepKey, []byte(`{"schema":"runecast-sweep/1","from":"2026`))
			r.Put(late)
			return []scan{late}
		},
		"what sweeps remember is another document": func(r *rig) []scan {
			r.Upload(archive.SweepKey, []byte(`{"schema":"runecast-run/7"}`))
			r.Put(late)
			return []scan{late}
		},
		"what sweeps remember is ahead of time": func(r *rig) []scan {
			ahead := r.Clock.Now().Add(900 * 24 * time.Hour).UTC().Format(time.RFC3339)
			r.Upload(archive.SweepKey, fmt.Appendf(nil, `{"schema":"runecast-sweep/1","from":%q,"updatedAt":%q,"fullLookAt":%q}`, ahead, ahead, ahead))
			r.Put(late)
			return []scan{late}
		},
		"it lies under no day at all": func(r *rig) []scan {
			r.PutAs("raw/v1/elsewhere/vc-late-00000000.json.gz", late)
			r.PutAs("raw/restored/"+late.Key(), late)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, site.Small)
			r.delivered(r.Put(scan{System: "vc-0", Minute: 1, Failing: 1}), archive.DeliveryComplete)
			r.Clock.Ahead += 100 * 24 * time.Hour
			r.quiet()
			scans := come(r)
			for range 24 * time.Hour / sweepEvery {
				r.Clock.Ahead += sweepEvery
				if _, err := r.sweep(); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range scans {
				if d := r.Document(s.Key()); d.State != archive.DeliveryComplete && d.State != archive.DeliverySuperseded {
					t.Errorf("%s: %q %s", s.Key(), d.State, d.Reason)
				}
			}
			open := 0
			for tracked, err := range r.Store.Deliveries(t.Context(), r.Store.List(t.Context(), archive.RawPrefix, "")) {
				if err != nil {
					t.Fatal(err)
				}
				if !tracked.Ended() {
					open++
				}
			}
			if open > 0 {
				t.Errorf("%d objects are open", open)
			}
			if st := r.Receiver.Stats(); st.DuplicateFindings > 0 {
				t.Errorf("%d findings twice", st.DuplicateFindings)
			}
		})
	}
}

// sweepEvery is the time between two sweeps of the schedule.
const sweepEvery = 15 * time.Minute

// quiet sweeps, and expects that nothing was left to do.
func (r *rig) quiet() {
	r.T.Helper()
	if a, err := r.sweep(); err != nil || a.Objects != 0 {
		r.T.Fatalf("%+v %v", a, err)
	}
}

// If a delivery document is restored to a version from before the delivery ended, the
// object is open again, even if the version changed between a sweep's listing and read.
func TestSweepSeesARestoredDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= 2 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n >= 2
	})
	r.delivered(key, archive.DeliverySending)
	before := r.download(archive.DeliveryKey(key))
	r.SetIntercept(nil)
	race := &listedBefore{Client: r.S3, then: func() { r.delivered(key, archive.DeliveryComplete) }}
	if a, err := r.sandbox(store.New(race, r.Bucket), r.Server.Client().Transport).Sweep(t.Context()); err != nil || a.Objects != 0 {
		t.Fatalf("%+v %v", a, err)
	}
	r.Upload(archive.DeliveryKey(key), before)
	r.Clock.Ahead += 24 * time.Hour // time for a full look
	if a, err := r.sweep(); err != nil || a.Objects != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

// listedBefore lists delivery documents, and then lets something happen to them.
type listedBefore struct {
	*s3.Client
	once sync.Once
	then func()
}

func (l *listedBefore) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out, err := l.Client.ListObjectsV2(ctx, in, o...)
	if strings.HasPrefix(*in.Prefix, archive.DeliveryPrefix) {
		l.once.Do(l.then)
	}
	return out, err
}

func (r *rig) download(key string) []byte {
	r.T.Helper()
	out, err := r.S3.GetObject(r.T.Context(), &s3.GetObjectInput{Bucket: &r.Bucket, Key: &key})
	if err != nil {
		r.T.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	return body
}

// An object that cannot be read is tried by every sweep, and its reason is kept
// for whoever asks.
func TestSweepKeepsTheReasonOfAnUnreadableObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	bad := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	r.Upload(archive.DeliveryKey(bad), []byte("{nonsense"))
	r.Clock.Ahead += 100 * 24 * time.Hour
	for range 2 {
		a, err := r.sweep()
		if err != nil || len(a.Reasons) != 1 || !strings.Contains(a.Reasons[0], "not readable") {
			t.Errorf("%+v %v", a, err)
		}
		if open := r.memory().Open; len(open) != 1 || open[0].Key != bad || !strings.Contains(open[0].Reason, "not readable") {
			t.Errorf("remembers %+v", open)
		}
	}
	// If none of several objects can be delivered, the sweep fails.
	other := r.Put(scan{System: "vc-b", Minute: 1, Failing: 1})
	r.Upload(archive.DeliveryKey(other), []byte("{nonsense"))
	r.Clock.Ahead += 25 * time.Hour
	if fault.ClassOf(func() error { _, err := r.sweep(); return err }()) != fault.Reject {
		t.Error("the class is lost")
	}
}
