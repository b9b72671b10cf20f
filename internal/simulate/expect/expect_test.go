package expect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

// estate holds every rule of the reading once; its tiles are worked out by
// hand in TestTiles.
const estate = `{"version":1,"results":[
 {"uid":"u1","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2026-11-22T02:00:00Z"},"issues":[
  {"id":1,"issueDisplayId":"CIS-101","type":"CIS","severity":"Critical","title":"SSH is off","status":"FAIL","affectedObjectsCount":2,
   "affectedObjects":[
    {"vcUid":"u1","moid":"host-81","name":"esx1","type":"HostSystem","resultValues":[{"description":"SSH","value":"on"}]},
    {"vcUid":"u1","moid":"host-82","name":"esx2","type":"HostSystem","resultValues":[{"description":"SSH","value":"on"}]}]},
  {"id":2,"issueDisplayId":"102","type":"CIS","severity":"Major","title":"","status":"PASS","affectedObjectsCount":0,
   "affectedObjects":[{"vcUid":"u1","moid":"host-81"}]},
  {"id":3,"issueDisplayId":"V-7","type":"DISA STIG","severity":"Medium","title":"Ask","status":"MANUAL"},
  {"id":4,"issueDisplayId":"KB-1","type":"KB","severity":"Critical","title":"k","status":"FAIL"},
  {"id":5,"issueDisplayId":"BP-1","type":"BP","severity":"Critical","title":"b","status":"FAIL"},
  {"id":6,"issueDisplayId":"CVE-1","type":"VUL","severity":"Critical","title":"v","status":"FAIL"},
  {"id":7,"issueDisplayId":"PCI-5","type":"PCI-DSS","severity":"Low","title":"p","status":"M_FAIL","affectedObjectsCount":3,
   "affectedObjects":[{"moid":"vm-1","name":"vm","type":"VirtualMachine","resultValues":[{"description":"Who","value":"?"}]}]},
  {"id":8,"issueDisplayId":"CIS-103","type":"CIS","severity":"Low","title":"c","status":"FAIL","affectedObjectsCount":1,
   "affectedObjects":[{"moid":"vm-1"},{"moid":"vm-2"}]},
  {"id":9,"issueDisplayId":"CIS-104","type":"CIS","severity":"Low","title":"c","status":"UNLICENSED"},
  {"id":10,"issueDisplayId":"CIS-105","type":"CIS","severity":"Low","title":"c","status":"NOT_RELEVANT"},
  {"id":11,"issueDisplayId":"CIS-106","type":"CIS","severity":"Low","title":"c","status":"PERHAPS"}]},
 {"issues":[
  {"issueDisplayId":"CIS-101","type":"CIS","severity":"Critical","title":"SSH is off","status":"PASS"},
  {"issueDisplayId":"CIS-102","type":"CIS","severity":"Major","title":"CIS-102","status":"M_PASS"},
  {"issueDisplayId":"1","type":"FOO","severity":"Odd","title":"f","status":"FAIL","affectedObjectsCount":1,
   "affectedObjects":[{"vcUid":"u9","moid":"arn:aws:s3:::b","name":"b"}]}],
  "uid":"u2"},
 {"uid":"u3","issues":[
  {"issueDisplayId":"CIS-107","type":"CIS","severity":"Medium","title":"c","status":"FAIL","affectedObjectsCount":2,
   "affectedObjects":[{"moid":"/subscriptions/1/x","name":"n","type":"T"},{"vcUid":"u9","name":"only a name"}]},
  {"issueDisplayId":"CIS-108","type":"CIS","severity":"Low","title":"c","status":"FAIL","affectedObjectsCount":1,"affectedObjects":[{}]}]},
 {"uid":"u4","issues":[{"issueDisplayId":"KB-1","type":"KB","severity":"Low","status":"FAIL"}]},
 {"uid":"u5","issues":[{"issueDisplayId":"CIS-101","type":"CIS","severity":"Low","status":"UNLICENSED"}]},
 {"uid":"u6","scanStatus":{"status":"RUNNING"},"issues":[{"issueDisplayId":"CIS-101","type":"CIS","severity":"Low","status":"FAIL"}]},
 {"issues":[{"issueDisplayId":"CIS-101","type":"CIS","severity":"Low","status":"FAIL"}]}
]}`

var systems = []appliance.System{
	{ID: "u1", Name: "vc1.example", Type: "VCENTER"}, {ID: "u2", Name: "account", Type: "AWS"}, {ID: "u3", Name: "tenant", Type: "AZURE"},
	{ID: "u4", Name: "quiet", Type: "GCP"}, {ID: "u5", Name: "unlicensed", Type: "GCP"}, {ID: "u6", Name: "running", Type: "GCP"},
}

func read(t *testing.T, document string) dashboard.Tiles {
	t.Helper()
	tiles, err := expect.Tiles(strings.NewReader(document), systems)
	if err != nil {
		t.Fatal(err)
	}
	return tiles
}

func TestTiles(t *testing.T) {
	t.Parallel()
	got := read(t, estate)
	counts := []int{got.Critical, got.High, got.Medium, got.Low, got.Manual, got.Passed, got.Resources, got.Configurations}
	if diff := cmp.Diff([]int{1, 0, 1, 4, 1, 1, 9, 12}, counts); diff != "" {
		t.Errorf("critical, high, medium, low, manual, passed, resources, configurations: %s", diff)
	}
	if diff := cmp.Diff(map[string]int{"vCenter": 1, "AWS": 1, "Azure": 1}, got.SystemTypes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]dashboard.System{
		{ID: "u2", Name: "account", Type: "AWS", Tally: dashboard.Tally{Failed: 1, Passed: 2}, Rows: dashboard.Rows{Failed: 1, Passed: 2}, Resources: 2},
		{ID: "u3", Name: "tenant", Type: "Azure", Tally: dashboard.Tally{Failed: 2}, Rows: dashboard.Rows{Failed: 3}, Resources: 3},
		{ID: "u1", Name: "vc1.example", Type: "vCenter", Tally: dashboard.Tally{Failed: 3, Manual: 1, Passed: 1}, Rows: dashboard.Rows{Failed: 4, Manual: 1, Passed: 1}, Resources: 4},
	}, got.Systems); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]dashboard.Standard{
		{Name: "CIS", Tally: dashboard.Tally{Failed: 4, Passed: 1}},
		{Name: "DISA STIG", Tally: dashboard.Tally{Manual: 1}},
		{Name: "FOO", Tally: dashboard.Tally{Failed: 1}},
		{Name: "PCI DSS", Tally: dashboard.Tally{Failed: 1}},
	}, got.Standards); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]dashboard.Rule{
		{ID: "CIS-101", Title: "SSH is off", Severity: "CRITICAL", SeverityScore: 10, Standard: "CIS", Status: "FAILED", Rows: dashboard.Rows{Failed: 2, Passed: 1}},
		{ID: "CIS-107", Title: "c", Severity: "MEDIUM", SeverityScore: 4, Standard: "CIS", Status: "FAILED", Rows: dashboard.Rows{Failed: 2}},
		{ID: "CIS-103", Title: "c", Severity: "LOW", SeverityScore: 1, Standard: "CIS", Status: "FAILED", Rows: dashboard.Rows{Failed: 1}},
		{ID: "CIS-108", Title: "c", Severity: "LOW", SeverityScore: 1, Standard: "CIS", Status: "FAILED", Rows: dashboard.Rows{Failed: 1}},
		{ID: "FOO-1", Title: "f", Severity: "LOW", SeverityScore: 1, Standard: "FOO", Status: "FAILED", Rows: dashboard.Rows{Failed: 1}},
		{ID: "PCI-5", Title: "p", Severity: "LOW", SeverityScore: 1, Standard: "PCI DSS", Status: "FAILED", Rows: dashboard.Rows{Failed: 1}},
		{ID: "STIG-V-7", Title: "Ask", Severity: "MEDIUM", SeverityScore: 4, Standard: "DISA STIG", Status: "MANUAL", Rows: dashboard.Rows{Manual: 1}},
		{ID: "CIS-102", Title: "CIS-102", Severity: "HIGH", SeverityScore: 7, Standard: "CIS", Status: "PASSED", Rows: dashboard.Rows{Passed: 2}},
	}, got.Rules); diff != "" {
		t.Error(diff)
	}
	type place struct{ rule, id, name, kind, evidence string }
	var places []place
	for _, f := range got.Findings {
		places = append(places, place{f.RuleID, f.ObjectID, f.ObjectName, f.ObjectType, f.Evidence})
	}
	ssh := `[{"description":"SSH","type":"AUTOMATIC","value":"on"}]`
	if diff := cmp.Diff([]place{
		{"CIS-101", "u1/host-81", "esx1", "HostSystem", ssh},
		{"CIS-101", "u1/host-82", "esx2", "HostSystem", ssh},
		{"CIS-107", "/subscriptions/1/x", "n", "T", "[]"},
		{"CIS-107", "u9/only a name", "only a name", "AZURE", "[]"},
		{"CIS-103", "u1", "vc1.example", "VCENTER", "[]"},
		{"CIS-108", "u3", "tenant", "AZURE", "[]"},
		{"FOO-1", "arn:aws:s3:::b", "b", "AWS", "[]"},
		{"PCI-5", "u1/vm-1", "vm", "VirtualMachine", `[{"description":"Who","type":"MANUAL","value":"?"}]`},
		{"STIG-V-7", "u1", "vc1.example", "VCENTER", "[]"},
		{"CIS-101", "u2", "account", "AWS", "[]"},
		{"CIS-102", "u1", "vc1.example", "VCENTER", "[]"},
		{"CIS-102", "u2", "account", "AWS", "[]"},
	}, places, cmp.AllowUnexported(place{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]dashboard.Misconfiguration{
		{Resources: 2, Systems: 1, Evidence: ssh, ObjectType: "HostSystem", Status: "FAILED", Severity: "CRITICAL", RuleTitle: "SSH is off", RuleID: "CIS-101", Standard: "CIS"},
		{Resources: 1, Systems: 1, Evidence: places[7].evidence, ObjectType: "VirtualMachine", Status: "FAILED", Severity: "LOW", RuleTitle: "p", RuleID: "PCI-5", Standard: "PCI DSS"},
	}, got.Misconfigurations); diff != "" {
		t.Error(diff)
	}
}

// A system may be shown under another id and name, as another API has them, or
// not at all. Objects keep the vcUid that they come with.
func TestTilesOfSomeSystems(t *testing.T) {
	t.Parallel()
	got, err := expect.TilesOf(strings.NewReader(estate), func(uid string) (appliance.System, bool) {
		return appliance.System{ID: "2772", Name: "VC1.Example", Type: "VCENTER"}, uid == "u1"
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dashboard.System{
		{ID: "2772", Name: "VC1.Example", Type: "vCenter", Tally: dashboard.Tally{Failed: 3, Manual: 1, Passed: 1}, Rows: dashboard.Rows{Failed: 4, Manual: 1, Passed: 1}, Resources: 4},
	}, got.Systems); diff != "" {
		t.Error(diff)
	}
	objects := map[string]bool{}
	for _, f := range got.Findings {
		objects[f.ObjectID] = true
	}
	if diff := cmp.Diff(map[string]bool{"u1/host-81": true, "u1/host-82": true, "2772/vm-1": true, "2772": true}, objects); diff != "" {
		t.Error(diff)
	}
}

// one wraps an issue's members as a document of one system.
func one(members string) string {
	return `{"results":[{"uid":"u1","issues":[{` + members + `}]}]}`
}

func TestObjectsOfTwoVCentersStayApart(t *testing.T) {
	t.Parallel()
	const failing = `"issues":[{"issueDisplayId":"CIS-1","type":"CIS","severity":"Low","status":"FAIL","affectedObjectsCount":1,"affectedObjects":[{"moid":"host-81"}]}]`
	got := read(t, `{"results":[{"uid":"u1",`+failing+`},{"uid":"u2",`+failing+`}]}`)
	if got.Resources != 2 || got.Configurations != 2 || len(got.Rules) != 1 {
		t.Errorf("resources %d, rows %d, rules %d; want 2, 2, 1", got.Resources, got.Configurations, len(got.Rules))
	}
}

func TestStandards(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{
		"CIS": {"CIS", "CIS-7"}, "cis": {"CIS", "CIS-7"}, "CIS 8": {"CIS", "CIS-7"},
		"STIG": {"DISA STIG", "STIG-7"}, "DISA_STIG": {"DISA STIG", "STIG-7"},
		"PCI": {"PCI DSS", "PCI-7"}, "PCI DSS 4.0": {"PCI DSS", "PCI-7"}, "pci-dss-3.2.1": {"PCI DSS", "PCI-7"},
		"NIST": {"NIST", "NIST-7"}, "NIST SP": {"NIST", "NIST-7"}, "NIST 800-53": {"NIST", "NIST-7"}, "NIST-SP-800-53": {"NIST", "NIST-7"},
		"HIPAA": {"HIPAA", "HIPAA-7"}, "BSI": {"BSI IT-Grundschutz", "BSI-7"}, "IT-Grundschutz": {"BSI IT-Grundschutz", "BSI-7"},
		"BSI IT-Grundschutz 2023": {"BSI IT-Grundschutz", "BSI-7"}, "C5": {"BSI C5", "C5-7"}, "BSI C5": {"BSI C5", "C5-7"},
		"GDPR": {"GDPR", "GDPR-7"}, "DORA": {"DORA", "DORA-7"}, "CE": {"Cyber Essentials", "CE-7"}, "Cyber Essentials 3.1": {"Cyber Essentials", "CE-7"},
		"E8": {"Essential Eight", "E8-7"}, "Essential Eight": {"Essential Eight", "E8-7"}, "ISO": {"ISO 27001", "ISO-7"},
		"ISO 27001": {"ISO 27001", "ISO-7"}, "ISO 27001:2022": {"ISO 27001", "ISO-7"}, "KVKK": {"KVKK", "KVKK-7"}, "TISAX": {"TISAX", "TISAX-7"},
		"SCG": {"VMware SCG", "SCG-7"}, "vSCG": {"VMware SCG", "SCG-7"}, "VMware SCG": {"VMware SCG", "SCG-7"}, "SH": {"VMware SCG", "SCG-7"},
		"ISO 27017": {"ISO 27017", "ISO 27017-7"}, "NIST 800-171": {"NIST 800-171", "NIST 800-171-7"}, "NIS 2022": {"NIS 2022", "NIS 2022-7"}, "NIST 171": {"NIST 171", "NIST 171-7"},
		"DISA STIG v2r4": {"DISA STIG", "STIG-7"}, "NIST_800_53_R5": {"NIST", "NIST-7"}, "NIST 800-53 5": {"NIST", "NIST-7"}, "NIST SP 800-53 4": {"NIST", "NIST-7"},
		"C5 2020": {"BSI C5", "C5-7"}, "E8 2023": {"Essential Eight", "E8-7"}, "CIS80": {"CIS", "CIS-7"}, "GDPR 2016/679": {"GDPR 2016/679", "GDPR 2016/679-7"},
		"My Profile": {"My Profile", "My Profile-7"}, "--": {"--", "---7"},
	} {
		got := read(t, one(fmt.Sprintf(`"issueDisplayId":"7","type":%q,"severity":"Low","status":"FAIL"`, code)))
		if len(got.Rules) != 1 || got.Rules[0].Standard != want[0] || got.Rules[0].ID != want[1] {
			t.Errorf("%s: %+v, want %v", code, got.Rules, want)
		}
	}
	for _, code := range []string{"KB", "BP", "VUL", "kb", "", " "} {
		if got := read(t, one(fmt.Sprintf(`"issueDisplayId":"7","type":%q,"severity":"Low","status":"FAIL"`, code))); len(got.Rules) != 0 {
			t.Errorf("%q is taken for compliance: %+v", code, got.Rules)
		}
	}
}

func TestRuleIDs(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"issueDisplayId":"CIS-1","type":"CIS"`:              "CIS-1",
		`"issueDisplayId":"cis-1","type":"CIS"`:              "cis-1",
		`"issueDisplayId":"CIS1","type":"CIS"`:               "CIS-CIS1",
		`"issueDisplayId":"DISA-STIG-1","type":"DISA-STIG"`:  "DISA-STIG-1",
		`"issueDisplayId":"STIG-1","type":"DISA-STIG"`:       "STIG-1",
		`"issueDisplayId":"VMW-1","type":"DISA-STIG"`:        "STIG-VMW-1",
		`"issueDisplayId":4711,"type":"PCI"`:                 "PCI-4711",
		`"id":1001,"type":"PCI"`:                             "PCI-1001",
		`"id":1001,"issueDisplayId":null,"type":"PCI"`:       "PCI-1001",
		`"id":1001,"issueDisplayId":"PCI-2","type":"PCIDSS"`: "PCI-2",
	} {
		got := read(t, one(members+`,"severity":"Low","status":"FAIL"`))
		if len(got.Rules) != 1 || got.Rules[0].ID != want {
			t.Errorf("%s: %+v, want %s", members, got.Rules, want)
		}
	}
}

func TestRowsByStatus(t *testing.T) {
	t.Parallel()
	const two = `"affectedObjects":[{"moid":"a"},{"moid":"b"}]`
	for members, want := range map[string]dashboard.Rows{
		`"status":"FAIL","affectedObjectsCount":2,` + two:                                  {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":9,` + two:                                  {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":1,` + two:                                  {Failed: 1},
		`"status":"FAIL","affectedObjectsCount":0,` + two:                                  {Failed: 1},
		`"status":"FAIL",` + two:                                                           {Failed: 2}, // no count to doubt the list
		`"status":"FAIL","affectedObjectsCount":null,` + two:                               {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":5`:                                         {Failed: 1},
		`"status":"FAIL","affectedObjectsCount":5,"affectedObjects":null`:                  {Failed: 1},
		`"status":"FAIL","affectedObjectsCount":2,"affectedObjects":[null,{"moid":"a"},7]`: {Failed: 1},
		`"status":"FAIL","affectedObjectsCount":"x",` + two:                                {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":-1,` + two:                                 {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":1.0,` + two:                                {Failed: 1},
		`"status":"FAIL","affectedObjectsCount":1e300,` + two:                              {Failed: 2},
		`"status":"FAIL","affectedObjectsCount":1,"affectedObjects":{"moid":"a"}`:          {Failed: 1},
		`"status":"M_FAIL","affectedObjectsCount":2,` + two:                                {Failed: 2},
		`"status":"M_FAIL","affectedObjectsCount":1,` + two:                                {Failed: 1},
		`"status":"MANUAL","affectedObjectsCount":2,` + two:                                {Manual: 2},
		`"status":"MANUAL","affectedObjectsCount":1,` + two:                                {Manual: 1},
		`"status":"MANUAL"`: {Manual: 1},
		`"status":"PASS","affectedObjectsCount":2,` + two:   {Passed: 1},
		`"status":"M_PASS","affectedObjectsCount":2,` + two: {Passed: 1},
		`"status":"NOT_RELEVANT",` + two:                    {},
		`"status":"NOT_APPLICABLE",` + two:                  {},
		`"status":"FILTERED",` + two:                        {},
		`"status":"UNLICENSED",` + two:                      {},
		`"status":"fail","affectedObjectsCount":2,` + two:   {Failed: 2},
		`"status":null,` + two:                              {},
		two:                                                 {},
	} {
		got := read(t, one(`"issueDisplayId":"CIS-1","type":"CIS","severity":"Low",`+members))
		var rows dashboard.Rows
		for _, s := range got.Systems {
			rows = s.Rows
		}
		if rows != want {
			t.Errorf("%s: %+v, want %+v", members, rows, want)
		}
	}
}

func TestSeverities(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		`"Critical"`: "CRITICAL", `"Major"`: "HIGH", `"Medium"`: "MEDIUM", `"Low"`: "LOW", `"CRITICAL"`: "CRITICAL", `"High"`: "LOW", `null`: "LOW", `3`: "LOW",
	} {
		got := read(t, one(`"issueDisplayId":"1","type":"CIS","status":"FAIL","severity":`+word))
		if got.Rules[0].Severity != want {
			t.Errorf("%s: %s, want %s", word, got.Rules[0].Severity, want)
		}
	}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	object := func(status, values string) string {
		return one(`"issueDisplayId":"CIS-1","type":"CIS","severity":"Low","status":"` + status + `","affectedObjectsCount":1,
			"affectedObjects":[{"moid":"a","resultValues":` + values + `}]`)
	}
	long := strings.Repeat("ü", 3001)
	for document, want := range map[string]string{
		object("FAIL", `[{"description":"<a>","value":"1"},{"value":"2"}]`): `[{"description":"<a>","type":"AUTOMATIC","value":"1"},{"description":"","type":"AUTOMATIC","value":"2"}]`,
		object("M_FAIL", `[{"description":"d","value":""}]`):                `[{"description":"d","type":"MANUAL","value":""}]`,
		object("MANUAL", `[{"description":"d","value":7}]`):                 `[{"description":"d","type":"MANUAL","value":"7"}]`,
		object("PASS", `[{"description":"d","value":"v"}]`):                 `[]`,
		object("FAIL", `[]`):                                       `[]`,
		object("FAIL", `null`):                                     `[]`,
		object("FAIL", `"x"`):                                      `[]`,
		object("FAIL", `[null,{"value":true}]`):                    `[{"description":"","type":"AUTOMATIC","value":"true"}]`,
		object("FAIL", `[{"description":"d","value":"`+long+`"}]`): `[{"description":"d","type":"AUTOMATIC","value":"` + long[:6000] + `"}]`,
	} {
		got := read(t, document)
		if got.Findings[0].Evidence != want {
			t.Errorf("%.200s: %.200s, want %.200s", document, got.Findings[0].Evidence, want)
		}
	}
}

func TestUnlistedSystemGoesByItsUID(t *testing.T) {
	t.Parallel()
	got, err := expect.Tiles(strings.NewReader(estate), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Systems) != 3 || got.SystemTypes["UNKNOWN"] != 3 {
		t.Errorf("%d systems of types %v", len(got.Systems), got.SystemTypes)
	}
	for _, s := range got.Systems {
		if s.Name != s.ID || s.Type != "UNKNOWN" {
			t.Errorf("%+v", s)
		}
	}
}

func TestTolerated(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"nothing":                `{}`,
		"no results":             `{"results":null}`,
		"results of a kind":      `{"results":7}`,
		"elements of any kind":   `{"results":[null,7,"x",[],{}]}`,
		"no issues":              `{"results":[{"uid":"u1"},{"uid":"u2","issues":null},{"uid":"u3","issues":[]}]}`,
		"an issue without more":  `{"results":[{"uid":"u1","issues":[{},null]}]}`,
		"an issue without an id": one(`"type":"CIS","severity":"Low","title":"t","status":"FAIL"`),
	} {
		if got := read(t, document); len(got.Rules) != 0 || len(got.Systems) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	repeated := read(t, `{"a":1,"a":2,"results":[{"uid":"x","uid":"u1","issues":[{"issueDisplayId":"CIS-9","issueDisplayId":"CIS-1",
		"type":"CIS","severity":"Low","status":"PASS","status":"FAIL","title":"`+"\xff"+`","later":{"b":[1]}}]}]}`)
	if repeated.Low != 1 || repeated.Rules[0].ID != "CIS-1" || repeated.Systems[0].ID != "u1" {
		t.Errorf("%+v", repeated)
	}
}

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	for end := range len(estate) {
		if _, err := expect.Tiles(strings.NewReader(estate[:end]), systems); err == nil {
			t.Fatalf("cut after %d bytes, and no error", end)
		}
	}
	for _, document := range []string{`[]`, `null`, `<html>`, `{"results":[}`} {
		if _, err := expect.Tiles(strings.NewReader(document), systems); err == nil {
			t.Errorf("%s: no error", document)
		}
	}
}
