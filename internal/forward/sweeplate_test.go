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
	"runecast-ingest/internal/store"
)

// An object may turn up under a day that all sweeps have left behind them. In
// whatever way it came there, it is delivered within a day of sweeps.
func TestSweepFindsLateObjects(t *testing.T) {
	t.Parallel()
	late := scan{system: "vc-late", minute: 1, failing: 60}
	for name, come := range map[string]func(r *rig) []scan{
		"its trigger was lost": func(r *rig) []scan {
			r.put(late)
			return []scan{late}
		},
		"its trigger met 429": func(r *rig) []scan {
			r.intercept = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			r.delivered(r.put(late), archive.DeliverySending)
			r.intercept = nil
			return []scan{late}
		},
		"its trigger died before the first state": func(r *rig) []scan {
			key := r.put(late)
			r.dead.Store(true)
			if _, err := r.deliver(key); err == nil || r.document(key).State != "" {
				r.t.Fatalf("it did not die: %v, %+v", err, r.document(key))
			}
			r.dead.Store(false)
			return []scan{late}
		},
		"its archive was copied": func(r *rig) []scan {
			var all []scan
			for minute := range 3 {
				for _, system := range []string{"vc-b", "vc-c"} {
					all = append(all, scan{system: system, minute: 10 + minute, failing: 5 + minute})
					r.put(all[len(all)-1])
				}
			}
			return append(all, scan{system: "vc-0", minute: 1, failing: 1})
		},
		"its run took longer than sweeps look back": func(r *rig) []scan {
			slow := late
			slow.minute = int((r.clock.Now().Add(-72 * time.Hour).Sub(scan{}.started())) / time.Minute)
			r.put(slow)
			return []scan{slow}
		},
		"a sweep's clock was ahead": func(r *rig) []scan {
			r.clock.ahead += 400 * 24 * time.Hour
			r.quiet()
			r.clock.ahead -= 400 * 24 * time.Hour
			r.put(late)
			return []scan{late}
		},
		"what sweeps remember was cut off": func(r *rig) []scan {
			r.upload(archive.SweepKey, []byte(`{"schema":"runecast-sweep/1","from":"2026`))
			r.put(late)
			return []scan{late}
		},
		"what sweeps remember is another document": func(r *rig) []scan {
			r.upload(archive.SweepKey, []byte(`{"schema":"runecast-run/7"}`))
			r.put(late)
			return []scan{late}
		},
		"what sweeps remember is ahead of time": func(r *rig) []scan {
			ahead := r.clock.Now().Add(900 * 24 * time.Hour).UTC().Format(time.RFC3339)
			r.upload(archive.SweepKey, fmt.Appendf(nil, `{"schema":"runecast-sweep/1","from":%q,"updatedAt":%q,"fullLookAt":%q}`, ahead, ahead, ahead))
			r.put(late)
			return []scan{late}
		},
		"it lies under no day at all": func(r *rig) []scan {
			r.putAs("raw/v1/elsewhere/vc-late-00000000.json.gz", late)
			r.putAs("raw/restored/"+late.key(), late)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, small)
			r.delivered(r.put(scan{system: "vc-0", minute: 1, failing: 1}), archive.DeliveryComplete)
			r.clock.ahead += 100 * 24 * time.Hour
			r.quiet()
			scans := come(r)
			for range 24 * time.Hour / sweepEvery {
				r.clock.ahead += sweepEvery
				if _, err := r.sweep(); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range scans {
				if d := r.document(s.key()); d.State != archive.DeliveryComplete && d.State != archive.DeliverySuperseded {
					t.Errorf("%s: %q %s", s.key(), d.State, d.Reason)
				}
			}
			open := 0
			for tracked, err := range r.store.Deliveries(t.Context(), r.store.List(t.Context(), archive.RawPrefix, "")) {
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
			if st := r.receiver.Stats(); st.DuplicateFindings > 0 {
				t.Errorf("%d findings twice", st.DuplicateFindings)
			}
		})
	}
}

// sweepEvery is the schedule of the sweep.
const sweepEvery = 15 * time.Minute

// quiet sweeps, and expects that nothing was left to do.
func (r *rig) quiet() {
	r.t.Helper()
	if a, err := r.sweep(); err != nil || a.Objects != 0 {
		r.t.Fatalf("%+v %v", a, err)
	}
}

// A document that was put back to what it said before its delivery ended is
// open again, also where a sweep has listed it as it was and read it as it is.
func TestSweepSeesARestoredDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	key := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.intercept = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= 2 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n >= 2
	}
	r.delivered(key, archive.DeliverySending)
	before := r.download(archive.DeliveryKey(key))
	r.intercept = nil
	race := &listedBefore{Client: r.s3, then: func() { r.delivered(key, archive.DeliveryComplete) }}
	if a, err := r.sandbox(store.New(race, r.bucket), r.server.Client().Transport).Sweep(t.Context()); err != nil || a.Objects != 0 {
		t.Fatalf("%+v %v", a, err)
	}
	r.upload(archive.DeliveryKey(key), before)
	r.clock.ahead += 24 * time.Hour // time for a full look
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
	r.t.Helper()
	out, err := r.s3.GetObject(r.t.Context(), &s3.GetObjectInput{Bucket: &r.bucket, Key: &key})
	if err != nil {
		r.t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return body
}

// An object that cannot be read is tried by every sweep, and its reason is kept
// for whoever asks.
func TestSweepKeepsTheReasonOfAnUnreadableObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	bad := r.put(scan{system: "vc-a", minute: 1, failing: 1})
	r.upload(archive.DeliveryKey(bad), []byte("{nonsense"))
	r.clock.ahead += 100 * 24 * time.Hour
	for range 2 {
		a, err := r.sweep()
		if err == nil || len(a.Reasons) != 1 || !strings.Contains(a.Reasons[0], "not readable") {
			t.Errorf("%+v %v", a, err)
		}
		if open := r.memory().Open; len(open) != 1 || open[0].Key != bad || !strings.Contains(open[0].Reason, "not readable") {
			t.Errorf("remembers %+v", open)
		}
	}
	if fault.ClassOf(func() error { _, err := r.sweep(); return err }()) != fault.Reject {
		t.Error("the class is lost")
	}
}
