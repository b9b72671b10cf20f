package deliver_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// lately expects what the dashboard shows over a timeframe that ends now.
func (r *rig) lately(timeframe time.Duration, posture, failed, passed int) {
	r.T.Helper()
	since := r.Clock.Now().Add(-timeframe)
	tiles := dashboard.Compute(slices.DeleteFunc(r.Receiver.Events(), func(e dashboard.Event) bool { return e.Timestamp.Before(since) }))
	if len(tiles.Systems) != 1 {
		r.T.Fatalf("%d systems are shown over %s", len(tiles.Systems), timeframe)
	}
	if s := tiles.Systems[0]; s.Posture() != posture || s.Rows.Failed != failed || s.Rows.Passed != passed {
		r.T.Errorf("over %s the dashboard shows a posture of %d, %d failed and %d passed rows; want %d, %d, %d",
			timeframe, s.Posture(), s.Rows.Failed, s.Rows.Passed, posture, failed, passed)
	}
}

// The rows of a generation and its scan event belong into one timeframe of the
// dashboard: a generation that was begun on Friday does not go on on Monday.
func TestRowsAndScanEventAreInOneTimeframe(t *testing.T) {
	t.Parallel()
	for name, only := range map[string]string{"rows are left": "", "the scan event is left": securityevent.TypeCompleted} {
		for waits, generation := range map[time.Duration]int{5 * time.Hour: 1, 60 * time.Hour: 2} {
			t.Run(name+", "+waits.String(), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, site.Small)
				k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30, Passing: 1})
				if only == "" {
					r.RefuseFrom(3, http.StatusTooManyRequests)
				} else {
					r.SetIntercept(site.Refusing(http.StatusTooManyRequests, func(body string) bool { return strings.Contains(body, only) }))
				}
				r.delivered(k, archive.DeliverySending)
				r.SetIntercept(nil)
				r.Clock.Advance(waits)
				if out := r.delivered(k, archive.DeliveryComplete); out.Scan.Generation != generation {
					t.Errorf("completed in generation %d, want %d", out.Scan.Generation, generation)
				}
				for _, timeframe := range []time.Duration{24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour} {
					r.lately(timeframe, 50, 30, 1)
				}
				if n := r.Receiver.Stats().DuplicateFindings; n > 0 {
					t.Errorf("%d findings twice under one scan id", n)
				}
			})
		}
	}
}

// A generation may also grow too old within one invocation, as one that was frozen.
func TestGenerationThatGrowsOldOnItsWayBeginsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30})
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 2 {
			r.Clock.Advance(7 * time.Hour)
		}
		return false
	})
	win := deliver.WindowOf(t.Context(), r.Clock.Now().Add(8*time.Hour)) // no deadline has noticed
	out, err := deliver.New(r.Options()).Deliver(t.Context(), k, win, deliver.Request{})
	if err != nil || out.State != archive.DeliveryComplete || out.Scan.Generation != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	r.lately(time.Hour, 0, 30, 0)
}

// A pace under which a scan could not end before its rows are too old is refused
// before anything is sent or written, with the pace that suffices.
func TestPaceThatCannotEndIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 100})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Requests
	_, err := r.request(t.Context(), k, deliver.Request{JobID: "job", Rate: deliver.NewRate(0.009, time.Time{})})
	if err == nil || !strings.Contains(err.Error(), "100 events") || !strings.Contains(err.Error(), "at least 0.01 events per second") {
		t.Errorf("%v", err)
	}
	if d := r.Document(k); r.Requests != before || d.State != archive.DeliveryComplete || d.Generation != 1 || d.Replay != "" {
		t.Errorf("%d requests, %+v", r.Requests-before, d)
	}
	if out, err := r.request(t.Context(), k, deliver.Request{JobID: "job", Rate: deliver.NewRate(0.01, time.Time{})}); err != nil || out.State != archive.DeliverySending {
		t.Errorf("%+v, %v", out, err)
	}
}
