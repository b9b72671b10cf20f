package appliance_test

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"runecast-ingest/internal/simulate/appliance"
)

var timestamp = regexp.MustCompile(`"timestamp":"[^"]*"`)

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	today, tomorrow := newClock(), newClock()
	tomorrow.advance(31 * time.Hour)
	first := newAppliance(t, appliance.Options{Seed: 7, Now: today.Now})
	again := newAppliance(t, appliance.Options{Seed: 7, Now: tomorrow.Now})
	other := newAppliance(t, appliance.Options{Seed: 8, Now: today.Now})

	bare := func(a *appliance.Appliance) []byte {
		return timestamp.ReplaceAll(written(t, a.WriteResults), nil)
	}
	if !bytes.Equal(bare(first), bare(again)) {
		t.Error("the same seed gives other results")
	}
	if !bytes.Equal(bare(first), bare(first)) {
		t.Error("the second answer differs from the first")
	}
	if !bytes.Equal(written(t, first.WriteIssues), written(t, again.WriteIssues)) {
		t.Error("the same seed gives another catalogue")
	}
	if bytes.Equal(bare(first), bare(other)) {
		t.Error("another seed gives the same results")
	}
	if cmp.Equal(first.Systems(), other.Systems()) {
		t.Error("another seed gives the same systems")
	}
}

func TestFindingsMeetTheTarget(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		seed       uint64
		findings   int
		want, wide int // the number of rows, and by how many it may differ
	}{
		"default":        {1, 0, appliance.DefaultFindings, 1_000},
		"least":          {2, 1, 280, 0},
		"small":          {3, 300, 300, 30},
		"odd":            {4, 4_321, 4_321, 432},
		"beyond default": {5, 20_000, 20_000, 2_000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := 0
			for _, system := range results(t, newAppliance(t, appliance.Options{Seed: tt.seed, Findings: tt.findings})).Results {
				for _, issue := range system.Issues {
					if issue.compliant() {
						rows += issue.rows()
					}
				}
			}
			if rows < tt.want-tt.wide || rows > tt.want+tt.wide {
				t.Errorf("%d findings, want %d ± %d", rows, tt.want, tt.wide)
			}
		})
	}
}

// An estate must show, at any size, every oddity that a client has to survive.
func TestEstateShowsEverything(t *testing.T) {
	t.Parallel()
	for _, findings := range []int{280, 10_000} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d findings, seed %d", findings, seed), func(t *testing.T) {
				t.Parallel()
				a := newAppliance(t, appliance.Options{Seed: seed, Findings: findings})
				seen := map[string]int{}
				for _, system := range results(t, a).Results {
					statuses := map[string]bool{}
					for _, issue := range system.Issues {
						noteIssue(seen, issue)
						if issue.compliant() {
							statuses[issue.Status] = true
						}
					}
					if got := slices.Sorted(maps.Keys(statuses)); !cmp.Equal(got, everyStatus) {
						t.Errorf("system %s shows the statuses %v", system.UID, got)
					}
				}
				for _, oddity := range oddities {
					if seen[oddity] == 0 && (findings >= 10_000 || !rare[oddity]) {
						t.Errorf("no %s", oddity)
					}
				}
			})
		}
	}
}

var everyStatus = []string{"FAIL", "FILTERED", "MANUAL", "M_FAIL", "M_PASS", "NOT_APPLICABLE", "NOT_RELEVANT", "PASS", "PENDING_REVIEW", "UNLICENSED"}

var oddities = []string{
	"profile CIS", "profile STIG", "profile PCI_DSS", "profile NIST", "profile DORA", "profile ISO27001", "profile BSI", "profile SH", "profile ACME_HARDENING",
	"profile KB", "profile BP", "profile VUL",
	"severity Critical", "severity Major", "severity Medium", "severity Low", "severity Informational",
	"FAIL, list = count", "FAIL, list < count", "FAIL, list empty", "M_FAIL, list > count", "MANUAL, list = count", "MANUAL, list empty", "PASS, list > count",
	"null title", "title with unicode", "title with quotes", "empty url", "number as id", "text as id", "unknown member",
	"display id with prefix", "bare display id", "bare V- display id",
	"null type", "ARN", "sg- id", "slashes in id", "UUID as id", "cluster id with colon",
	"no values", "several values", "empty value", "long value",
}

// rare oddities depend on chance, and show in estates of usual size.
var rare = map[string]bool{"long value": true, "bare V- display id": true, "null type": true}

func noteIssue(seen map[string]int, issue issue) {
	note := func(oddity string, there bool) {
		if there {
			seen[oddity]++
		}
	}
	note("profile "+issue.Type, true)
	note("severity "+issue.Severity, true)
	relation := "list = count"
	switch listed := len(issue.Objects); {
	case listed == 0:
		relation = "list empty"
	case listed < issue.Count:
		relation = "list < count"
	case listed > issue.Count:
		relation = "list > count"
	}
	note(issue.Status+", "+relation, true)
	note("null title", issue.Title == nil)
	note("title with unicode", issue.Title != nil && strings.Contains(*issue.Title, "設定"))
	note("title with quotes", issue.Title != nil && strings.Contains(*issue.Title, `"`))
	note("empty url", issue.URL == "")
	_, text := issue.ID.(string)
	note("text as id", text)
	note("number as id", !text)
	note("unknown member", issue.Extra != nil)
	note("display id with prefix", strings.HasPrefix(issue.DisplayID, issue.Type+"-"))
	note("bare display id", issue.compliant() && strings.Trim(issue.DisplayID, "0123456789") == "")
	note("bare V- display id", issue.Type == "STIG" && strings.HasPrefix(issue.DisplayID, "V-"))
	for _, object := range issue.Objects {
		note("null type", object.Type == nil)
		note("ARN", strings.HasPrefix(object.MOID, "arn:aws:"))
		note("sg- id", strings.HasPrefix(object.MOID, "sg-"))
		note("slashes in id", strings.HasPrefix(object.MOID, "/subscriptions/"))
		note("cluster id with colon", strings.Contains(object.MOID, ":domain-c"))
		note("UUID as id", uuid.Validate(object.MOID) == nil)
		note("no values", len(object.Values) == 0)
		note("several values", len(object.Values) > 1)
		for _, value := range object.Values {
			note("empty value", value.Value == "")
			note("long value", len(value.Value) > 3_000)
		}
	}
}

func TestSystems(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Seed: 3})
	systems := a.Systems()
	types := map[string]int{}
	for _, s := range systems {
		types[s.Type]++
	}
	want := map[string]int{"VCENTER": 2, "NSXT": 1, "AWS": 1, "AZURE": 1, "GCP": 1, "KUBERNETES_CLUSTER": 1, "HORIZON": 1}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}

	document := results(t, a)
	if len(document.Results) != len(systems) {
		t.Fatalf("%d systems, %d results", len(systems), len(document.Results))
	}
	for i, s := range systems {
		result := document.Results[i]
		if result.UID != s.ID {
			t.Errorf("results[%d] is of %s, want %s", i, result.UID, s.ID)
		}
		if named := s.Type == "AWS" || s.Type == "AZURE"; named != (result.Name != "") || named && result.Name != s.Name {
			t.Errorf("%s %q: the results name it %q", s.Type, s.Name, result.Name)
		}
		if named := s.Name != s.ID; named != slices.Contains([]string{"VCENTER", "AWS", "AZURE"}, s.Type) {
			t.Errorf("%s is called %q", s.Type, s.Name)
		}
		if strings.HasPrefix(s.ID, "cluster-") != (s.Type == "KUBERNETES_CLUSTER") || uuid.Validate(strings.TrimPrefix(s.ID, "cluster-")) != nil {
			t.Errorf("%s has the id %s", s.Type, s.ID)
		}
		if accounts := vcUIDs(result); s.Type == "AWS" {
			if len(accounts) < 2 || accounts[s.ID] {
				t.Errorf("AWS objects have the uids %v, want several, none the account's", accounts)
			}
		} else if !maps.Equal(accounts, map[string]bool{s.ID: true}) {
			t.Errorf("%s objects have the uids %v", s.Type, accounts)
		}
	}
}

func vcUIDs(s systemResult) map[string]bool {
	seen := map[string]bool{}
	for _, issue := range s.Issues {
		for _, object := range issue.Objects {
			seen[object.VCUID] = true
		}
	}
	return seen
}

func TestVCentersShareIDsAndRules(t *testing.T) {
	t.Parallel()
	document := results(t, newAppliance(t, appliance.Options{Seed: 3}))
	var hosts [2]map[string]bool
	var rules [2]map[string]string
	for i := range 2 {
		hosts[i], rules[i] = map[string]bool{}, map[string]string{}
		for _, issue := range document.Results[i].Issues {
			rules[i][issue.Type+" "+issue.DisplayID] = fmt.Sprint(issue.ID, issue.Severity, issue.URL, issue.AppliesTo)
			for _, object := range issue.Objects {
				hosts[i][object.MOID] = true
			}
		}
	}
	if !hosts[0]["host-81"] || !hosts[1]["host-81"] {
		t.Error("host-81 is not affected on both vCenters")
	}
	if diff := cmp.Diff(rules[0], rules[1]); diff != "" {
		t.Errorf("the vCenters have other rules:\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	profiles := map[string]map[string]bool{} // by display id
	values := map[string]int{}
	for _, system := range results(t, newAppliance(t, appliance.Options{Seed: 3})).Results {
		rules := map[string]bool{}
		types := map[string]string{}
		for _, issue := range system.Issues {
			rule := issue.Type + " " + issue.DisplayID
			if rules[rule] {
				t.Errorf("%s: rule %s is there twice", system.UID, rule)
			}
			rules[rule] = true
			if profiles[issue.DisplayID] == nil {
				profiles[issue.DisplayID] = map[string]bool{}
			}
			profiles[issue.DisplayID][issue.Type] = true

			objects := map[string]bool{}
			for _, object := range issue.Objects {
				id := object.VCUID + "/" + object.MOID
				if objects[id] {
					t.Errorf("%s: rule %s lists %s twice", system.UID, rule, id)
				}
				objects[id] = true
				kind := "null"
				if object.Type != nil {
					kind = *object.Type
				}
				if known, ok := types[id]; ok && known != kind {
					t.Errorf("%s is a %s and a %s", id, known, kind)
				}
				types[id] = kind
				values[fmt.Sprint(rule, object.Values)]++
			}
		}
	}
	if shared := slices.ContainsFunc(slices.Collect(maps.Values(profiles)), func(p map[string]bool) bool { return len(p) > 1 }); !shared {
		t.Error("no check appears in two profiles")
	}
	if most := slices.Max(slices.Collect(maps.Values(values))); most < 5 {
		t.Errorf("the most common misconfiguration concerns %d objects, want 5 or more", most)
	}
}

func TestCatalogueCoversResults(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Seed: 3})
	type entry struct {
		ID             any
		Severity, Type string
		STIGID         *string `json:"stigid"`
		Title, VulnID  *string
		FixDescription *string
	}
	entries := map[any]entry{}
	for _, e := range decode[struct{ Issues []entry }](t, written(t, a.WriteIssues)).Issues {
		if _, twice := entries[e.ID]; twice {
			t.Errorf("id %v is there twice", e.ID)
		}
		entries[e.ID] = e
		if (e.Type == "STIG") != (e.STIGID != nil && e.VulnID != nil && e.FixDescription != nil) {
			t.Errorf("%s check %v has STIG members: %v %v", e.Type, e.ID, e.STIGID, e.VulnID)
		}
	}
	for _, system := range results(t, a).Results {
		for _, issue := range system.Issues {
			got := entries[issue.ID]
			if got.Type != issue.Type || got.Severity != issue.Severity || !cmp.Equal(got.Title, issue.Title) {
				t.Fatalf("issue %v: the catalogue says %+v", issue.ID, got)
			}
		}
	}
}

func TestStatusMayComeLate(t *testing.T) {
	t.Parallel()
	document := written(t, newAppliance(t, appliance.Options{Findings: 280}).WriteResults)
	early, late := bytes.Count(document, []byte(`,"scanStatus":{`)), bytes.Count(document, []byte(`],"scanStatus":{`))
	if early != 8 || late == 0 || late == early {
		t.Errorf("%d elements have a scanStatus, %d after the issues; want 8, some of them", early, late)
	}
}
