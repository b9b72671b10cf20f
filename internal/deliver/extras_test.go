package deliver_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// withVulnerabilities asks for vulnerabilities, in batches of a few events.
func withVulnerabilities(c *forwarderconfig.Settings) {
	site.Small(c)
	c.Mapping.IncludeTypes, c.SendConcurrency = []string{"VUL"}, 1
}

// weak returns a scan with findings and so many vulnerabilities; without findings of a
// security profile it has only vulnerabilities.
func weak(findings, vulnerabilities int) scan {
	var list []string
	for range findings {
		list = append(list, "CIS PASS")
	}
	for range vulnerabilities {
		list = append(list, "VUL FAIL")
	}
	return scan{System: "vc-a", Minute: 1, Result: rules(list...)}
}

// is returns a function that reports whether a body holds an event of a type.
func is(kind string) func(string) bool {
	return func(body string) bool { return strings.Contains(body, `"event.type":"`+kind+`"`) }
}

// once expects that each of so many vulnerabilities was received once.
func (r *rig) once(vulnerabilities int) {
	r.T.Helper()
	came := map[string]int{}
	for _, e := range r.Receiver.Events() {
		if e.Type == securityevent.TypeVulnerability {
			came[e.FindingID.String()]++
		}
	}
	for id, n := range came {
		if n > 1 {
			r.T.Errorf("vulnerability %s came %d times", id, n)
		}
	}
	if len(came) != vulnerabilities {
		r.T.Errorf("%d vulnerabilities came, want %d", len(came), vulnerabilities)
	}
}

// conserved expects a document whose events add up.
func (r *rig) conserved(key string, mapped, quarantined, skipped int64) archive.Delivery {
	r.T.Helper()
	d := r.Document(key)
	if d.Mapped != mapped || d.Quarantined != quarantined || d.Skipped != skipped || d.Mapped != d.Accepted+d.Quarantined+d.Skipped {
		r.T.Errorf("%d mapped, %d accepted, %d quarantined, %d skipped; want %d, -, %d, %d", d.Mapped, d.Accepted, d.Quarantined, d.Skipped, mapped, quarantined, skipped)
	}
	return d
}

// An endpoint accepts findings, but refuses all vulnerabilities: the delivery stops after
// a hundred requests, not after thousands. The scan stays shown, and the refused
// events lie in quarantine and are counted.
func TestVulnerabilitiesThatAreAllRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVulnerabilities)
	r.SetIntercept(site.Refusing(400, is(securityevent.TypeVulnerability)))
	key := r.Put(weak(10, 3000))
	out := r.delivered(key, archive.DeliveryFailed)
	kept := int64(len(r.Quarantined()))
	if r.Requests > 250 || kept == 0 || out.Scan.Quarantined != kept || r.Counted("EventsQuarantined") != kept || r.Counted("ScansFailed") != 1 {
		t.Errorf("%d requests, %d in quarantine, %d counted, %+v", r.Requests, kept, r.Counted("EventsQuarantined"), out.Scan)
	}
	if !strings.Contains(out.Reason, "coverage and vulnerabilities") {
		t.Error(out.Reason)
	}
	r.Shown("vc-a failed=0 passed=10 posture=100")
	// The commit stands: a scan older than it does not take its place.
	older := weak(3, 0)
	older.Minute = 0
	r.delivered(r.Put(older), archive.DeliverySuperseded)
	r.Shown("vc-a failed=0 passed=10 posture=100")
	r.SetIntercept(nil)
	again := weak(4, 20)
	again.Minute = 2
	r.delivered(r.Put(again), archive.DeliveryComplete)
	r.Shown("vc-a failed=0 passed=4 posture=100")
}

// A few refused vulnerabilities lie in quarantine beside the findings, and the numbers
// add up.
func TestFewRefusedVulnerabilities(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVulnerabilities)
	refused := func(b string) bool {
		return strings.Contains(b, `"VUL-12"`) || strings.Contains(b, `"VUL-40"`) || strings.Contains(b, `"CIS-3"`)
	}
	r.SetIntercept(site.Refusing(400, refused))
	key := r.Put(weak(10, 60))
	r.delivered(key, archive.DeliveryComplete)
	r.conserved(key, 71, 3, 0)
	r.once(58)
	kept := r.Quarantined()
	for _, index := range []int{3, 12, 40} {
		if kept[fmt.Sprintf("quarantine/%s/g1/%d.json", key, index)] == "" {
			t.Errorf("event %d is not in quarantine", index)
		}
	}
	if got := r.Counted("EventsQuarantined"); got != 3 || len(kept) != 3 {
		t.Errorf("%d counted, %d kept", got, len(kept))
	}
	r.Shown("vc-a failed=0 passed=9 posture=100")
}

// A vulnerability that is refused for its texts goes out without them.
func TestMinimalVulnerabilityIsTried(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVulnerabilities)
	r.SetIntercept(site.Refusing(400, func(b string) bool {
		return strings.Contains(b, `"finding.title":"T"`) && strings.Contains(b, `"VUL-4"`)
	}))
	key := r.Put(weak(3, 5))
	r.delivered(key, archive.DeliveryComplete)
	r.conserved(key, 9, 0, 0)
	r.once(5)
}

// What the settings leave out of the vulnerabilities is counted as skipped.
func TestSkippedVulnerabilitiesAreCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { withVulnerabilities(c); c.Mapping.MinSeverity = "CRITICAL" })
	key := r.Put(weak(3, 5))
	r.delivered(key, archive.DeliveryComplete)
	r.conserved(key, 9, 0, 8)
	r.once(0)
}

// An unknown word is logged also if only a vulnerability has it, which the mapping of the
// findings does not read.
func TestUnknownWordsOfVulnerabilitiesAreLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVulnerabilities)
	key := r.Put(scan{System: "vc-a", Minute: 1, Result: rules("CIS PASS", "CIS ODD", "VUL FAIL", "VUL STRANGE")})
	var log strings.Builder
	o := r.Options()
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	ctx := t.Context()
	if out, err := deliver.New(o).Deliver(ctx, key, deliver.WindowOf(ctx, r.Clock.Now()), deliver.Request{}); err != nil || out.State != archive.DeliveryComplete {
		t.Fatalf("%q, %v, %s", out.State, err, out.Reason)
	}
	for _, word := range []string{"ODD", "STRANGE"} {
		if n := strings.Count(log.String(), `"unknown_status `+word+`"`); n != 1 {
			t.Errorf("%s is logged %d times: %s", word, n, log.String())
		}
	}
}

// After an invocation died while it sent vulnerabilities, none is repeated that the
// document lists as done: neither if it died before a request, nor if the scan has only
// vulnerabilities.
func TestDeathAmongVulnerabilitiesDoublesNone(t *testing.T) {
	t.Parallel()
	for name, findings := range map[string]int{"with findings": 10, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withVulnerabilities)
			key := r.Put(weak(findings, 60))
			seen := 0
			r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
				if !is(securityevent.TypeVulnerability)(r.Sent(n)) {
					return false
				}
				if seen++; seen == 4 { // the process dies before this request is accepted
					r.Dead.Store(true)
				}
				if r.Dead.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return r.Dead.Load()
			})
			_, _ = r.deliver(key)
			d := r.Document(key)
			if d.Lease == nil || d.Extra == 0 || d.Extra >= 60 {
				t.Fatalf("%+v", d)
			}
			r.Dead.Store(false)
			r.Expire(key)
			r.SetIntercept(nil)
			committed := r.Receiver.Stats().Events["COMPLIANCE_SCAN_COMPLETED"]
			out := r.delivered(key, archive.DeliveryComplete)
			r.conserved(key, int64(findings)+61, 0, 0)
			r.once(60)
			if got := r.Receiver.Stats().Events["COMPLIANCE_SCAN_COMPLETED"]; got != committed || out.Scan.Generation != 1 {
				t.Errorf("%d scan events after %d, generation %d", got, committed, out.Scan.Generation)
			}
		})
	}
}

// If one invocation after the other dies while it sends vulnerabilities, the delivery
// ends: the scan stays shown, and its delivery has failed with the reason.
func TestDeathsAmongVulnerabilitiesEnd(t *testing.T) {
	t.Parallel()
	for name, findings := range map[string]int{"with findings": 10, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withVulnerabilities)
			key := r.Put(weak(findings, 60))
			r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				if is(securityevent.TypeVulnerability)(r.Sent(n)) { // it is accepted, and the process dies
					r.Dead.Store(true)
				}
				return false
			})
			for range 12 {
				_, _ = r.deliver(key)
				r.Dead.Store(false)
				if d := r.Document(key); d.Lease != nil {
					r.Expire(key)
				}
			}
			d := r.Document(key)
			if d.State != archive.DeliveryFailed || d.Lease != nil || !strings.Contains(d.Reason, "5 invocations in a row") {
				t.Errorf("%+v", d)
			}
			if got := r.Receiver.Stats().Events[securityevent.TypeVulnerability]; got > 5*10 { // ten to a request
				t.Errorf("%d vulnerabilities were sent by five invocations that each died at their first request", got)
			}
			if findings > 0 {
				r.Shown("vc-a failed=0 passed=10 posture=100")
			}
			before := r.Requests
			if out := r.delivered(key, archive.DeliveryFailed); r.Requests != before {
				t.Errorf("it is sent again: %+v", out)
			}
		})
	}
}

// A scan is shown, but its vulnerabilities were refused. It is replayed, the replay stops
// early, and then the register is lost. The scan is still shown, and no older scan
// replaces it.
func TestReplayAfterRefusedVulnerabilitiesKeepsWhatIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVulnerabilities)
	older := weak(3, 0)
	older.Minute = 0
	olderKey := r.Put(older)
	key := r.Put(weak(10, 60))
	r.SetIntercept(site.Refusing(400, is(securityevent.TypeVulnerability)))
	r.delivered(key, archive.DeliveryFailed)
	r.Shown("vc-a failed=0 passed=10 posture=100")
	r.SetIntercept(site.Refusing(503, func(string) bool { return true }))
	if out := r.replayed(key, archive.DeliverySending, deliver.Request{JobID: "again"}); out.Scan.Generation != 2 || out.Scan.Announced {
		t.Fatalf("%+v", out.Scan)
	}
	r.SetIntercept(nil)
	r.dropRegister("vc-a")
	r.delivered(olderKey, archive.DeliverySuperseded)
	r.Shown("vc-a failed=0 passed=10 posture=100")
}

// An object of which nothing is accepted ends as failed: at once if another
// object was accepted lately, else after five generations.
func TestObjectThatIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	refused := site.Refusing(400, func(b string) bool { return strings.Contains(b, `vc-a.example`) || strings.Contains(b, "vc-a/") })
	t.Run("after five generations", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, site.Small)
		r.SetIntercept(refused)
		key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1000})
		for range 4 {
			if _, err := r.deliver(key); fault.ClassOf(err) != fault.Reject || err == nil {
				t.Fatal(err)
			}
			if d := r.Document(key); d.State != archive.DeliverySending {
				t.Fatalf("%+v", d.Scan)
			}
		}
		out := r.delivered(key, archive.DeliveryFailed)
		if !strings.Contains(out.Reason, "5 times in a row") || !strings.Contains(out.Reason, "400") {
			t.Error(out.Reason)
		}
		r.SetIntercept(nil)
		if out = r.replayed(key, archive.DeliveryComplete, deliver.Request{JobID: "mended"}); out.Scan.RefusedWhole != 0 {
			t.Errorf("%+v", out.Scan)
		}
	})
	t.Run("beside another that is accepted", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, site.Small)
		r.SetIntercept(refused)
		r.delivered(r.Put(scan{System: "vc-b", Minute: 1, Failing: 3}), archive.DeliveryComplete)
		out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1000}), archive.DeliveryFailed)
		if !strings.Contains(out.Reason, "another object was accepted lately") {
			t.Error(out.Reason)
		}
	})
}

// An event that is too large is sent without its evidence, and if that is
// refused for its texts, in its minimal form.
func TestMinimalFormAfterEvidenceWasCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { c.MaxBatchBytes = 10_000 })
	r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
		switch b := r.Sent(n); {
		case len(b) > 5000:
			site.Answer(w, http.StatusRequestEntityTooLarge)
		case strings.Contains(b, `"finding.title":"refused"`):
			site.Answer(w, http.StatusBadRequest)
		default:
			return false
		}
		return true
	})
	result := fmt.Sprintf(`{"issues":[{"issueDisplayId":"CIS-1","type":"CIS","severity":"Low","title":"refused","status":"FAIL","affectedObjects":[{"moid":"h","name":"n","resultValues":[%s]}]}]}`,
		strings.TrimSuffix(strings.Repeat(`{"description":"d","value":"`+strings.Repeat("x", 2900)+`"},`, 3), ","))
	out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Result: result}), archive.DeliveryComplete)
	if out.Scan.Accepted != 1 || out.Scan.Quarantined != 0 {
		t.Errorf("%+v", out.Scan)
	}
}

// The events of a document that failed in part are counted, too.
func TestEventsOfADocumentThatFailedInPart(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `"vc-b/host-`) }))
	key := archive.ManualPrefix + "results.json"
	r.Upload(key, site.Saved("vc-a 40@1", "vc-b 12@1"))
	r.delivered(key, archive.DeliveryFailed)
	if accepted, quarantined := r.Counted("EventsAccepted"), r.Counted("EventsQuarantined"); accepted != 41 || quarantined != 12 {
		t.Errorf("%d accepted, %d quarantined", accepted, quarantined)
	}
}
