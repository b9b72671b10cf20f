package securityevent_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/securityevent"
)

func at() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 5e6, time.UTC) }

func scan() *securityevent.Scan {
	return &securityevent.Scan{
		ID: "6d1b7b1e-0000-4000-8000-000000000001", Name: "vc1", ProductVersion: "6.9.12.0",
		Started: at().Add(-time.Hour), Completed: at().Add(-time.Minute),
		SystemID: "44c4a75d", SystemName: "vc1.example", SystemType: "VCENTER",
		Context: []securityevent.Context{{Key: "hypervisor.type", Value: "VMWARE"}, {Key: "vmware.vcenter.name", Value: ""}},
	}
}

func check() *securityevent.Check {
	return &securityevent.Check{
		RuleID: "CIS-1", Title: "T", Severity: securityevent.High, RiskKnown: true, VendorSeverity: "Major",
		StandardShortName: "CIS", Status: securityevent.Failed, Affected: 2, IssueID: "CIS-1", Profile: "CIS", VendorStatus: "FAIL",
	}
}

func finding(t *testing.T, m securityevent.Model, c *securityevent.Check, f securityevent.Finding) map[string]any {
	t.Helper()
	e := securityevent.NewEncoder(m, scan())
	e.SetCheck(c)
	var got map[string]any
	if err := json.Unmarshal(e.Append(nil, &f, at()), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFinding(t *testing.T) {
	t.Parallel()
	got := finding(t, securityevent.Both, check(), securityevent.Finding{ObjectID: []byte("44c4a75d/host-1"), ObjectName: []byte("esx1"), ObjectType: []byte("HostSystem"), Evidence: []byte(`[{"value":"\""}]`)})
	want := map[string]any{
		"event.kind": "SECURITY_EVENT", "event.type": "COMPLIANCE_FINDING", "event.name": "Compliance finding event", "event.category": "COMPLIANCE",
		"event.version": "1.309", "event.provider": "Runecast", "product.vendor": "Runecast", "product.name": "Runecast Analyzer", "product.version": "6.9.12.0",
		"scan.id": "6d1b7b1e-0000-4000-8000-000000000001", "scan.name": "vc1", "hypervisor.type": "VMWARE",
		"finding.type": "CONFIGURATION_ISSUE", "finding.title": "T", "finding.severity": "Major", "finding.time.created": "2026-11-22T02:59:00.005Z",
		"dt.security.risk.level": "HIGH", "dt.security.risk.score": 8.9, "rule.id": "CIS-1", "rule.name": "T",
		"runecast.issue.id": "CIS-1", "runecast.profile": "CIS", "runecast.status": "FAIL", "runecast.objects.affected": 2.0, "runecast.system.id": "44c4a75d",
		"compliance.rule.id": "CIS-1", "compliance.rule.title": "T", "compliance.rule.severity.level": "HIGH", "compliance.rule.severity.score": 7.0,
		"compliance.standard.short_name": "CIS", "compliance.result.status.level": "FAILED", "compliance.result.status.score": 10.0,
		"compliance.status": "FAILED", "compliance.standards": []any{"CIS"},
		"finding.id": got["finding.id"], "event.id": got["event.id"], "timestamp": "2026-11-22T03:00:00.005Z",
		"object.id": "44c4a75d/host-1", "object.name": "esx1", "object.type": "HostSystem",
		"compliance.result.object.name": "esx1", "compliance.result.object.type": "HostSystem", "compliance.result.object.evidence_json": `[{"value":"\""}]`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	f := securityevent.Finding{ObjectID: []byte("o"), ObjectType: []byte("t")}
	a := finding(t, securityevent.Both, check(), f)
	b := finding(t, securityevent.XSPM, check(), f)
	if a["finding.id"] != b["finding.id"] || a["event.id"] != b["event.id"] {
		t.Error("ids depend on more than scan, system, object and rule")
	}
	// Pinned: they must be the same in every release, or dedup by them ends.
	if a["finding.id"] != "ef7b0ef9-52d4-5ae7-898e-f6bf6a4d3862" {
		t.Errorf("finding.id %v", a["finding.id"])
	}
	next := scan()
	next.ID = "6d1b7b1e-0000-4000-8000-000000000002"
	e := securityevent.NewEncoder(securityevent.Both, next)
	e.SetCheck(check())
	var c map[string]any
	if err := json.Unmarshal(e.Append(nil, &f, at()), &c); err != nil {
		t.Fatal(err)
	}
	if c["finding.id"] != a["finding.id"] || c["event.id"] == a["event.id"] {
		t.Error("a new generation keeps finding.id and has new event ids")
	}
}

func TestScores(t *testing.T) {
	t.Parallel()
	for status, score := range map[securityevent.Status]float64{"FAILED": 10, "MANUAL": 7, "PASSED": 4, "NOT_RELEVANT": 1} {
		if status.Score() != score {
			t.Errorf("%s: %v", status, status.Score())
		}
	}
	for severity, scores := range map[securityevent.Severity][2]float64{"CRITICAL": {10, 10}, "HIGH": {7, 8.9}, "MEDIUM": {4, 6.9}, "LOW": {1, 3.9}} {
		if severity.RuleScore() != scores[0] || severity.RiskScore() != scores[1] {
			t.Errorf("%s: %v %v", severity, severity.RuleScore(), severity.RiskScore())
		}
	}
}

func TestPostureRoundsAsTheDashboardDoes(t *testing.T) {
	t.Parallel()
	for want, c := range map[int][3]int{0: {0, 0, 0}, 28: {29, 0, 71}, 50: {1, 1, 0}, 99: {999, 1, 0}, 100: {3, 0, 0}} {
		if got := securityevent.Posture(c[0], c[1], c[2]); got != want {
			t.Errorf("%v: %d, want %d", c, got, want)
		}
	}
}

func TestHostileTextsMakeValidEvents(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"controls": "\x00\x1b[31m\r\n\u2028", "not utf-8": "\xff\xc3(", "markup": `</script><!--"\`, "right to left": "\u202eexe", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := check()
			c.Title, c.RuleID, c.Profile, c.StandardShortName = text+"t", text+"r", text, text
			e := securityevent.NewEncoder(securityevent.Both, scan())
			e.SetCheck(c)
			b := e.Append(nil, &securityevent.Finding{ObjectID: []byte(text), ObjectName: []byte(text), ObjectType: []byte(text), Evidence: []byte(`["` + "x" + `"]`)}, at())
			var got map[string]any
			if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
				t.Fatalf("%v: %s", err, b)
			}
			if want := strings.ToValidUTF8(text, "\ufffd") + "t"; len(got["finding.title"].(string)) < len(want)-3 {
				t.Errorf("title %q", got["finding.title"])
			}
		})
	}
}

func TestScanEvents(t *testing.T) {
	t.Parallel()
	sum := securityevent.Summary{CompliancePercentage: 33, Standards: []securityevent.StandardSummary{{StandardCode: "CIS", CompliancePercentage: 33, Passed: 1, Failed: 2, Rules: 3}}, Rows: map[securityevent.Status]int64{"PASSED": 1, "FAILED": 9}}
	b, err := securityevent.AppendCompleted(nil, scan(), sum, at())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"event.type": "COMPLIANCE_SCAN_COMPLETED", "scan.id": scan().ID, "timestamp": "2026-11-22T03:00:00.005Z", "scan.time.completed": "2026-11-22T02:59:00.005Z",
		"object.id": "44c4a75d", "object.name": "vc1.example", "object.type": "VCENTER",
		"scan.result.summary_json": `{"compliancePercentage":33,"standardResultSummaries":[{"standardCode":"CIS","compliancePercentage":33,"passed":1,"manual":0,"failed":2,"rules":3}],"rows":{"FAILED":9,"PASSED":1}}`,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	coverage := func(scanID string, f *securityevent.Finding) map[string]any {
		s := scan()
		s.ID = scanID
		var m map[string]any
		if err := json.Unmarshal(securityevent.AppendCoverage(nil, s, f, "raw/x", at()), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if a, b := coverage("1", nil), coverage("2", nil); a["event.id"] != b["event.id"] || a["event.type"] != "COMPLIANCE_SCAN" || a["object.id"] != "44c4a75d" {
		t.Errorf("the id of a coverage event depends on the generation: %v %v", a, b)
	}
	one := &securityevent.Finding{ObjectID: []byte("44c4a75d/host-1"), ObjectType: []byte("HostSystem")}
	if a, b := coverage("1", nil), coverage("1", one); a["event.id"] == b["event.id"] || b["object.id"] != "44c4a75d/host-1" {
		t.Errorf("objects are not told apart: %v", b)
	}
}
