package dynatrace

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sentFields reads which fields the golden events of the mapping have, by event type.
func sentFields(t *testing.T) map[string]scope {
	t.Helper()
	files, err := filepath.Glob("../../internal/mapping/testdata/*.golden.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden events: %v", err)
	}
	sent := map[string]scope{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			var event map[string]any
			if err := json.Unmarshal(line, &event); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kind := event["event.type"].(string)
			if sent[kind] == nil {
				sent[kind] = scope{}
			}
			for field := range event {
				sent[kind].add(field)
			}
		}
	}
	return sent
}

// schemaNode has the parts of a JSON Schema that are read.
type schemaNode struct {
	Properties    map[string]schemaNode `json:"properties"`
	PropertyNames struct {
		Enum []string `json:"enum"`
	} `json:"propertyNames"`
}

func (n schemaNode) has(path []string) bool {
	if len(path) == 0 {
		return true
	}
	if next, ok := n.Properties[path[0]]; ok {
		return next.has(path[1:])
	}
	return len(path) == 1 && slices.Contains(n.PropertyNames.Enum, path[0])
}

func newChecker(t *testing.T) checker {
	t.Helper()
	content, err := os.ReadFile("../../internal/securityevent/events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Completed struct {
				Properties struct {
					Summary struct {
						Content schemaNode `json:"contentSchema"`
					} `json:"scan.result.summary_json"`
				} `json:"properties"`
			} `json:"completed"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	return checker{sent: sentFields(t), summary: schema.Defs.Completed.Properties.Summary.Content}
}

func readQuery(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("queries", name+".dql"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

func queryNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("queries/*.dql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".dql")
	}
	return files
}

func TestQueriesReadWhatIsSent(t *testing.T) {
	t.Parallel()
	fresh := newChecker(t)
	for _, name := range queryNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fresh
			if result := c.check(readQuery(t, name)); len(result) == 0 {
				t.Error("the result has no fields")
			}
			for _, f := range c.faults {
				t.Error(f)
			}
		})
	}
}

// A system that got another name between two analyses is the same system. If a query
// grouped rules by the system's name, all failed rules would be newly failed.
func TestRenamedSystemsAreCompared(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"changed-rules": "by:{system, compliance.rule.id}", workflowQuery: "by:{compliance.rule.id}"} {
		if query := readQuery(t, name); !strings.Contains(query, want) {
			t.Errorf("%s does not compare the rules %s", name, want)
		}
	}
}

// Each of these mistakes is one that Dynatrace would answer with an empty column.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ query, right, wrong, fault string }{
		"a misspelt field":                    {"findings-by-standard", "compliance.standard.short_name", "compliance.standard.shortname", `there is no field compliance.standard.shortname`},
		"a misspelt field that is grouped by": {"findings-by-standard", "by:{compliance.rule.id}", "by:{compliance.ruleId}", `there is no field compliance.ruleId`},
		"a misspelt field that is joined on":  {"sent-indexed", "on:{scan.id}", "on:{scanId}", `there is no field scanId`},
		"a misspelt field that is sorted by":  {"posture-trend", "sort:{timestamp desc}", "sort:{time desc}", `there is no field time`},
		"a misspelt field in backticks":       {"newest-scans", "takeLast(object.name)", "takeLast(`object.nam`)", `there is no field object.nam`},
		"a misspelt field of the subquery":    {"findings-by-standard", "system = object.id", "system = objectId", `there is no field objectId`},
		"a field of another event":            {"newest-scans", "takeLast(object.type)", "takeLast(compliance.rule.title)", `there is no field compliance.rule.title`},
		"a field that summarize has dropped":  {"newest-scans", "Type = type", "Type = object.type", `there is no field object.type`},
		"a field that fields has dropped":     {"changed-rules", "fields:{other}", "fields:{timestamp}", `there is no field timestamp`},
		"a member that the summary lacks":     {"newest-scans", "summary[compliancePercentage]", "summary[compliance]", `the summary has no member ["compliance"]`},
		"a status that the summary lacks":     {"sent-indexed", "summary[rows][FAILED]", "summary[rows][FAIL]", `the summary has no member ["rows" "FAIL"]`},
		"a name that nothing was assigned to": {"sent-indexed", "Sent = sent", "Sent = snet", `there is no field snet`},
		"an event type that is not sent":      {"posture-trend", "COMPLIANCE_SCAN_COMPLETED", "COMPLIANCE_SCAN_COMPLETE", `no event is of type "COMPLIANCE_SCAN_COMPLETE"`},
		"a function that does not exist":      {"posture-trend", "toDouble(", "asDouble(", `asDouble is no function`},
		"a parameter that does not exist":     {"posture-trend", "interval:", "bucket:", `bucket is no parameter`},
		"a kind of join that does not exist":  {"sent-indexed", "leftOuter", "left", `left is no kind of join`},
		"a command that does not exist":       {"newest-scans", "| sort timestamp", "| order timestamp", `"order" is no command`},
		"another table":                       {"first-rows", "security.events", "events", `fetch events`},
		"a sign that DQL does not have":       {"first-rows", "count()", "count(§)", `is no DQL`},
	}
	fresh := newChecker(t)
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right := readQuery(t, tt.query)
			wrong := strings.Replace(right, tt.right, tt.wrong, 1)
			if wrong == right {
				t.Fatalf("%s.dql has no %q", tt.query, tt.right)
			}
			c := fresh
			if c.check(wrong); !strings.Contains(strings.Join(c.faults, "\n"), tt.fault) {
				t.Errorf("%q was not found: %q", tt.wrong, c.faults)
			}
		})
	}
}
