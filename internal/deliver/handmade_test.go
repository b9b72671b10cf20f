package deliver_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
)

func TestHandMadeDocuments(t *testing.T) {
	t.Parallel()
	v2 := []byte(`{"createdTs":1793584800000,"configScanResultSummary":{},"scannedIssues":[{"issue":{"issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"T"},"status":"FAIL","affectedObjectsCount":3}]}`)
	created := func(at string) []byte { return bytes.Replace(v2, []byte(`1793584800000`), []byte(at), 1) }
	for name, c := range map[string]struct {
		key   string
		body  []byte
		state string
		says  string
		shown []string
	}{
		"v1 of several systems": {key: "raw/manual/all.json", body: site.Saved("vc-a 2@1", "vc-b 1@1"), state: archive.DeliveryComplete,
			shown: []string{"vc-a failed=2 passed=1 posture=50", "vc-b failed=1 passed=1 posture=50"}},
		"v1, gzip, one system": {key: "raw/manual/x y+z.json.gz", body: site.Packed(site.Saved("vc-a 2@1")), state: archive.DeliveryComplete,
			shown: []string{"vc-a failed=2 passed=1 posture=50"}},
		"v2": {key: "raw/manual/vc9.example/latest.json", body: v2, state: archive.DeliveryComplete,
			shown: []string{"manual:vc9.example failed=1 passed=0 posture=0"}},
		"v2, a time without a zone": {key: "raw/manual/vc9.example/a.json", body: created(`"2026-11-22T02:00:00"`), state: archive.DeliveryComplete,
			shown: []string{"manual:vc9.example failed=1 passed=0 posture=0"}},
		"v2, a fraction and no zone": {key: "raw/manual/vc9.example/b.json", body: created(`"2026-11-22T02:00:00.123"`), state: archive.DeliveryComplete,
			shown: []string{"manual:vc9.example failed=1 passed=0 posture=0"}},
		"v2, an exponent": {key: "raw/manual/vc9.example/c.json", body: created(`1.7637768E12`), state: archive.DeliveryComplete,
			shown: []string{"manual:vc9.example failed=1 passed=0 posture=0"}},
		"v2, no time":       {key: "raw/manual/vc9.example/d.json", body: created(`"soon"`), state: archive.DeliveryFailed, says: `its createdTs is "soon"`},
		"v2 without a name": {key: "raw/manual/latest.json", body: v2, state: archive.DeliveryFailed, says: "raw/manual/<system name>/"},
		"outside of manual": {key: "raw/v1/all.json", body: site.Saved("vc-a 2@1"), state: archive.DeliveryFailed, says: "raw/manual/"},
		"cut":               {key: "raw/manual/all.json", body: site.Saved("vc-a 2@1")[:90], state: archive.DeliveryFailed, says: "cut"},
		"no system in it":   {key: "raw/manual/all.json", body: []byte(`{"results":[]}`), state: archive.DeliveryFailed, says: "no system"},
		"scan goes on": {key: "raw/manual/all.json", body: bytes.Replace(site.Saved("vc-a 2@1", "vc-b 1@1"), []byte(`FINISHED_SUCCESSFULLY`), []byte(`RUNNING`), 1), state: archive.DeliveryFailed, says: `vc-a: when the document was saved, its analysis had the status "RUNNING"`,
			shown: []string{"vc-b failed=1 passed=1 posture=50"}},
		"analysis failed": {key: "raw/manual/all.json", body: bytes.Replace(site.Saved("vc-a 2@1", "vc-b 1@1"), []byte(`FINISHED_SUCCESSFULLY`), []byte(`FINISHED_WITH_ERROR`), 1), state: archive.DeliveryFailed,
			says: "save the answer again", shown: []string{"vc-b failed=1 passed=1 posture=50"}},
		"all scans go on": {key: "raw/manual/all.json", body: bytes.ReplaceAll(site.Saved("vc-a 2@1", "vc-b 1@1"), []byte(`FINISHED_SUCCESSFULLY`), []byte(`RUNNING`)), state: archive.DeliveryFailed, says: "no system with a finished scan"},
		"no uid": {key: "raw/manual/all.json", body: bytes.Replace(site.Saved("vc-a 2@1", "vc-b 1@1"), []byte(`"uid":"vc-b"`), []byte(`"id":"vc-b"`), 1), state: archive.DeliveryComplete,
			shown: []string{"vc-a failed=2 passed=1 posture=50"}},
		"a uid twice":    {key: "raw/manual/all.json", body: site.Saved("vc-a 2@1", "vc-a 1@1"), state: archive.DeliveryFailed, says: "two elements"},
		"something else": {key: "raw/manual/all.json", body: []byte(`{"a":1}`), state: archive.DeliveryFailed, says: "schema"},
		"one without results": {key: "raw/manual/all.json", body: bytes.Replace(site.Saved("vc-a 2@1", "vc-b 1@1"), []byte(`"CIS"`), []byte(`"KB"`), 2), state: archive.DeliveryFailed, says: "security profiles",
			shown: []string{"vc-b failed=1 passed=1 posture=50"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Upload(c.key, c.body)
			out := r.delivered(c.key, c.state)
			if !strings.Contains(out.Reason, c.says) {
				t.Errorf("reason %q does not say %q", out.Reason, c.says)
			}
			r.Shown(c.shown...)
			if d := r.Document(c.key); len(c.shown) > 1 && (len(d.Scans) != 2 || d.Scans[1].System.ID != "vc-b" || d.Mapped != 5 || d.Scans[0].ScanID == d.Scans[1].ScanID) {
				t.Errorf("document %+v", d)
			}
			before := r.Requests
			r.delivered(c.key, c.state)
			if r.Requests != before {
				t.Error("a repeated trigger sent it again")
			}
		})
	}
}

// A document uploaded later is newer, unless the appliance says it is older.
func TestHandMadeDocumentOfOlderResultsIsSuperseded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), archive.DeliveryComplete)
	r.Upload("raw/manual/old.json", site.Saved("vc-a 5@-20", "vc-b 2@-20"))
	r.delivered("raw/manual/old.json", archive.DeliveryComplete)
	if d := r.Document("raw/manual/old.json"); d.Scans[0].State != archive.DeliverySuperseded || d.Scans[1].State != archive.DeliveryComplete {
		t.Errorf("%+v", d.Scans)
	}
	r.Shown("vc-a failed=1 passed=0 posture=0", "vc-b failed=2 passed=1 posture=50")
	r.Upload("raw/manual/new.json", site.Saved("vc-a 5@23"))
	r.delivered("raw/manual/new.json", archive.DeliveryComplete)
	r.Shown("vc-a failed=5 passed=1 posture=50", "vc-b failed=2 passed=1 posture=50")
	if s := r.Receiver.Tiles().Systems[0]; s.Name != "vc-a.example" || s.Type != "vCenter" {
		t.Errorf("the system is shown as %q, %q: what was known of it is forgotten", s.Name, s.Type)
	}
}

// A new version under the same key is delivered in a new generation, whose number is
// higher, also where no scan of the version before was committed: events in quarantine
// lie in a folder of their generation.
func TestReplacedHandMadeDocument(t *testing.T) {
	t.Parallel()
	const key = "raw/manual/x.json"
	for name, c := range map[string]struct {
		versions [][]string // of the systems in each
		refused  bool       // all events but those of the last version
		shown    []string
	}{
		"one system":               {versions: [][]string{{"vc-a 5@23"}, {"vc-a 2@24"}}, shown: []string{"vc-a failed=2 passed=1 posture=50"}},
		"one system, refused":      {versions: [][]string{{"vc-a 5@23"}, {"vc-a 2@24"}}, refused: true, shown: []string{"vc-a failed=2 passed=1 posture=50"}},
		"two systems, refused":     {versions: [][]string{{"vc-a 5@23", "vc-b 5@23"}, {"vc-a 2@24", "vc-b 2@24"}}, refused: true, shown: []string{"vc-a failed=2 passed=1 posture=50", "vc-b failed=2 passed=1 posture=50"}},
		"one of two, refused":      {versions: [][]string{{"vc-a 5@23", "vc-b 5@23"}, {"vc-b 2@24"}}, refused: true, shown: []string{"vc-b failed=2 passed=1 posture=50"}},
		"one, then two, refused":   {versions: [][]string{{"vc-a 5@23"}, {"vc-a 2@24", "vc-b 2@24"}}, refused: true, shown: []string{"vc-a failed=2 passed=1 posture=50", "vc-b failed=2 passed=1 posture=50"}},
		"another system, refused":  {versions: [][]string{{"vc-a 5@23"}, {"vc-b 2@24"}}, refused: true, shown: []string{"vc-b failed=2 passed=1 posture=50"}},
		"two, cut in between, two": {versions: [][]string{{"vc-a 5@23", "vc-b 5@23"}, nil, {"vc-a 2@24", "vc-b 2@24"}}, refused: true, shown: []string{"vc-a failed=2 passed=1 posture=50", "vc-b failed=2 passed=1 posture=50"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			highest := 0
			for i, systems := range c.versions {
				last := i == len(c.versions)-1
				body, state := site.Saved(systems...), archive.DeliveryComplete
				if systems == nil {
					body = []byte(`{"results":[`)
				}
				r.SetIntercept(nil)
				if !last && c.refused {
					state = archive.DeliveryFailed
					r.SetIntercept(site.Refusing(http.StatusBadRequest, func(string) bool { return true }))
				}
				r.Upload(key, body)
				r.delivered(key, state)
				d := r.Document(key)
				lowest, most := d.Generation, d.Generation
				for _, s := range d.Scans {
					lowest, most = min(lowest, s.Generation), max(most, s.Generation)
				}
				if systems != nil && lowest <= highest {
					t.Errorf("version %d is of generation %d, and one of %d was before it", i+1, lowest, highest)
				}
				highest = max(highest, most)
			}
			r.Shown(c.shown...)
		})
	}
}

// A new version of a document of several systems cannot be read: the scans of the old
// version do not count as its scans.
func TestReplacedDocumentOfSeveralSystems(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := "raw/manual/all.json"
	r.Upload(key, site.Saved("vc-a 2@1", "vc-b 1@1"))
	r.delivered(key, archive.DeliveryComplete)
	r.Upload(key, site.Saved("vc-a 2@1", "vc-b 1@1")[:150])
	if out := r.delivered(key, archive.DeliveryFailed); out.Reason == "" || len(r.Document(key).Scans) != 0 {
		t.Errorf("%+v %+v", out, r.Document(key).Scans)
	}
	r.Upload(key, site.Saved("vc-a 3@2", "vc-b 2@2"))
	ctx, cancel := context.WithCancel(t.Context())
	r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool {
		if d := r.Document(key); d.State != archive.DeliverySending || d.Final() {
			t.Errorf("while it is sent the document says %q", d.State)
		}
		r.Dead.Store(true)
		cancel()
		panic(http.ErrAbortHandler)
	})
	_, _ = r.request(ctx, key, deliver.Request{}) // the invocation dies
	r.SetIntercept(nil)
	r.Dead.Store(false)
	r.Clock.Ahead = 20 * time.Minute
	r.delivered(key, archive.DeliveryComplete)
	r.Shown("vc-a failed=3 passed=1 posture=50", "vc-b failed=2 passed=1 posture=50")
}

// One system of a document failed. An older scan does not replace the scan of the other
// system, which is shown.
func TestOneFailedSystemDoesNotOpenTheOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Upload("raw/manual/all.json", bytes.Replace(site.Saved("vc-a 2@23", "vc-b 1@23"), []byte(`"uid":"vc-b","issues":[`), []byte(`"uid":"vc-b","issues":[],"x":[`), 1))
	r.delivered("raw/manual/all.json", archive.DeliveryFailed)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 7}), archive.DeliverySuperseded)
	r.Shown("vc-a failed=2 passed=1 posture=50")
}

// Each system's refused events are kept, although their indexes are the same.
func TestRefusedEventsOfSeveralSystemsAreAllKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.SetIntercept(site.Refusing(http.StatusBadRequest, func(b string) bool { return strings.Contains(b, `/host-7"`) }))
	r.Upload("raw/manual/all.json", site.Saved("vc-a 20@1", "vc-b 20@1"))
	if out := r.delivered("raw/manual/all.json", archive.DeliveryComplete); out.Scan.Quarantined != 2 {
		t.Errorf("%+v", out.Scan)
	}
	if kept := r.Quarantined(); len(kept) != 2 {
		t.Errorf("%d events are in quarantine: %v", len(kept), slices.Sorted(maps.Keys(kept)))
	}
}

// A hand-made document and the scan of a run are compared by when the appliance
// finished them, in any order of delivery: an upload during a run says
// nothing of the age of the uploaded scan.
func TestHandMadeDocumentAndRunAreComparedByCompletion(t *testing.T) {
	t.Parallel()
	const yesterday = -24 * 60
	for name, c := range map[string]struct {
		// completed and uploaded are of the document, starts and ends of the run, in minutes.
		completed, uploaded, starts, ends int
		handMade                          bool // is shown in the end
	}{
		"uploaded while a run goes on, old":            {yesterday, 30, 0, 50, false},
		"uploaded while a run goes on, of before it":   {-10, 30, 0, 50, false},
		"uploaded while a run goes on, finished in it": {20, 30, 0, 50, false},
		"uploaded while a run goes on, newer":          {45, 46, 0, 40, true},
		"the run's own scan":                           {50, 55, 0, 50, true},
		"uploaded before the run":                      {yesterday, -30, 0, 50, false},
		"uploaded behind the run, old":                 {yesterday, 55, 0, 50, false},
		"uploaded behind the run, newer":               {52, 55, 0, 50, true},
		"of a clock that is ahead":                     {24 * 60, 30, 0, 50, false},
	} {
		for _, runFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, run first=%t", name, runFirst), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, nil)
				at := func(minute int) {
					r.Clock.Advance(site.Night.Add(time.Duration(minute) * time.Minute).Sub(r.Clock.Now()))
				}
				key := "raw/manual/saved.json"
				at(c.uploaded)
				r.Upload(key, site.Saved(fmt.Sprintf("vc-a 5@%d", c.completed)))
				at(c.ends + 5)
				run := r.Put(scan{System: "vc-a", Minute: c.starts, Lasts: c.ends - c.starts, Failing: 1, Passing: 1})
				r.Clock.Advance(-r.Clock.Waited()) // an invocation's deadline is in real time
				order := []string{key, run}
				if runFirst {
					slices.Reverse(order)
				}
				for _, key := range order {
					if out, err := r.deliver(key); err != nil || !out.Ended() {
						t.Fatalf("%+v, %v", out, err)
					}
				}
				want := "vc-a failed=1 passed=1 posture=50"
				if c.handMade {
					want = "vc-a failed=5 passed=1 posture=50"
				}
				r.Shown(want)
			})
		}
	}
}
