package mapping_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

// row is a line of a table of FIELDS.md.
type row struct{ source, model, example string }

const everyEvent, place = "Every event", "Place" // the tables of no one event type

// fieldTables returns the tables of FIELDS.md: their lines by heading, then by field.
func fieldTables(t *testing.T) map[string]map[string]row {
	t.Helper()
	text, err := os.ReadFile("FIELDS.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]row{}
	var table map[string]row
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			table = map[string]row{}
			tables[strings.TrimSpace(heading)] = table
		}
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(cells[2], " `") {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		field := strings.Trim(cells[2], "`")
		if _, twice := table[field]; twice {
			t.Errorf("%s is there twice", field)
		}
		table[field] = row{source: cells[1], model: cells[3], example: strings.Trim(cells[4], "`")}
	}
	return tables
}

// goldenValues are the values of the golden files, by model, event type and field.
func goldenValues(t *testing.T) map[string]map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string]map[string][]string{"both": {}, "xspm": {}, "external": {}}
	for name, m := range golden() {
		text, err := os.ReadFile(filepath.Join("testdata", name+".golden.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		types := all[string(m.EventModel)]
		for line := range bytes.Lines(text) {
			e := decode(t, line)
			kind := e["event.type"].(string)
			if types[kind] == nil {
				types[kind] = map[string][]string{}
			}
			for field, value := range e {
				types[kind][field] = append(types[kind][field], written(t, value))
			}
		}
	}
	return all
}

// written is a value as FIELDS.md has it: a string as it is, others as JSON.
func written(t *testing.T, value any) string {
	t.Helper()
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every field of every event of the golden files is in FIELDS.md.
func TestEveryFieldIsInTheTable(t *testing.T) {
	t.Parallel()
	tables := fieldTables(t)
	for model, types := range goldenValues(t) {
		for kind, fields := range types {
			for field, values := range fields {
				var r row
				there := false
				for _, name := range []string{kind, everyEvent, place} {
					if r, there = tables[name][field]; there {
						break
					}
				}
				switch {
				case !there:
					t.Errorf("%s: no line | … | `%s` | … | `%s` |", kind, field, values[0])
				case model != "both" && r.model != "both" && r.model != model:
					t.Errorf("%s: %s is sent in the model %s, not only %s", kind, field, model, r.model)
				}
			}
		}
	}
}

// Every line of FIELDS.md occurs in the golden files, with its example.
func TestEveryLineOfTheTableOccurs(t *testing.T) {
	t.Parallel()
	golden := goldenValues(t)
	for name, table := range fieldTables(t) {
		kinds := []string{name}
		if name == everyEvent || name == place {
			kinds = kinds[:0]
			for kind := range golden["both"] {
				kinds = append(kinds, kind)
			}
		}
		for field, r := range table {
			var values []string
			for _, kind := range kinds {
				found := golden["both"][kind][field]
				if name == everyEvent && len(found) == 0 {
					t.Errorf("%s: %s does not occur", kind, field)
				}
				values = append(values, found...)
			}
			begin, isCut := strings.CutSuffix(r.example, "…")
			if !slices.ContainsFunc(values, func(v string) bool { return v == r.example || isCut && strings.HasPrefix(v, begin) }) {
				t.Errorf("%s: %s is never %q, but %.200q", name, field, r.example, values)
			}
			if r.source == "" || !slices.Contains([]string{"both", "xspm", "external"}, r.model) {
				t.Errorf("%s: %s is of %q, in the model %q", name, field, r.source, r.model)
			}
		}
	}
}

// Lean findings lack exactly the fields that FIELDS.md says, and have the same values
// in the others.
func TestLeanLeavesOutWhatTheTableSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("FIELDS.md")
	if err != nil {
		t.Fatal(err)
	}
	lean := map[string]string{} // by field
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && strings.HasPrefix(cells[0], "| `") {
			lean[strings.Trim(cells[0], "| `")] = cells[3]
		}
	}
	tables := fieldTables(t)
	for _, model := range []string{"both", "xspm", "external"} {
		document := raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Critical", "M_FAIL", 1, object("host-1", `{"description":"d","value":"v"}`))+","+
			issue("CIS-2", "CIS", "Grave", "FAIL", 1, object("host-1", ""))+","+issue("7", "KB", "Low", "PASS", 0, ""))
		of := func(f securityevent.Fields) (findings []map[string]any) {
			m := settings(func(m *mapping.Settings) {
				m.EventModel, m.Fields, m.IncludeTypes = securityevent.Model(model), f, []string{"KB"}
			})
			if err := everything(t, m, document, nil, func(event []byte) error {
				if e := decode(t, event); e["event.type"] == "COMPLIANCE_FINDING" {
					findings = append(findings, e)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return findings
		}
		whole, less := of("all"), of("lean")
		if len(whole) != 3 || len(less) != 3 {
			t.Fatalf("%d and %d findings", len(whole), len(less))
		}
		for i, w := range whole {
			for field, value := range w {
				kept := lean[field] == "yes" || lean[field] == "`external`" && model == "external" || lean[field] == "if unknown" && value == "Grave"
				if _, placed := tables[place][field]; placed {
					kept = true
				}
				got, there := less[i][field]
				same := written(t, got) == written(t, value) || field == "compliance.rule.metadata_json" || field == "scan.id"
				asID := field == "runecast.issue.id" && value == w["rule.id"]
				if there != kept && !asID || there && !same {
					t.Errorf("%s: lean finding %d has %s %v %q, of %q; the table says %q", model, i, field, there, got, value, lean[field])
				}
			}
		}
	}
}
