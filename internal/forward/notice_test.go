package forward_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// people stands in for the event bus: it gets the notices of committed scans.
type people struct {
	mu    sync.Mutex
	heard []notice.Committed
	// deaf is the error with which publishing fails; nil: it works.
	deaf error
}

func (p *people) Publish(_ context.Context, notices []notice.Committed) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf != nil {
		return len(notices), p.deaf
	}
	p.heard = append(p.heard, notices...)
	return 0, nil
}

// told expects these titles of the notices since the last call.
func (r *rig) told(want ...string) []notice.Committed {
	r.T.Helper()
	r.people.mu.Lock()
	defer r.people.mu.Unlock()
	heard := r.people.heard
	r.people.heard = nil
	var got []string
	for _, n := range heard {
		got = append(got, n.Title)
	}
	if !slices.Equal(got, want) {
		r.T.Errorf("people were told %q, want %q", got, want)
		return make([]notice.Committed, len(want))
	}
	return heard
}

// judged is a scan whose rules have these verdicts, as "CIS-1:FAIL DORA-2:PASS".
func judged(system string, minute int, rules string) scan {
	var issues []string
	for rule := range strings.FieldsSeq(rules) {
		id, status, _ := strings.Cut(rule, ":")
		profile, _, _ := strings.Cut(id, "-")
		issues = append(issues, fmt.Sprintf(`{"id":%q,"issueDisplayId":%q,"severity":"Major","type":%q,"title":"finding text","status":%q,"affectedObjectsCount":0}`, id, id, profile, status))
	}
	return scan{System: system, Minute: minute, Result: `{"issues":[` + strings.Join(issues, ",") + `]}`}
}

const (
	// The CIS rules alone have a posture of 80 and 60; there are more rules of DORA.
	eighty = "CIS-1:PASS CIS-2:PASS CIS-3:PASS CIS-4:PASS CIS-5:PASS CIS-6:PASS CIS-7:PASS CIS-8:PASS CIS-9:FAIL CIS-10:MANUAL DORA-1:FAIL DORA-2:FAIL DORA-3:PASS"
	sixty  = "CIS-1:PASS CIS-2:PASS CIS-3:PASS CIS-4:PASS CIS-5:PASS CIS-6:PASS CIS-7:FAIL CIS-8:FAIL CIS-9:FAIL CIS-10:MANUAL DORA-1:PASS DORA-2:PASS DORA-3:FAIL"

	firstOfA = "Runecast vc-a.example: posture 80 %, the first scan"
	worseOfA = "Runecast vc-a.example: posture 60 % (80 % before), 2 rules newly failed"
)

func withoutDORA(c *forwarderconfig.Settings) { c.Mapping.ExcludeTypes = []string{"DORA"} }

// rollup reads the roll-up of a system's newest committed scan.
func (r *rig) rollup(system string) archive.Rollup {
	r.T.Helper()
	d, err := r.Store.Rollup(r.T.Context(), system)
	if err != nil {
		r.T.Fatal(err)
	}
	return d.Value
}

// The notice has the figures of the dashboard, under any settings.
func TestNoticeSaysWhatTheDashboardShows(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	tile := func(posture, failed, passed int) {
		t.Helper()
		r.Shown(fmt.Sprintf("vc-a failed=%d passed=%d posture=%d", failed, passed, posture))
	}
	r.delivered(r.Put(judged("vc-a", 1, eighty)), archive.DeliveryComplete)
	n := r.told(firstOfA)[0]
	tile(n.Posture, n.Rules.Failed, n.Rules.Passed)
	if !n.Changed || !n.First || n.Before != nil {
		t.Errorf("%+v", n)
	}
	key := r.Put(judged("vc-a", 2, sixty))
	out := r.delivered(key, archive.DeliveryComplete)
	n = r.told(worseOfA)[0]
	tile(n.Posture, n.Rules.Failed, n.Rules.Passed)
	if n.ScanID != out.Scan.ScanID || n.RawKey != key || n.Bucket != r.Bucket || n.Run != out.Scan.Order.Run || n.System.ID != "vc-a" || !n.Changed ||
		fmt.Sprint(n.NewlyFailed.First) != "[CIS-7 CIS-8]" || strings.Contains(n.Text, "DORA") || strings.Contains(n.Text, "finding text") {
		t.Errorf("%+v", n)
	}
	if kept := r.rollup("vc-a"); kept.ScanID != n.ScanID || !kept.Listed || kept.Posture != 60 || kept.Change.Before != 80 {
		t.Errorf("%+v", kept)
	}
	r.deliver(key) // it has ended
	r.told()
}

// A notice comes before the arrival of its own scan can be known, and says the arrival of
// the scan before.
func TestNoticeSaysWhatArrivedBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrived func(*archive.Arrival)
		says    string
	}{
		"nobody looked": {func(*archive.Arrival) {}, ""},
		"all there":     {func(a *archive.Arrival) { a.State, a.Indexed = archive.ArrivalProven, a.Expected }, "arrived whole: 13 rows"},
		"one missing":   {func(a *archive.Arrival) { a.State, a.Indexed = archive.ArrivalShort, a.Expected-1 }, "does not hold 1 of 13 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			first := r.Put(judged("vc-a", 1, eighty))
			r.delivered(first, archive.DeliveryComplete)
			doc, err := r.Store.Delivery(t.Context(), first)
			if err != nil || doc.Value.Arrival == nil {
				t.Fatalf("%+v, %v", doc.Value, err)
			}
			c.arrived(doc.Value.Arrival)
			if err := store.Save(t.Context(), r.Store, &doc); err != nil {
				t.Fatal(err)
			}
			r.delivered(r.Put(judged("vc-a", 2, sixty)), archive.DeliveryComplete)
			told := r.people.heard
			if len(told) != 2 || told[0].ArrivalBefore != nil || (told[1].ArrivalBefore != nil) != (c.says != "") || !strings.Contains(told[1].Text, c.says) {
				t.Errorf("%+v", told)
			}
		})
	}
}

// Whichever way an object comes to be delivered, one notice is sent.
func TestEveryDoorTellsPeople(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]func(r *rig, key string) string{
		"a bare event": func(r *rig, key string) string { return s3Event(r.Bucket, key) },
		"a queue":      func(r *rig, key string) string { return sqs(s3Event(r.Bucket, key)) },
		"the sweep":    func(*rig, string) string { return sweepPayload },
		"a job of S3 Batch Operations": func(r *rig, key string) string {
			return fmt.Sprintf(`{"invocationSchemaVersion":"2.0","invocationId":"i","job":{"id":"j"},"tasks":[{"taskId":"t","s3Key":%q,"s3Bucket":%q}]}`, key, r.Bucket)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withoutDORA)
			k := r.Put(judged("vc-a", 1, eighty))
			for range 2 {
				if _, err := r.invoke(payload(r, k)); err != nil {
					t.Fatal(err)
				}
			}
			r.told(firstOfA)
			if a := r.replayed(key(k)); a.Complete != 1 {
				t.Errorf("%+v", a)
			}
			if n := r.told("Runecast vc-a.example: posture 80 % (80 % before), unchanged")[0]; n.Changed {
				t.Errorf("%+v", n)
			}
		})
	}
}

// A forced replay shows an older scan: before and now change places.
func TestNoticeOfAForcedReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	old := r.Put(judged("vc-a", 1, eighty))
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.Put(judged("vc-a", 2, sixty)), archive.DeliveryComplete)
	r.told(firstOfA, worseOfA)
	if a := r.replayed(key(old) + `,"force":true`); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	n := r.told("Runecast vc-a.example: posture 80 % (60 % before), 2 rules newly passed")[0]
	if !n.Forced || !n.Changed || n.RawKey != old {
		t.Errorf("%+v", n)
	}
	r.delivered(r.Put(judged("vc-a", 3, sixty)), archive.DeliveryComplete)
	r.told(worseOfA)
}

// Other settings show another posture of the same results, and the notice says why.
func TestNoticeAfterAChangeOfSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	k := r.Put(judged("vc-a", 1, eighty))
	r.delivered(k, archive.DeliveryComplete)
	r.told(firstOfA)
	r.Config.Mapping.ExcludeTypes = nil
	if a := r.replayed(key(k)); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	n := r.told("Runecast vc-a.example: posture 69 % (80 % before), 2 rules newly failed")[0]
	if !n.SettingsChanged || !strings.Contains(n.Text, "other settings") {
		t.Errorf("%+v", n)
	}
}

// A dry run writes no roll-up and sends no notice.
func TestDryRunTellsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.Put(judged("vc-a", 1, eighty))
	r.delivered(k, archive.DeliveryComplete)
	before := r.rollup("vc-a")
	r.told("Runecast vc-a.example: posture 69 %, the first scan")
	r.replayed(key(k) + `,"dryRun":true`)
	r.told()
	if after := r.rollup("vc-a"); after.WriteID != before.WriteID {
		t.Errorf("%+v", after)
	}
}

// Several systems in one document: each has its notice, once it is complete.
func TestNoticesOfSeveralSystems(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const key = "raw/manual/both.json"
	r.Upload(key, site.Saved("vc-a 2@1", "vc-b 3@1"))
	r.delivered(key, archive.DeliveryComplete)
	r.told("Runecast vc-a: posture 50 %, the first scan", "Runecast vc-b: posture 50 %, the first scan")

	r.Upload(key, site.Saved("vc-a 0@2", "vc-b 1@2"))
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool { // the second system's findings wait
		refuse := strings.Contains(r.Bodies[n], `"vc-b/host-0"`)
		if refuse {
			w.Header().Set("Retry-After", "3600")
			site.Answer(w, http.StatusTooManyRequests)
		}
		return refuse
	})
	r.delivered(key, archive.DeliverySending)
	r.told("Runecast vc-a: posture 100 % (50 % before)")
	r.SetIntercept(nil)
	r.delivered(key, archive.DeliveryComplete)
	r.told("Runecast vc-b: posture 50 % (50 % before), unchanged")
}

// Whatever hinders a notice, the delivery is complete, and it is counted.
func TestNoticeThatCannotBeSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	r.people.deaf = errors.New("the bus is down")
	key := r.Put(judged("vc-a", 1, eighty))
	r.delivered(key, archive.DeliveryComplete)
	if got := r.Counted("NoticesFailed"); got != 1 {
		t.Errorf("%d notices failed", got)
	}
	r.people.deaf = nil
	r.delivered(key, archive.DeliveryComplete)
	if a, err := r.sweep(); err != nil || a.Objects != 0 {
		t.Errorf("%+v %v", a, err)
	}
	r.told()
	r.delivered(r.Put(judged("vc-a", 2, sixty)), archive.DeliveryComplete)
	r.told(worseOfA) // the verdicts were kept
}

// A scan whose scan event was refused was never shown. The next scan is compared with the
// one that was shown.
func TestNoticeComparesWithWhatWasShown(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	r.delivered(r.Put(judged("vc-a", 1, eighty)), archive.DeliveryComplete)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, securityevent.TypeCompleted) }))
	r.delivered(r.Put(judged("vc-a", 2, "CIS-1:FAIL")), archive.DeliveryFailed)
	r.SetIntercept(nil)
	r.delivered(r.Put(judged("vc-a", 3, sixty)), archive.DeliveryComplete)
	r.told(firstOfA, worseOfA)
}
