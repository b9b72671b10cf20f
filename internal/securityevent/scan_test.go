package securityevent_test

import (
	"testing"
	"time"

	"runecast-ingest/internal/securityevent"
)

func TestPostureRoundsAsTheDashboardDoes(t *testing.T) {
	t.Parallel()
	for want, c := range map[int][3]int{0: {0, 0, 0}, 28: {29, 0, 71}, 50: {1, 1, 0}, 99: {999, 1, 0}, 100: {3, 0, 0}} {
		if got := securityevent.Posture(c[0], c[1], c[2]); got != want {
			t.Errorf("%v: %d, want %d", c, got, want)
		}
	}
}

func TestCompleted(t *testing.T) {
	t.Parallel()
	sum := securityevent.Summary{CompliancePercentage: 33, Standards: []securityevent.StandardSummary{{StandardCode: "CIS", CompliancePercentage: 33, Passed: 1, Failed: 2, Rules: 3}}, Rows: map[securityevent.Status]int64{"PASSED": 1, "FAILED": 9}}
	s := scan()
	s.Original = []byte(`{"run":"r"}`)
	b, err := securityevent.AppendCompleted(nil, s, sum, at())
	if err != nil {
		t.Fatal(err)
	}
	got := newValidator(t).decode(t, b)
	for name, want := range map[string]any{
		"event.type": "COMPLIANCE_SCAN_COMPLETED", "scan.id": scan().ID, "timestamp": "2026-11-22T03:00:00.005Z",
		"scan.time.started": "2026-11-22T02:00:00.005Z", "scan.time.completed": "2026-11-22T02:59:00.005Z", "product.version": "6.9.12.0", "hypervisor.type": "VMWARE",
		"object.id": "44c4a75d", "object.name": "vc1.example", "object.type": "VCENTER", "event.original_content": `{"run":"r"}`,
		"scan.result.summary_json": `{"compliancePercentage":33,"standardResultSummaries":[{"standardCode":"CIS","compliancePercentage":33,"passed":1,"manual":0,"failed":2,"rules":3}],"rows":{"FAILED":9,"PASSED":1}}`,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	coverage := func(generation string, f *securityevent.Finding) map[string]any {
		s := scan()
		s.ID, s.Findings, s.SystemType, s.Platform = "6d1b7b1e-0000-4000-8000-00000000000"+generation, 7, "AWS", securityevent.AWS
		return newValidator(t).decode(t, securityevent.AppendCoverage(nil, s, f, "raw/x", at()))
	}
	system := coverage("1", nil)
	if again := coverage("2", nil); again["event.id"] != system["event.id"] || again["scan.id"] == system["scan.id"] {
		t.Errorf("the id of a coverage event depends on the generation: %v %v", system, again)
	}
	if system["event.type"] != "COMPLIANCE_SCAN" || system["object.id"] != "44c4a75d" || system["scan.findings.total"] != 7.0 || system["scan.status"] != "COMPLETED" {
		t.Errorf("%v", system)
	}
	one := coverage("1", &securityevent.Finding{ObjectID: []byte("44c4a75d/i-0123abcd"), ObjectName: []byte("web"), ObjectType: []byte("Instance")})
	if one["event.id"] == system["event.id"] || one["object.id"] != "44c4a75d/i-0123abcd" || one["aws.resource.id"] != "i-0123abcd" || one["scan.findings.total"] != nil {
		t.Errorf("objects are not told apart: %v", one)
	}
}

func TestScanName(t *testing.T) {
	t.Parallel()
	if got := securityevent.ScanName("vc1", at()); got != "vc1 2026-11-22T03:00:00Z" {
		t.Error(got)
	}
	if got := securityevent.ScanName("vc1", time.Time{}); got != "vc1" {
		t.Error(got)
	}
}
