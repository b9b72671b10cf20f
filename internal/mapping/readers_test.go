package mapping_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/readers"
)

// estate is what an appliance has of all types of systems: its raw objects and its
// catalogue.
type estate struct {
	raws    map[string]string
	catalog *mapping.Catalog
	// described has the texts of the catalogue, by the rule's id that people see.
	described map[string]readers.Described
}

// newEstate makes an estate of about so many findings. texts changes each entry of the
// catalogue; nil: it stays as it is.
func newEstate(t *testing.T, findings int, texts func(entry map[string]any)) estate {
	t.Helper()
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: findings})
	if err != nil {
		t.Fatal(err)
	}
	var issues bytes.Buffer
	if err := a.WriteIssues(&issues); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Issues []map[string]any `json:"issues"`
	}
	if err := json.Unmarshal(issues.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	has := map[string]readers.Described{}
	for _, entry := range document.Issues {
		if texts != nil {
			texts(entry)
		}
		has[fmt.Sprint(entry["id"])] = readers.Described{Description: entry["checkDescription"] != nil, Remediation: entry["fixDescription"] != nil}
	}
	changed, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	e := estate{raws: raws(t, a), described: map[string]readers.Described{}}
	if e.catalog, err = mapping.ReadCatalog(bytes.NewReader(changed)); err != nil {
		t.Fatal(err)
	}
	for _, text := range e.raws {
		var raw struct {
			Result struct {
				Issues []struct {
					ID        any    `json:"id"`
					DisplayID string `json:"issueDisplayId"`
				} `json:"issues"`
			} `json:"result"`
		}
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		for _, i := range raw.Result.Issues {
			of := has[fmt.Sprint(i.ID)]
			if known, twice := e.described[i.DisplayID]; twice { // two rules with one id: only what both have is sure
				of = readers.Described{Description: of.Description && known.Description, Remediation: of.Remediation && known.Remediation}
			}
			e.described[i.DisplayID] = of
		}
	}
	return e
}

// everyEvent returns all events of an estate.
func (e *estate) everyEvent(t *testing.T, m mapping.Settings, emit func([]byte) error) {
	t.Helper()
	for name, text := range e.raws {
		if err := everything(t, m, text, e.catalog, emit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// run returns the raw object as one of a run of another mode and start.
func run(text, mode, startedAt string) string {
	head, result, _ := strings.Cut(text, `"result":`)
	head = strings.Replace(head, `"startedAt":"`+at().Format(time.RFC3339)+`"`, `"startedAt":"`+startedAt+`","mode":"`+mode+`"`, 1)
	return head + `"result":` + result
}

// TestReaders checks for each reader whether it finds what it looks for in the events:
// those of every model and mode, with and without the appliance's own JSON, and with
// all, some and none of a rule's texts. go test -v -run 'TestReaders$'
// ./internal/mapping prints the table, which is also in FIELDS.md.
func TestReaders(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 200, nil)
	models := []string{readers.ModelBoth, readers.ModelXSPM, readers.ModelExternal}
	failed := map[string]map[string]string{} // by model and check, the first fault
	nth, started := 0, 0
	for _, model := range models {
		failed[model] = map[string]string{}
		for _, originals := range []bool{false, true} {
			for _, texts := range []mapping.RuleTexts{mapping.TextsOff, mapping.TextsShort, mapping.TextsFull} {
				m := settings(func(m *mapping.Settings) {
					m.EventModel, m.OriginalContent, m.RuleTexts = securityevent.Model(model), originals, texts
					m.IncludeResults = []securityevent.Status{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}
					m.Coverage, m.IncludeTypes = "object", []string{"KB", "BP", "VUL"}
					m.SecurityContext.All = "team"
				})
				expect := readers.Expect{Texts: texts != mapping.TextsOff, Described: e.described, Originals: originals, SecurityContext: "team"}
				// A run that had the systems analysed; one that did so by an appliance whose
				// clock is behind, so that the analyses seem to end before the run began; and
				// one that archived what was there.
				one := estate{raws: map[string]string{}, catalog: e.catalog}
				runs := [][2]string{{"analyze", "2026-11-22T02:00:00Z"}, {"analyze", "2026-11-22T02:45:00Z"}, {"latest", "2026-11-22T02:00:00Z"}}
				for name, text := range e.raws {
					one.raws[name] = run(text, runs[nth%len(runs)][0], runs[nth%len(runs)][1])
				}
				nth++
				n := 0
				one.everyEvent(t, m, func(event []byte) error {
					started += bytes.Count(event, []byte(`"scan.time.started"`))
					if n++; (n+nth)%20 > 0 && bytes.Contains(event, []byte(`"COMPLIANCE_FINDING"`)) {
						return nil // of the many findings a few, and others with each setting, for the time it takes
					}
					for _, fault := range readers.Faults(event, expect) {
						check, _, _ := strings.Cut(fault, ": ")
						if failed[model][check] == "" {
							failed[model][check] = fmt.Sprintf("%s (originals %v, texts %s): %s", fault, originals, texts, event)
						}
					}
					return nil
				})
				if n < 300 {
					t.Errorf("%s: only %d events", model, n)
				}
			}
		}
	}
	if started < 2*3*8 {
		t.Errorf("only %d scan events say when the analysis was started", started)
	}
	table := "| reads the events | both | xspm | external |\n|---|---|---|---|\n"
	for _, r := range readers.Readers() {
		table += "| " + r.Name
		for _, model := range models {
			cell := "–"
			if r.Reads(model) {
				cell = "yes"
			}
			for _, check := range r.Checks {
				if fault := failed[model][check]; fault != "" && r.Reads(model) {
					cell = "no: " + check
					t.Errorf("%s, %s: %s", r.Name, model, fault)
				}
			}
			table += " | " + cell
		}
		table += " |\n"
	}
	t.Log("\n" + table)
	fields, err := os.ReadFile("FIELDS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(fields), table) {
		t.Errorf("FIELDS.md does not have the table\n%s", table)
	}
}

// The fields by which samples and queries identify a finding have the same values in
// every generation and model, and no two findings share them.
func TestFindingsAreIdentifiedForEver(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 200, nil)
	var first map[[2]string]bool
	for _, model := range []securityevent.Model{"both", "xspm", "external"} {
		seen := map[[2]string]bool{}
		e.everyEvent(t, settings(func(m *mapping.Settings) { m.EventModel, m.RuleTexts = model, mapping.TextsFull }), func(event []byte) error {
			f := decode(t, event)
			id, _ := f["finding.id"].(string)
			object, _ := f["object.id"].(string)
			if id != "" && seen[[2]string{object, id}] {
				t.Errorf("%s: %s on %s is there twice", model, id, object)
			}
			if id != "" {
				seen[[2]string{object, id}] = true
			}
			return nil
		})
		if first == nil {
			first = seen
		}
		if d := cmp.Diff(len(first), len(seen)); d != "" || len(seen) < 200 {
			t.Errorf("%s: %d findings, %s", model, len(seen), d)
		}
		for one := range seen {
			if !first[one] {
				t.Fatalf("%s: %v is in no other model", model, one)
			}
		}
	}
}

// failedDORA reads from an appliance's own documents which rules of DORA failed, by the
// id that people see, and the score that follows from the worst of them.
func (e *estate) failedDORA(t *testing.T) (failed map[string]bool, ceiling int) {
	t.Helper()
	failed, ceiling = map[string]bool{}, 100
	bounds := map[string]int{"Critical": 34, "Major": 59, "Medium": 79, "Low": 99}
	for _, text := range e.raws {
		var raw struct {
			Result struct {
				Issues []struct {
					DisplayID string `json:"issueDisplayId"`
					Type      string `json:"type"`
					Severity  string `json:"severity"`
					Status    string `json:"status"`
				} `json:"issues"`
			} `json:"result"`
		}
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		for _, i := range raw.Result.Issues {
			if i.Type == "DORA" && (i.Status == "FAIL" || i.Status == "M_FAIL") {
				failed[i.DisplayID] = true
				bound, known := bounds[i.Severity]
				if !known { // shown as LOW
					bound = bounds["Low"]
				}
				ceiling = min(ceiling, bound)
			}
		}
	}
	return failed, ceiling
}

// The Compliance Assistant sees every failed rule of DORA, in every model, and
// none of them where the settings leave DORA out.
func TestComplianceAssistantSeesDORA(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 200, nil)
	want, ceiling := e.failedDORA(t)
	if len(want) < 5 {
		t.Fatalf("only %d rules of DORA failed", len(want))
	}
	for name, c := range map[string]struct {
		change func(*mapping.Settings)
		blind  bool
	}{
		"both": {nil, false},
		"xspm": {func(m *mapping.Settings) { m.EventModel = "xspm" }, false},
		"external": {func(m *mapping.Settings) {
			m.EventModel, m.IncludeResults = "external", []securityevent.Status{"FAILED"}
		}, false},
		"NIST left out, as in the documents' example": {func(m *mapping.Settings) { m.ExcludeTypes = []string{"NIST"} }, false},
		"DORA left out": {func(m *mapping.Settings) { m.ExcludeTypes = []string{"NIST", "DORA"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sees readers.Assistant
			e.everyEvent(t, settings(c.change), sees.Add)
			if c.blind {
				if sees.Findings != 0 {
					t.Errorf("it sees %d findings", sees.Findings)
				}
				return
			}
			for id := range want {
				if !sees.Failed[id] && !sees.Failed["DORA-"+id] {
					t.Errorf("it does not see that %s failed", id)
				}
			}
			if len(sees.Failed) != len(want) || sees.Ceiling() != ceiling {
				t.Errorf("it sees %d failed rules, not %d, and at most %d", len(sees.Failed), len(want), sees.Ceiling())
			}
		})
	}
}

// The worst failed rule bounds the assistant's score. So the score is too good if
// MIN_SEVERITY leaves that rule out.
func TestComplianceAssistantsScore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		severity, least string
		want            int
	}{
		{"Critical", "LOW", 34}, {"Major", "LOW", 59}, {"Medium", "LOW", 79}, {"Low", "LOW", 99}, {"Medium", "HIGH", 100}, {"Critical", "HIGH", 34},
	} {
		var sees readers.Assistant
		m := settings(func(m *mapping.Settings) { m.MinSeverity = securityevent.Severity(c.least) })
		text := raw("s-1", "VCENTER", issue("DORA-1", "DORA", c.severity, "FAIL", 0)+","+issue("DORA-2", "DORA", "Critical", "PASS", 0)+","+issue("CIS-3", "CIS", "Critical", "FAIL", 0))
		if err := everything(t, m, text, nil, sees.Add); err != nil {
			t.Fatal(err)
		}
		if sees.Ceiling() != c.want {
			t.Errorf("%s, from %s: at most %d, want %d", c.severity, c.least, sees.Ceiling(), c.want)
		}
	}
}

// No document has an example whose settings hide rules of DORA from the assistant.
func TestExamplesLeaveDORAIn(t *testing.T) {
	t.Parallel()
	blinding := regexp.MustCompile(`(?i)EXCLUDE_?TYPES\\?[=:]\s*["']?[A-Z0-9_, ]*DORA`)
	var documents []string
	for _, pattern := range []string{"../../*.md", "../../*.yaml", "../../*.toml", "../../functions/*.md", "../../functions/*/*.md", "../../infra/*/*.md", "../../infra/*/*/*.md", "../../internal/*.md", "../../internal/*/*.md", "../../events/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	if !slices.Contains(documents, "../../functions/forwarder/COST.md") {
		t.Fatalf("%d documents, without COST.md", len(documents))
	}
	for _, file := range documents {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if example := blinding.Find(text); example != nil {
			t.Errorf("%s: %s", file, example)
		}
	}
}
