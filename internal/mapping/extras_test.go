package mapping_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/mapping"
)

func extras(t *testing.T, m mapping.Settings, text string) []event {
	t.Helper()
	d, err := mapping.Open(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var events []event
	err = mapping.New(m).Extra(mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: reopen(text), Emit: func(b []byte) error {
		var e event
		events = append(events, e)
		return json.Unmarshal(b, &events[len(events)-1])
	}}, "raw/x", true)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestVulnerabilitiesAreSentWhenAskedFor(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", strings.Join([]string{
		issue("VMSA-2026-0001", "VUL", "Critical", "FAIL", 2, object("host-1", ""), object("host-2", "")),
		strings.Replace(issue("VUL-7", "VUL", "Odd", "FAIL", 1), "Title of VUL-7", "cve-2026-12345 and CVE-2026-12345", 1),
		issue("VUL-8", "VUL", "Low", "PASS", 0), issue("CIS-1", "CIS", "Low", "FAIL", 1, object("host-1", "")),
	}, ","))
	var got []string
	for _, e := range extras(t, settings(func(m *mapping.Settings) { m.IncludeTypes = []string{"VUL"} }), doc) {
		got = append(got, fmt.Sprint(e["event.type"], " ", e["object.id"], " ", e["vulnerability.id"], " ", e["vulnerability.references.cve"], " ", e["dt.security.risk.level"], " ", e["component.name"], " ", e["event.category"]))
	}
	want := []string{
		"VULNERABILITY_FINDING u-1/host-1 VMSA-2026-0001 <nil> CRITICAL vSphere VULNERABILITY_MANAGEMENT",
		"VULNERABILITY_FINDING u-1/host-2 VMSA-2026-0001 <nil> CRITICAL vSphere VULNERABILITY_MANAGEMENT",
		"VULNERABILITY_FINDING s-1 CVE-2026-12345 [CVE-2026-12345] NOT_AVAILABLE vSphere VULNERABILITY_MANAGEMENT",
		"VULNERABILITY_SCAN s-1 <nil> <nil> <nil> <nil> VULNERABILITY_MANAGEMENT",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if mapping.New(settings(nil)).Extras() || len(extras(t, settings(nil), doc)) != 0 {
		t.Error("vulnerabilities are sent unasked")
	}
}

func TestObjectCoverage(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", strings.Join([]string{
		issue("CIS-1", "CIS", "Low", "FAIL", 2, object("host-1", ""), object("host-2", "")),
		issue("CIS-2", "CIS", "Low", "FAIL", 1, object("host-1", "")), issue("KB-2", "KB", "Low", "FAIL", 1, object("host-9", "")),
	}, ","))
	events := extras(t, settings(func(m *mapping.Settings) { m.Coverage = "object" }), doc)
	ids := map[any]bool{}
	for _, e := range events {
		ids[e["event.id"]] = true
	}
	if len(events) != 3 || len(ids) != 3 || events[0]["object.id"] != "u-1/host-1" || events[1]["object.id"] != "u-1/host-2" || events[2]["object.id"] != "s-1" {
		t.Errorf("%v", events)
	}
}
