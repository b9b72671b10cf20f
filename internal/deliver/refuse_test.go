package deliver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/site"
)

func TestPoisonIsIsolated(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `/host-7"`) || strings.Contains(b, `/host-93"`) }))
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 100, Passing: 1})
	out := r.delivered(key, archive.DeliveryComplete)
	if out.Scan.Accepted != 99 || out.Scan.Quarantined != 2 || out.Scan.Mapped != 101 {
		t.Errorf("%+v", out.Scan)
	}
	r.Shown("vc-a failed=98 passed=1 posture=50")
	kept := r.Quarantined()
	if len(kept) != 2 {
		t.Fatalf("quarantine holds %d events", len(kept))
	}
	var doc struct {
		Index  int64
		Answer string
		Event  map[string]any
	}
	if err := json.Unmarshal([]byte(kept["quarantine/"+key+"/g1/93.json"]), &doc); err != nil {
		t.Fatal(err, kept)
	}
	if doc.Index != 93 || !strings.Contains(doc.Answer, "400") || doc.Event["object.id"] != "vc-a/host-93" || doc.Event["finding.title"] != "T" {
		t.Errorf("%+v", doc)
	}
}

// An event that is refused for its texts goes out without them.
func TestMinimalFormIsTried(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `"value\\":\\"42\\"`) }))
	out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 60}), archive.DeliveryComplete)
	if out.Scan.Accepted != 60 || out.Scan.Quarantined != 0 || out.Scan.Requests < 10 {
		t.Errorf("%+v", out.Scan)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

func TestTooManyRefusedIsNotCommitted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failing int
		refuse  func(string) bool
	}{
		"all of a few":   {3, func(b string) bool { return strings.Contains(b, "COMPLIANCE_FINDING") }},
		"six of hundred": {100, func(b string) bool { return strings.Contains(b, `/host-5`) && !strings.Contains(b, "COMPLETED") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, site.Small)
			r.delivered(r.Put(scan{System: "vc-a", Minute: 0, Passing: 2}), archive.DeliveryComplete)
			r.SetIntercept(site.Refusing(400, c.refuse))
			out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: c.failing}), archive.DeliveryFailed)
			if !strings.Contains(out.Reason, "quarantine") || int64(len(r.Quarantined())) != out.Scan.Quarantined {
				t.Errorf("%+v, quarantine holds %d", out, len(r.Quarantined()))
			}
			r.Shown("vc-a failed=0 passed=2 posture=100") // the old posture stays
		})
	}
}

// If every event is refused, the endpoint is to blame: the delivery stops before it
// quarantines thousands of events.
func TestRefusalOfEverythingIsTheEndpoints(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(string) bool { return true }))
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 2000})
	if _, err := r.deliver(key); err == nil || fault.ClassOf(err) != fault.Reject {
		t.Fatalf("%v", err)
	}
	if d := r.Document(key); d.State != archive.DeliverySending || r.Requests > 250 {
		t.Errorf("state %s after %d requests", d.State, r.Requests)
	}
	r.SetIntercept(nil)
	if out := r.delivered(key, archive.DeliveryComplete); out.Scan.Accepted != 2000 || out.Scan.Generation != 2 {
		t.Errorf("%+v", out.Scan)
	}
}

func TestSmallerLimitIsLearned(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { c.MaxBatchBytes, c.SendConcurrency = 100_000, 1 })
	r.SetIntercept(site.Refusing(413, func(b string) bool { return len(b) > 30_000 }))
	out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 500}), archive.DeliveryComplete)
	refused := 0
	for _, b := range r.Bodies {
		if len(b) > 30_000 {
			refused++
		}
	}
	if out.Scan.Accepted != 500 || refused > 4 {
		t.Errorf("%+v, %d bodies were too large", out.Scan, refused)
	}
	r.Shown("vc-a failed=500 passed=0 posture=0")
}

func TestEventThatIsTooLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { c.MaxBatchBytes = 10_000 })
	r.SetIntercept(site.Refusing(413, func(b string) bool { return len(b) > 12_000 || strings.Contains(b, `"CIS-2"`) }))
	value := strings.Repeat("x", 2900)
	values := strings.TrimSuffix(strings.Repeat(`{"description":"d","value":"`+value+`"},`, 6), ",")
	issue := func(id, name string) string {
		return fmt.Sprintf(`{"issueDisplayId":%q,"type":"CIS","severity":"Low","title":"T","status":"FAIL","affectedObjects":[{"moid":%q,"name":"n","resultValues":[%s]}]}`, id, name, values)
	}
	result := `{"issues":[` + issue("CIS-1", "h1") + "," + issue("CIS-2", "h2") + `,{"issueDisplayId":"CIS-3","type":"CIS","status":"PASS"}]}`
	out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Result: result}), archive.DeliveryComplete)
	if out.Scan.Accepted != 2 || out.Scan.Quarantined != 1 {
		t.Errorf("%+v", out.Scan)
	}
	seen := map[string]bool{}
	for _, b := range r.Bodies {
		if seen[b] {
			t.Error("the same bytes were sent twice")
		}
		seen[b] = true
	}
	r.Shown("vc-a failed=1 passed=1 posture=50")
}
