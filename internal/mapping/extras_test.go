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
	_, err = mapping.New(m).Extra(mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: reopen(text), Emit: func(b []byte) error {
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

// The filters hold for vulnerabilities, too, and those that they leave out are counted.
func TestVulnerabilitiesObeyTheFilters(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", strings.Join([]string{
		issue("VUL-1", "VUL", "Critical", "FAIL", 2, object("host-1", ""), object("host-2", "")), issue("VUL-2", "VUL", "Low", "FAIL", 2, object("host-1", ""), object("host-2", "")),
		issue("VUL-3", "VUL", "Medium", "FAIL", 0), issue("CIS-1", "CIS", "Low", "FAIL", 1, object("host-1", "")), issue("PCI-1", "PCI", "Low", "FAIL", 1, object("host-7", "")),
	}, ","))
	for name, c := range map[string]struct {
		change          func(*mapping.Settings)
		mapped, skipped int64
		kinds           string
	}{
		"none":             {change: func(*mapping.Settings) {}, mapped: 6, kinds: "map[VULNERABILITY_FINDING:5 VULNERABILITY_SCAN:1]"},
		"least severity":   {change: func(m *mapping.Settings) { m.MinSeverity = "HIGH" }, mapped: 6, skipped: 3, kinds: "map[VULNERABILITY_FINDING:2 VULNERABILITY_SCAN:1]"},
		"excluded":         {change: func(m *mapping.Settings) { m.ExcludeTypes = []string{"VUL"} }, mapped: 5, skipped: 5, kinds: "map[]"},
		"excluded profile": {change: func(m *mapping.Settings) { m.ExcludeTypes, m.Coverage = []string{"PCI"}, "object" }, mapped: 8, kinds: "map[COMPLIANCE_SCAN:2 VULNERABILITY_FINDING:5 VULNERABILITY_SCAN:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := mapping.Open(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[any]int{}
			res, err := mapping.New(settings(func(m *mapping.Settings) { m.IncludeTypes = []string{"VUL"}; c.change(m) })).Extra(
				mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: reopen(doc), Emit: func(b []byte) error {
					var e event
					defer func() { kinds[e["event.type"]]++ }()
					return json.Unmarshal(b, &e)
				}}, "raw/x", true)
			if err != nil || res.Mapped != c.mapped || res.Skipped != c.skipped || fmt.Sprint(kinds) != c.kinds {
				t.Errorf("%v: mapped %d, skipped %d, %v; want %+v", err, res.Mapped, res.Skipped, kinds, c)
			}
		})
	}
}

// A vulnerability that cannot be judged is not sent, and its reason is counted.
func TestVulnerabilitiesThatCannotBeJudgedAreCounted(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", strings.Join([]string{
		issue("VUL-1", "VUL", "Low", "ODD", 1, object("host-1", "")), issue("VUL-2", "VUL", "Low", "UNLICENSED", 0),
		strings.Replace(issue("", "VUL", "Low", "FAIL", 0), `"id":"1"`, `"id":""`, 1), issue("VUL-4", "VUL", "Low", "PASS", 0), issue("CIS-1", "CIS", "Low", "ODD", 0),
	}, ","))
	for name, c := range map[string]struct {
		exclude []string
		reasons map[string]int64
		unknown []string
	}{
		"asked for": {nil, map[string]int64{mapping.ReasonUnknownStatus: 1, mapping.ReasonUnlicensed: 1, mapping.ReasonNoRuleID: 1}, []string{"unknown_status ODD"}},
		"excluded":  {[]string{"VUL"}, map[string]int64{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := mapping.Open(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			res, err := mapping.New(settings(func(m *mapping.Settings) { m.IncludeTypes, m.ExcludeTypes = []string{"VUL"}, c.exclude })).Extra(
				mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: reopen(doc), Emit: func([]byte) error { return nil }}, "raw/x", true)
			if d := cmp.Diff(c.reasons, res.Reasons) + cmp.Diff(c.unknown, res.Unknown); err != nil || d != "" {
				t.Errorf("%v (- want, + got):\n%s", err, d)
			}
		})
	}
}

// Where more objects are listed than are affected, it is not known which: the
// vulnerability is sent on the system, as a failed rule is.
func TestVulnerabilityOfObjectsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	of := func(issues ...string) []event {
		return extras(t, settings(func(m *mapping.Settings) { m.IncludeTypes = []string{"VUL"} }), raw("s-1", "VCENTER", strings.Join(issues, ",")))
	}
	two := []string{object("host-1", ""), object("host-2", "")}
	if got := of(issue("VUL-1", "VUL", "Low", "FAIL", 1, two...)); len(got) != 2 || got[0]["object.id"] != "s-1" {
		t.Errorf("one affected of two listed: %v", got)
	}
	if got := of(issue("VUL-1", "VUL", "Low", "FAIL", 3, two...)); len(got) != 3 || got[1]["object.id"] != "u-1/host-2" {
		t.Errorf("three affected, two listed: %v", got)
	}
}

// A system without any result about vulnerabilities was not looked at for them.
func TestSystemWithoutVulnerabilitiesHasNoScanOfThem(t *testing.T) {
	t.Parallel()
	vul := settings(func(m *mapping.Settings) { m.IncludeTypes = []string{"VUL"} })
	for name, c := range map[string]struct {
		issues string
		want   int
	}{
		"none": {issue("CIS-1", "CIS", "Low", "FAIL", 0), 0}, "without a licence": {issue("VUL-1", "VUL", "Low", "UNLICENSED", 0), 0}, "passed": {issue("VUL-1", "VUL", "Low", "PASS", 0), 1},
	} {
		if got := extras(t, vul, raw("s-1", "VCENTER", c.issues)); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Vulnerabilities that the settings ask for are sent and counted in the second reading;
// the first one does not count them as left out.
func TestVulnerabilitiesAskedForAreNotCountedAsLeftOut(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", issue("VUL-1", "VUL", "Low", "FAIL", 0)+","+issue("KB-1", "KB", "Low", "FAIL", 0)+","+issue("CIS-1", "CIS", "Low", "PASS", 0))
	for name, c := range map[string]struct {
		include, exclude []string
		reasons          map[string]int64
	}{
		"asked for":                  {[]string{"VUL"}, nil, map[string]int64{mapping.ReasonNotCompliance: 1}},
		"asked for, then left out":   {[]string{"VUL"}, []string{"VUL"}, map[string]int64{mapping.ReasonNotCompliance: 1}},
		"with knowledge-base issues": {[]string{"VUL", "KB"}, nil, map[string]int64{}},
		"not asked for":              {nil, nil, map[string]int64{mapping.ReasonNotCompliance: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := mapping.Open(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			res, err := mapping.New(settings(func(m *mapping.Settings) { m.IncludeTypes, m.ExcludeTypes = c.include, c.exclude })).Map(
				mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: reopen(doc), Emit: func([]byte) error { return nil }})
			if d := cmp.Diff(c.reasons, res.Reasons); err != nil || d != "" {
				t.Errorf("%v (- want, + got):\n%s", err, d)
			}
		})
	}
}
