package deliver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

func TestCoverage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		model    securityevent.Model
		coverage mapping.Coverage
		want     int
	}{
		"system": {"both", "system", 1}, "object": {"external", "object", 31}, "none": {"both", "none", 0}, "not in xspm": {"xspm", "object", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(cfg *forwarderconfig.Settings) {
				site.Small(cfg)
				cfg.Mapping.EventModel, cfg.Mapping.Coverage = c.model, c.coverage
			})
			r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 30, Passing: 1}), archive.DeliveryComplete)
			if got := r.Receiver.Stats().Events; got["COMPLIANCE_SCAN"] != c.want || got["COMPLIANCE_SCAN_COMPLETED"] != 1 {
				t.Errorf("%v, want %d coverage events", got, c.want)
			}
			committed := slices.IndexFunc(r.Bodies, func(b string) bool { return strings.Contains(b, securityevent.TypeCompleted) })
			for _, late := range r.Bodies[committed:] {
				if strings.Contains(late, `"COMPLIANCE_FINDING"`) {
					t.Error("a finding was sent after the commit")
				}
			}
		})
	}
}

// Extras that are refused do not keep the scan from being shown, and are sent once.
func TestRefusedVulnerabilityDoesNotHoldUpTheCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.Mapping.IncludeTypes = []string{"VUL"} })
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `"VUL-2"`) }))
	var issues []string
	for i := range 4 {
		issues = append(issues, fmt.Sprintf(`{"issueDisplayId":"VUL-%d","type":"VUL","severity":"Major","title":"V","status":"FAIL"}`, i))
	}
	result := `{"issues":[{"issueDisplayId":"CIS-1","type":"CIS","status":"PASS"},` + strings.Join(issues, ",") + `]}`
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Result: result}), archive.DeliveryComplete)
	if got := r.Receiver.Stats().Events; got["VULNERABILITY_FINDING"] != 3 || got["VULNERABILITY_SCAN"] != 1 || got["COMPLIANCE_SCAN_COMPLETED"] != 1 {
		t.Errorf("%v", got)
	}
	r.Shown("vc-a failed=0 passed=1 posture=100")
}
