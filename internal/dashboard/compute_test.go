package dashboard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	severityScores = map[string]float64{"CRITICAL": 10, "HIGH": 7, "MEDIUM": 4, "LOW": 1}
	statusScores   = map[string]float64{Failed: 10, Manual: 7, Passed: 4, NotRelevant: 1}
)

const (
	proof = `[{"type":"AUTOMATIC","description":"SSH","value":"on"}]`
	asked = `[{"type":"MANUAL","description":"MFA","value":""}]`
)

// committed is the end of a scan at a minute of an hour.
func committed(t *testing.T, scan, id, name, kind string, minute int) Event {
	t.Helper()
	return decode(t, fmt.Sprintf(`{"event.type":"COMPLIANCE_SCAN_COMPLETED","timestamp":"2026-11-22T02:%02d:00Z",
		"scan.id":%q,"object.id":%q,"object.name":%q,"object.type":%q}`, minute, scan, id, name, kind))
}

// found is one finding row; the rule's id gives its standard and title.
func found(t *testing.T, scan, rule, severity, status, object, evidence string) Event {
	t.Helper()
	standard := map[bool]string{true: "CIS", false: "DISA STIG"}[strings.HasPrefix(rule, "CIS-")]
	return decode(t, fmt.Sprintf(`{"event.type":"COMPLIANCE_FINDING","scan.id":%q,
		"compliance.rule.id":%q,"compliance.rule.title":"Title of %s","compliance.standard.short_name":%q,
		"compliance.rule.severity.level":%q,"compliance.rule.severity.score":%v,
		"compliance.result.status.level":%q,"compliance.result.status.score":%v,
		"object.id":%q,"object.name":"name of %s","object.type":"Thing",
		"compliance.result.object.evidence_json":%q}`,
		scan, rule, rule, standard, severity, severityScores[severity], status, statusScores[status], object, object, evidence))
}

func decode(t *testing.T, object string) Event {
	t.Helper()
	e, err := Decode([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// estate is a vCenter and an AWS account; its tiles are worked out by hand in
// TestCompute.
func estate(t *testing.T) []Event {
	return []Event{
		found(t, "s1", "CIS-1", "CRITICAL", Failed, "vc1/host-1", proof),
		found(t, "s1", "CIS-1", "CRITICAL", Failed, "vc1/host-2", proof),
		found(t, "s1", "CIS-2", "HIGH", Passed, "vc1", "[]"),
		found(t, "s1", "CIS-3", "LOW", Passed, "vc1", "[]"),
		found(t, "s1", "CIS-4", "LOW", Passed, "vc1", "[]"),
		found(t, "s1", "STIG-1", "MEDIUM", Failed, "vc1/host-1", proof),
		committed(t, "s1", "vc1", "vc1.example", "VCENTER", 10),
		found(t, "s2", "CIS-2", "HIGH", Manual, "arn:aws:iam::1", asked),
		found(t, "s2", "CIS-3", "LOW", Passed, "aws1", "[]"),
		found(t, "s2", "STIG-2", "LOW", NotRelevant, "aws1", "[]"),
		committed(t, "s2", "aws1", "account", "AWS", 11),
	}
}

func TestCompute(t *testing.T) {
	t.Parallel()
	line := func(rule, severity, status, standard, object, evidence string) Finding {
		return Finding{
			Status: status, Severity: severity, StatusScore: statusScores[status], SeverityScore: severityScores[severity],
			ObjectName: "name of " + object, ObjectID: object, ObjectType: "Thing", Evidence: evidence,
			RuleTitle: "Title of " + rule, RuleID: rule, Standard: standard,
		}
	}
	proof, asked := Evidence(proof).String(), Evidence(asked).String()
	want := Tiles{
		Critical: 1, High: 0, Medium: 1, Low: 0, Manual: 1, Passed: 2,
		Systems: []System{
			{
				ID: "aws1", Name: "account", Type: "AWS", Tally: Tally{Manual: 1, Passed: 1},
				Rows: Rows{Manual: 1, Passed: 1, NotRelevant: 1}, Resources: 2,
				Latest: time.Date(2026, 11, 22, 2, 11, 0, 0, time.UTC),
			},
			{
				ID: "vc1", Name: "vc1.example", Type: "vCenter", Tally: Tally{Failed: 2, Passed: 3},
				Rows: Rows{Failed: 3, Passed: 3}, Resources: 3,
				Latest: time.Date(2026, 11, 22, 2, 10, 0, 0, time.UTC),
			},
		},
		SystemTypes:    map[string]int{"vCenter": 1, "AWS": 1},
		Resources:      5,
		Configurations: 8,
		Standards: []Standard{
			{Name: "CIS", Tally: Tally{Failed: 1, Manual: 1, Passed: 2}},
			{Name: "DISA STIG", Tally: Tally{Failed: 1}},
		},
		Rules: []Rule{
			{ID: "CIS-1", Title: "Title of CIS-1", Severity: "CRITICAL", SeverityScore: 10, Standard: "CIS", Status: Failed, Rows: Rows{Failed: 2}},
			{ID: "STIG-1", Title: "Title of STIG-1", Severity: "MEDIUM", SeverityScore: 4, Standard: "DISA STIG", Status: Failed, Rows: Rows{Failed: 1}},
			{ID: "CIS-2", Title: "Title of CIS-2", Severity: "HIGH", SeverityScore: 7, Standard: "CIS", Status: Manual, Rows: Rows{Manual: 1, Passed: 1}},
			{ID: "CIS-3", Title: "Title of CIS-3", Severity: "LOW", SeverityScore: 1, Standard: "CIS", Status: Passed, Rows: Rows{Passed: 2}},
			{ID: "CIS-4", Title: "Title of CIS-4", Severity: "LOW", SeverityScore: 1, Standard: "CIS", Status: Passed, Rows: Rows{Passed: 1}},
		},
		Findings: []Finding{
			line("CIS-1", "CRITICAL", Failed, "CIS", "vc1/host-1", proof),
			line("CIS-1", "CRITICAL", Failed, "CIS", "vc1/host-2", proof),
			line("STIG-1", "MEDIUM", Failed, "DISA STIG", "vc1/host-1", proof),
			line("CIS-2", "HIGH", Manual, "CIS", "arn:aws:iam::1", asked),
			line("CIS-2", "HIGH", Passed, "CIS", "vc1", "[]"),
			line("CIS-3", "LOW", Passed, "CIS", "aws1", "[]"),
			line("CIS-3", "LOW", Passed, "CIS", "vc1", "[]"),
			line("CIS-4", "LOW", Passed, "CIS", "vc1", "[]"),
		},
		Misconfigurations: []Misconfiguration{
			{Resources: 2, Systems: 1, Evidence: proof, ObjectType: "Thing", Status: Failed, Severity: "CRITICAL", RuleTitle: "Title of CIS-1", RuleID: "CIS-1", Standard: "CIS"},
			{Resources: 1, Systems: 1, Evidence: proof, ObjectType: "Thing", Status: Failed, Severity: "MEDIUM", RuleTitle: "Title of STIG-1", RuleID: "STIG-1", Standard: "DISA STIG"},
			{Resources: 1, Systems: 1, Evidence: asked, ObjectType: "Thing", Status: Manual, Severity: "HIGH", RuleTitle: "Title of CIS-2", RuleID: "CIS-2", Standard: "CIS"},
		},
	}
	got := Compute(estate(t))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, posture := range []int{50, 60} {
		if got.Systems[i].Posture() != posture {
			t.Errorf("posture of %s: %d, want %d", got.Systems[i].Name, got.Systems[i].Posture(), posture)
		}
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	old := []Event{found(t, "old", "CIS-1", "LOW", Failed, "h1", "[]"), found(t, "old", "CIS-2", "LOW", Failed, "h1", "[]")}
	newer := found(t, "new", "CIS-1", "LOW", Passed, "h1", "[]")
	commit := func(scan string, minute int) Event {
		return committed(t, scan, "vc1", "vc1.example", "VCENTER", minute)
	}
	nameless := decode(t, `{"event.type":"COMPLIANCE_SCAN_COMPLETED","scan.id":"old","object.id":"vc1","object.type":"VCENTER"}`)
	for name, tc := range map[string]struct {
		events                  []Event
		failed, passed, systems int
	}{
		"findings without a completed scan are invisible": {append(old, newer), 0, 0, 0},
		"a completed scan shows its findings":             {append(old, commit("old", 1)), 2, 0, 1},
		"a newer scan hides the older":                    {append(old, newer, commit("old", 1), commit("new", 2)), 0, 1, 1},
		"the timestamp decides, not the arrival":          {append(old, newer, commit("new", 2), commit("old", 1)), 0, 1, 1},
		"of two equal times the greater scan id is shown": {append(old, newer, commit("old", 1), commit("new", 1)), 2, 0, 1},
		"a repeated commit changes nothing":               {append(old, commit("old", 1), commit("old", 1)), 2, 0, 1},
		"a newer empty scan hides everything":             {append(old, commit("old", 1), commit("void", 2)), 0, 0, 0},
		"a scan without object.name is in no filter":      {append(old, nameless), 0, 0, 0},
		"another system's scan hides nothing": {
			append(old, commit("old", 1), committed(t, "new", "vc2", "vc2.example", "VCENTER", 2), newer), 2, 0, 2,
		},
		"two systems that share a scan id double its rows": {
			append(old, commit("old", 1), committed(t, "old", "vc2", "vc2.example", "VCENTER", 2)), 2, 0, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Compute(tc.events)
			if got.Low != tc.failed || got.Passed != tc.passed || len(got.Systems) != tc.systems {
				t.Errorf("failed %d, passed %d, systems %d; want %d, %d, %d",
					got.Low, got.Passed, len(got.Systems), tc.failed, tc.passed, tc.systems)
			}
		})
	}
}

func TestDefaultFilters(t *testing.T) {
	t.Parallel()
	base := found(t, "s", "CIS-1", "LOW", Failed, "h1", "[]")
	for name, tc := range map[string]struct {
		change func(*Event)
		rows   int
	}{
		"as it is":                 {func(*Event) {}, 1},
		"severity not in the list": {func(e *Event) { e.Severity = NewText("INFO") }, 0},
		"no severity":              {func(e *Event) { e.Severity = "" }, 0},
		"no standard":              {func(e *Event) { e.Standard = "" }, 0},
		"no title, but an id":      {func(e *Event) { e.RuleTitle = "" }, 1},
		"neither title nor id":     {func(e *Event) { e.RuleTitle, e.RuleID = "", "" }, 0},
		"not relevant":             {func(e *Event) { e.Status = NewText(NotRelevant) }, 0},
		"unknown status":           {func(e *Event) { e.Status = NewText("BROKEN") }, 0},
		"another event type":       {func(e *Event) { e.Type = NewText("VULNERABILITY_FINDING") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := base
			tc.change(&e)
			got := Compute([]Event{e, committed(t, "s", "vc1", "vc1.example", "VCENTER", 1)})
			if got.Configurations != tc.rows || len(got.Rules) != tc.rows || len(got.Systems) != tc.rows || len(got.SystemTypes) != tc.rows {
				t.Errorf("configurations %d, rules %d, systems %d, types %v; want %d of each",
					got.Configurations, len(got.Rules), len(got.Systems), got.SystemTypes, tc.rows)
			}
		})
	}
}

func TestDuplicateRowsAreCounted(t *testing.T) {
	t.Parallel()
	once := estate(t)
	twice := Compute(append(once, once[0]))
	if twice.Configurations != 9 || twice.Rules[0].Rows.Failed != 3 || twice.Systems[1].Rows.Failed != 4 {
		t.Errorf("configurations %d, rule rows %d, system rows %d; want 9, 3, 4",
			twice.Configurations, twice.Rules[0].Rows.Failed, twice.Systems[1].Rows.Failed)
	}
	if twice.Resources != 5 {
		t.Errorf("resources %d, want 5: the object is the same", twice.Resources)
	}
	if got := twice.Diff(Compute(once)); len(got) == 0 {
		t.Error("Diff does not see the doubled row")
	}
}

func TestLostRowIsSeen(t *testing.T) {
	t.Parallel()
	all := estate(t)
	if got := Compute(all[1:]).Diff(Compute(all)); len(got) == 0 {
		t.Error("Diff does not see the lost row")
	}
}

func TestObjectIDSharedByTwoVCenters(t *testing.T) {
	t.Parallel()
	two := func(first, second string) Tiles {
		return Compute([]Event{
			found(t, "s1", "CIS-1", "LOW", Failed, first, proof), committed(t, "s1", "vc1", "vc1.example", "VCENTER", 1),
			found(t, "s2", "CIS-1", "LOW", Failed, second, proof), committed(t, "s2", "vc2", "vc2.example", "VCENTER", 1),
		})
	}
	apart, merged := two("vc1/host-81", "vc2/host-81"), two("host-81", "host-81")
	if apart.Resources != 2 || merged.Resources != 1 {
		t.Errorf("resources %d and %d, want 2 and 1", apart.Resources, merged.Resources)
	}
	if apart.Misconfigurations[0].Resources != 2 || merged.Misconfigurations[0].Resources != 1 {
		t.Error("common misconfigurations do not count distinct resources")
	}
	if merged.Misconfigurations[0].Systems != 2 {
		t.Error("common misconfigurations do not count distinct systems")
	}
	if len(merged.Diff(apart)) == 0 {
		t.Error("Diff does not see the merged resources")
	}
}

// TestOrderOfEventsDoesNotMatter has far more rows of one rank than the
// tables show, and rows of one rule that disagree about its title.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	t.Parallel()
	events := []Event{committed(t, "s", "vc1", "vc1.example", "VCENTER", 1), committed(t, "r", "vc1", "vc1.example", "VCENTER", 1)}
	for i := range 300 {
		e := found(t, "s", fmt.Sprintf("CIS-%d", i%7), "HIGH", Failed, fmt.Sprintf("vc1/host-%d", i), fmt.Sprintf(`[{"value":"%d"}]`, i%150))
		e.RuleTitle = NewText(fmt.Sprint("title ", i%3))
		events = append(events, e)
	}
	want := Compute(events)
	if len(want.Findings) != 50 || len(want.Misconfigurations) != 50 || want.Configurations != 300 {
		t.Fatalf("%d findings, %d misconfigurations, %d rows", len(want.Findings), len(want.Misconfigurations), want.Configurations)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		shuffled := slices.Clone(events)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, Compute(shuffled), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestSeverityTilesFilterBeforeTheRollUp(t *testing.T) {
	t.Parallel()
	got := Compute([]Event{
		found(t, "s", "CIS-1", "HIGH", Failed, "h1", "[]"), found(t, "s", "CIS-1", "LOW", Passed, "h2", "[]"),
		committed(t, "s", "vc1", "vc1.example", "VCENTER", 1),
	})
	if got.High != 1 || got.Low != 0 || got.Passed != 0 || len(got.Rules) != 1 {
		t.Errorf("high %d, low %d, passed %d, rules %d; want 1, 0, 0, 1", got.High, got.Low, got.Passed, len(got.Rules))
	}
}

func TestNamesFallBackToTheResultObject(t *testing.T) {
	t.Parallel()
	e := decode(t, `{"event.type":"COMPLIANCE_FINDING","scan.id":"s","compliance.rule.id":"CIS-1","compliance.rule.severity.level":"LOW",
		"compliance.standard.short_name":"CIS","compliance.result.status.level":"FAILED",
		"compliance.result.object.name":"esx1","compliance.result.object.type":"esxihost"}`)
	got := Compute([]Event{e, committed(t, "s", "vc1", "vc1.example", "VCENTER", 1)})
	if f := got.Findings[0]; f.ObjectName != "esx1" || f.ObjectType != "esxihost" {
		t.Errorf("%+v", f)
	}
	if len(got.Misconfigurations) != 0 {
		t.Error("a row without evidence is a common misconfiguration")
	}
}

func TestPosture(t *testing.T) {
	t.Parallel()
	for tally, want := range map[Tally]int{
		{}:                        0,
		{Passed: 3}:               100,
		{Failed: 1, Passed: 2}:    66,
		{Manual: 1, Passed: 1}:    50,
		{Failed: 71, Passed: 29}:  28, // 29/100 is a little less than 0.29 in floating point
		{Failed: 1, Passed: 9999}: 99,
	} {
		if got := tally.Posture(); got != want {
			t.Errorf("%+v: %d, want %d", tally, got, want)
		}
	}
}

func TestTypeLabels(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"AWS": "AWS", "AZURE": "Azure", "GCP": "GCP", "KUBERNETES_CLUSTER": "Kubernetes", "NSXT": "NSX-T", "VCENTER": "vCenter", "HORIZON": "HORIZON",
	} {
		got := Compute([]Event{found(t, "s", "CIS-1", "LOW", Failed, "h", "[]"), committed(t, "s", "x", "x", kind, 1)})
		if got.Systems[0].Type != want || got.SystemTypes[want] != 1 {
			t.Errorf("%s: %s, %v", kind, got.Systems[0].Type, got.SystemTypes)
		}
	}
}
