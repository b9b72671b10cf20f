package mapping_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

const scanID = "6d1b7b1e-0000-4000-8000-000000000001"

func at() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) }

func settings(change func(*mapping.Settings)) mapping.Settings {
	m := mapping.Settings{EventModel: "both", IncludeResults: []securityevent.Status{"FAILED", "MANUAL", "PASSED"}, MinSeverity: "LOW", Evidence: true, Coverage: "system", PassedObjects: "system"}
	if change != nil {
		change(&m)
	}
	return m
}

func raw(systemID, systemType, issues string) string {
	return `{"schema":"runecast-raw/1","run":{"id":"20261122T020000Z-4f3a","trigger":"schedule","startedAt":"2026-11-22T02:00:00Z"},` +
		`"appliance":{"url":"https://rc.example","api":"v1","version":"6.9.12.0"},` +
		`"system":{"id":"` + systemID + `","name":"vc1.example","type":"` + systemType + `"},` +
		`"scan":{"status":"FINISHED_SUCCESSFULLY","completedAt":"2026-11-22T02:30:00Z"},"catalog":"",` +
		`"result":{"uid":"` + systemID + `","issues":[` + issues + `]}}`
}

type event map[string]any

func mapDocument(t testing.TB, m mapping.Settings, text string, catalog *mapping.Catalog) ([]event, mapping.Result, error) {
	t.Helper()
	d, err := mapping.Open(strings.NewReader(text))
	if err != nil {
		return nil, mapping.Result{}, err
	}
	var events []event
	res, err := mapping.New(m).Map(mapping.Input{
		Document: d, Catalog: catalog, ScanID: scanID, Now: at,
		Reopen: reopen(text),
		Emit: func(b []byte) error {
			var e event
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatalf("event is not JSON: %v\n%s", err, b)
			}
			events = append(events, e)
			return nil
		},
	})
	return events, res, err
}

func reopen(text string) func() (*mapping.Document, func() error, error) {
	return func() (*mapping.Document, func() error, error) {
		d, err := mapping.Open(strings.NewReader(text))
		return d, func() error { return nil }, err
	}
}

func issue(id, profile, severity, status string, count int, objects ...string) string {
	return fmt.Sprintf(`{"id":"1","issueDisplayId":%q,"severity":%q,"type":%q,"title":"Title of %s","url":"https://kb.example/1","products":[{"name":"vSphere"}],"appliesTo":"Compute","status":%q,"affectedObjectsCount":%d,"affectedObjects":[%s]}`,
		id, severity, profile, id, status, count, strings.Join(objects, ","))
}

func object(moid, values string) string {
	return fmt.Sprintf(`{"vcUid":"u-1","moid":%q,"name":"name of %s","type":"HostSystem","resultValues":[%s]}`, moid, moid, values)
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	two := []string{object("host-1", ""), object("host-2", "")}
	cases := map[string]struct {
		issue   string
		want    []string // "status object.id risk" of each event
		skipped int64
		reasons map[string]int64
	}{
		"FAIL per object":              {issue: issue("CIS-1", "CIS", "Critical", "FAIL", 2, two...), want: []string{"FAILED u-1/host-1 CRITICAL 10", "FAILED u-1/host-2 CRITICAL 10"}},
		"M_FAIL":                       {issue: issue("CIS-1", "CIS", "Major", "M_FAIL", 2, two...), want: []string{"FAILED u-1/host-1 HIGH 8.9", "FAILED u-1/host-2 HIGH 8.9"}},
		"FAIL, short list":             {issue: issue("CIS-1", "CIS", "Medium", "FAIL", 9, two...), want: []string{"FAILED u-1/host-1 MEDIUM 6.9", "FAILED u-1/host-2 MEDIUM 6.9"}, reasons: map[string]int64{"objects_not_listed": 1}},
		"FAIL, none listed":            {issue: issue("CIS-1", "CIS", "Low", "FAIL", 9), want: []string{"FAILED s-1 LOW 3.9"}, reasons: map[string]int64{"objects_not_listed": 1}},
		"FAIL, more listed than count": {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, two...), want: []string{"FAILED s-1 LOW 3.9"}, reasons: map[string]int64{"objects_ambiguous": 1}},
		"MANUAL listed":                {issue: issue("CIS-1", "CIS", "Low", "MANUAL", 2, two...), want: []string{"MANUAL u-1/host-1 LOW 3.9", "MANUAL u-1/host-2 LOW 3.9"}},
		"MANUAL":                       {issue: issue("CIS-1", "CIS", "Low", "MANUAL", 0), want: []string{"MANUAL s-1 LOW 3.9"}},
		"PASS":                         {issue: issue("CIS-1", "CIS", "Critical", "PASS", 0), want: []string{"PASSED s-1 NONE 0"}},
		"PASS with objects":            {issue: issue("CIS-1", "CIS", "Critical", "PASS", 0, two...), want: []string{"PASSED s-1 NONE 0"}},
		"M_PASS":                       {issue: issue("CIS-1", "CIS", "Critical", "M_PASS", 0), want: []string{"PASSED s-1 NONE 0"}},
		"NOT_RELEVANT":                 {issue: issue("CIS-1", "CIS", "Critical", "NOT_RELEVANT", 0), skipped: 1},
		"FILTERED":                     {issue: issue("CIS-1", "CIS", "Critical", "FILTERED", 2, two...), skipped: 2},
		"UNLICENSED":                   {issue: issue("CIS-1", "CIS", "Critical", "UNLICENSED", 0), reasons: map[string]int64{"unlicensed": 1}},
		"unknown status":               {issue: issue("CIS-1", "CIS", "Critical", "PENDING", 0), reasons: map[string]int64{"unknown_status": 1}},
		"unknown severity":             {issue: issue("CIS-1", "CIS", "Blocker", "FAIL", 0), want: []string{"FAILED s-1 NOT_AVAILABLE <nil>"}, reasons: map[string]int64{"unknown_severity": 1}},
		"KB":                           {issue: issue("KB-1", "KB", "Low", "FAIL", 0), reasons: map[string]int64{"not_compliance": 1}},
		"no profile":                   {issue: issue("CIS-1", "", "Low", "FAIL", 0), reasons: map[string]int64{"no_profile": 1}},
		"object without moid":          {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, `{"name":"n","type":null}`), want: []string{"FAILED s-1/n LOW 3.9"}},
		"object without anything":      {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, `{}`), want: []string{"FAILED s-1 LOW 3.9"}},
		"arn":                          {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, object("arn:aws:s3:::b", "")), want: []string{"FAILED arn:aws:s3:::b LOW 3.9"}},
		"azure id":                     {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, object("/subscriptions/x/y", "")), want: []string{"FAILED /subscriptions/x/y LOW 3.9"}},
		"none with the own verdict":    {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, `{"moid":"b","status":"PASS"}`), want: []string{"FAILED s-1 LOW 3.9"}},
		"objects with own verdict":     {issue: issue("CIS-1", "CIS", "Low", "FAIL", 1, `{"moid":"a","status":"FAIL"}`, `{"moid":"b","status":"PASS"}`), want: []string{"FAILED s-1/a LOW 3.9"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events, res, err := mapDocument(t, settings(nil), raw("s-1", "VCENTER", c.issue), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range events {
				got = append(got, fmt.Sprint(e["compliance.result.status.level"], " ", e["object.id"], " ", e["dt.security.risk.level"], " ", e["dt.security.risk.score"]))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if c.reasons == nil {
				c.reasons = map[string]int64{}
			}
			if d := cmp.Diff(c.reasons, res.Reasons); d != "" {
				t.Error(d)
			}
			if res.Skipped != c.skipped || res.Mapped != int64(len(got))+c.skipped {
				t.Errorf("mapped %d, skipped %d, sent %d", res.Mapped, res.Skipped, len(got))
			}
			if assessed := len(got)+int(c.skipped) > 0; res.Assessed != assessed {
				t.Errorf("assessed = %v", res.Assessed)
			}
		})
	}
}

// Unlicensed rules are counted by standard in the scan's summary, except those that the
// settings leave out anyway; they change no other figure.
func TestUnlicensedRulesAreInTheSummary(t *testing.T) {
	t.Parallel()
	text := raw("s-1", "VCENTER", strings.Join([]string{
		issue("CIS-1", "CIS", "Low", "FAIL", 0), issue("CIS-2", "CIS", "Critical", "PASS", 0), issue("CIS-3", "CIS", "Critical", "UNLICENSED", 0),
		issue("CIS-4", "CIS", "Low", "UNLICENSED", 0), issue("DORA-5", "DORA", "Major", "UNLICENSED", 3, object("host-1", "")),
		issue("KB-6", "KB", "Critical", "UNLICENSED", 0), `{"type":"CIS","severity":"Critical","status":"UNLICENSED"}`,
	}, ","))
	for name, c := range map[string]struct {
		change  func(*mapping.Settings)
		want    map[string]int
		posture int
	}{
		"all":         {nil, map[string]int{"CIS": 2, "DORA": 1}, 50},
		"without CIS": {func(m *mapping.Settings) { m.ExcludeTypes = []string{"CIS"} }, map[string]int{"DORA": 1}, 0},
		"high":        {func(m *mapping.Settings) { m.MinSeverity = "HIGH" }, map[string]int{"CIS": 1, "DORA": 1}, 100},
		"failed":      {func(m *mapping.Settings) { m.IncludeResults = []securityevent.Status{"FAILED"} }, map[string]int{"CIS": 2, "DORA": 1}, 0},
		"with KB":     {func(m *mapping.Settings) { m.IncludeTypes = []string{"KB"} }, map[string]int{"CIS": 2, "DORA": 1, "KB": 1}, 50},
		"none left":   {func(m *mapping.Settings) { m.ExcludeTypes = []string{"CIS", "DORA"} }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, res, err := mapDocument(t, settings(c.change), text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, res.Summary.Unlicensed); d != "" || res.Summary.CompliancePercentage != c.posture {
				t.Errorf("posture %d, %s", res.Summary.CompliancePercentage, d)
			}
			event, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at())
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(eventSchema(t), event); err != nil {
				t.Error(err)
			}
			total := 0.0
			for _, n := range c.want {
				total += float64(n)
			}
			if got := decode(t, event)["runecast.rules.unlicensed"]; got != total {
				t.Errorf("the scan event says %v", got)
			}
		})
	}
}

func TestFailedFindingHasWhatEveryConsumerNeeds(t *testing.T) {
	t.Parallel()
	needs := map[string][]string{
		"external": {"event.id", "event.provider", "finding.type", "finding.id", "finding.time.created", "finding.title", "dt.security.risk.level",
			"object.id", "object.type", "rule.id", "rule.name", "compliance.status", "compliance.standards"},
		"xspm": {"scan.id", "compliance.rule.id", "compliance.rule.title", "compliance.rule.severity.level", "compliance.rule.severity.score",
			"compliance.rule.metadata_json", "compliance.standard.short_name", "compliance.standard.url", "compliance.result.status.level",
			"compliance.result.status.score", "compliance.result.object.evidence_json", "event.kind", "event.type", "timestamp"},
	}
	needs["both"] = append(append([]string{}, needs["external"]...), needs["xspm"]...)
	doc := raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Critical", "FAIL", 1, object("host-1", `{"description":"d","value":"v"}`)))
	for model, names := range needs {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			events, _, err := mapDocument(t, settings(func(m *mapping.Settings) { m.EventModel = securityevent.Model(model) }), doc, nil)
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			for _, n := range names {
				if events[0][n] == nil || events[0][n] == "" {
					t.Errorf("%s is missing", n)
				}
			}
			for other, names := range needs {
				if other == "both" || model == "both" || other == model {
					continue
				}
				for _, n := range names {
					if strings.HasPrefix(n, "compliance.") && events[0][n] != nil {
						t.Errorf("%s belongs to the model %s only", n, other)
					}
				}
			}
		})
	}
}

func TestManualHasNoComplianceStatus(t *testing.T) {
	t.Parallel()
	events, _, err := mapDocument(t, settings(nil), raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "MANUAL", 0)), nil)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	if v, ok := events[0]["compliance.status"]; ok {
		t.Errorf("compliance.status = %v", v)
	}
}

// Two vCenters share moids: an id without the system in front would merge
// their hosts into one resource.
func TestObjectIDsAreUniqueAcrossVCenters(t *testing.T) {
	t.Parallel()
	ids := map[any]string{}
	findings := map[any]string{}
	for _, system := range []string{"vc-a", "vc-b"} {
		text := strings.ReplaceAll(raw(system, "VCENTER", issue("CIS-1", "CIS", "Low", "FAIL", 1, object("host-81", ""))), "u-1", system)
		events, _, err := mapDocument(t, settings(nil), text, nil)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if other, ok := ids[events[0]["object.id"]]; ok {
			t.Errorf("%s and %s share object.id %v", system, other, events[0]["object.id"])
		}
		if other, ok := findings[events[0]["finding.id"]]; ok {
			t.Errorf("%s and %s share finding.id", system, other)
		}
		ids[events[0]["object.id"]], findings[events[0]["finding.id"]] = system, system
	}
}

func TestRuleIDs(t *testing.T) {
	t.Parallel()
	more := map[string]mapping.StandardNames{"ACME-1": {ShortName: "Acme", Prefix: "AC"}}
	for name, c := range map[string]struct{ profile, display, rule, short string }{
		"prefix of the standard":  {"CIS", "CIS-66577", "CIS-66577", "CIS"},
		"prefix is not the code":  {"DISA STIG", "STIG-82824", "STIG-82824", "DISA STIG"},
		"no prefix":               {"STIG", "V-256318", "STIG-V-256318", "DISA STIG"},
		"code with version":       {"PCI DSS 4.0", "PCI-1", "PCI-1", "PCI DSS"},
		"code with digits":        {"ISO27001", "A.5", "ISO-A.5", "ISO 27001"},
		"code that ends in digit": {"BSI C5", "OPS-1", "C5-OPS-1", "BSI C5"},
		"unknown code":            {"MYPROF", "7", "MYPROF-7", "MYPROF"},
		"begins with the code":    {"MYPROF", "MYPROF-7", "MYPROF-7", "MYPROF"},
		"only looks like it":      {"CIS", "CISCO-7", "CIS-CISCO-7", "CIS"},
		"extended":                {"acme 1", "9", "AC-9", "Acme"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := settings(func(m *mapping.Settings) { m.Standards = more })
			events, _, err := mapDocument(t, m, raw("s-1", "VCENTER", issue(c.display, c.profile, "Low", "PASS", 0)), nil)
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			e := events[0]
			if e["compliance.rule.id"] != c.rule || e["rule.id"] != c.rule || e["compliance.standard.short_name"] != c.short {
				t.Errorf("rule %v, standard %v; want %s, %s", e["compliance.rule.id"], e["compliance.standard.short_name"], c.rule, c.short)
			}
		})
	}
}

func TestOneCheckInTwoStandardsIsTwoRules(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", issue("V-1", "CIS", "Low", "PASS", 0)+","+issue("V-1", "NIST", "Low", "FAIL", 0))
	events, _, err := mapDocument(t, settings(nil), doc, nil)
	if err != nil || len(events) != 2 || events[0]["compliance.rule.id"] == events[1]["compliance.rule.id"] || events[0]["finding.id"] == events[1]["finding.id"] {
		t.Errorf("%v %v", events, err)
	}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 4000)
	for name, c := range map[string]struct{ status, values, want string }{
		"values":    {"FAIL", `{"description":"a \"b\"","value":"1"},{"description":"c","value":""}`, `[{"type":"AUTOMATIC","description":"a \"b\"","value":"1"},{"type":"AUTOMATIC","description":"c","value":""}]`},
		"manual":    {"M_FAIL", `{"description":"a","value":"1"}`, `[{"type":"MANUAL","description":"a","value":"1"}]`},
		"none":      {"FAIL", ``, `[]`},
		"a number":  {"FAIL", `{"description":null,"value":7}`, `[{"type":"AUTOMATIC","description":"","value":"7"}]`},
		"very long": {"FAIL", `{"description":"a","value":"` + long + `"}`, `[{"type":"AUTOMATIC","description":"a","value":"` + long[:6000] + `"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events, _, err := mapDocument(t, settings(nil), raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", c.status, 1, object("h", c.values))), nil)
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			if got := events[0]["compliance.result.object.evidence_json"]; got != c.want {
				t.Errorf("got %v\nwant %s", got, c.want)
			}
		})
	}
}

func TestCatalogueAddsMetadata(t *testing.T) {
	t.Parallel()
	c, err := mapping.ReadCatalog(strings.NewReader(`{"issues":[{"id":2,"stigid":"other"},{"id":1,"stigid":"VCSA-80-1","vulnid":null,"stigSection":"AC-2","x":[1]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := mapDocument(t, settings(nil), raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "PASS", 0)), c)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	want := `{"Runecast ID":"CIS-1","Layer":"Compute","Products":"vSphere","Reference":"https://kb.example/1","STIG ID":"VCSA-80-1","Section":"AC-2"}`
	if got := events[0]["compliance.rule.metadata_json"]; got != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
	if events[0]["compliance.control"] != "VCSA-80-1" {
		t.Errorf("control %v", events[0]["compliance.control"])
	}
}

func TestHashChangesWithSettings(t *testing.T) {
	t.Parallel()
	a, b := mapping.New(settings(nil)), mapping.New(settings(nil))
	c := mapping.New(settings(func(m *mapping.Settings) { m.Evidence = false }))
	if a.Hash() != b.Hash() || a.Hash() == c.Hash() {
		t.Errorf("%s %s %s", a.Hash(), b.Hash(), c.Hash())
	}
}

func FuzzMap(f *testing.F) {
	f.Add(issue("CIS-1", "CIS", "Low", "FAIL", 1, object("h", `{"description":"d","value":"v"}`)))
	f.Add(`{"issue":{"issueDisplayId":7,"type":"NIST"},"status":"M_FAIL","affectedObjects":[[],null,{"moid":"\ud800"}]}`)
	f.Add("{\"type\":\"CIS\",\"issueDisplayId\":\"\xff\",\"title\":\"</script>\\u0000\",\"status\":\"PASS\"}")
	f.Fuzz(func(t *testing.T, issue string) {
		events, res, err := mapDocument(t, settings(nil), raw("s-1", "AWS", issue), nil)
		if err != nil {
			if fault.ClassOf(err) != fault.Reject {
				t.Fatalf("class %s of %v", fault.ClassOf(err), err)
			}
			return
		}
		if res.Mapped != int64(len(events))+res.Skipped {
			t.Fatalf("mapped %d, sent %d, skipped %d", res.Mapped, len(events), res.Skipped)
		}
		for _, e := range events {
			for name, v := range e {
				if _, nested := v.(map[string]any); nested {
					t.Fatalf("%s is nested", name)
				}
				if text, ok := v.(string); ok && strings.HasSuffix(name, "_json") && !json.Valid([]byte(text)) {
					t.Fatalf("%s is not JSON: %s", name, text)
				}
			}
			if e["compliance.rule.title"] == "" || e["object.id"] == "" || e["object.type"] == "" {
				t.Fatalf("the dashboard would drop %v", e)
			}
		}
	})
}
