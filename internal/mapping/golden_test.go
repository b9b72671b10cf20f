package mapping_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden returns the settings with which the documents of testdata are mapped, by the
// name of the document, with a suffix if it is mapped more than once.
func golden() map[string]mapping.Settings {
	all := func(change func(*mapping.Settings)) mapping.Settings {
		return settings(func(m *mapping.Settings) {
			m.IncludeResults = []securityevent.Status{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}
			if change != nil {
				change(m)
			}
		})
	}
	perObject := func(m *mapping.Settings) { m.Coverage = "object" }
	return map[string]mapping.Settings{
		"vcenter":      all(func(m *mapping.Settings) { m.IncludeTypes = []string{"VUL"} }),
		"vcenter.xspm": settings(func(m *mapping.Settings) { m.EventModel = "xspm" }),
		"vcenter.external": settings(func(m *mapping.Settings) {
			m.EventModel, m.IncludeResults = "external", []securityevent.Status{"FAILED"}
		}),
		"vcenter.original": all(func(m *mapping.Settings) {
			m.OriginalContent, m.IncludeTypes, m.Coverage, m.RuleTexts = true, []string{"VUL"}, "object", "full"
		}),
		"vcenter.lean":          all(func(m *mapping.Settings) { m.Fields = "lean" }),
		"vcenter.lean-xspm":     all(func(m *mapping.Settings) { m.Fields, m.EventModel = "lean", "xspm" }),
		"vcenter.lean-external": all(func(m *mapping.Settings) { m.Fields, m.EventModel = "lean", "external" }),
		"nsxt": all(func(m *mapping.Settings) {
			m.RuleTexts, m.SecurityContext = "off", mapping.SecurityContext{Of: map[string]string{"NSXT": "team-network"}}
		}),
		"aws":        all(perObject),
		"azure":      all(perObject),
		"gcp":        all(perObject),
		"kubernetes": all(perObject),
		"horizon":    all(func(m *mapping.Settings) { m.OriginalContent = true }),
		"vcd":        all(func(m *mapping.Settings) { m.Coverage = "none" }),
		"windows":    all(func(m *mapping.Settings) { m.PassedObjects = "object" }),
		"linux":      all(func(m *mapping.Settings) { m.Evidence = false }),
		"unknown":    all(nil),
	}
}

func catalogOfTestdata(t testing.TB) *mapping.Catalog {
	t.Helper()
	text, err := os.ReadFile("testdata/catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := mapping.ReadCatalog(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// TestGolden compares the events of the documents in testdata, one per line,
// with those that a person has checked: go test ./internal/mapping -run Golden -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	catalog, schema := catalogOfTestdata(t), eventSchema(t)
	for name, m := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, _, _ := strings.Cut(name, ".")
			text, err := os.ReadFile(filepath.Join("testdata", document+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			err = everything(t, m, string(text), catalog, func(event []byte) error {
				got.Write(event)
				return got.WriteByte('\n')
			})
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(got.Bytes()) {
				if err := valid(schema, line); err != nil {
					t.Errorf("%v\n%s", err, line)
				}
			}
			file := filepath.Join("testdata", name+".golden.ndjson")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			compareLines(t, string(want), got.String())
		})
	}
}

func compareLines(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("line %d\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	if len(w) != len(g) {
		t.Fatalf("%d lines, want %d", len(g), len(w))
	}
}

// Only the time and the scan's id change from one generation to the next.
func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vcenter.json")
	if err != nil {
		t.Fatal(err)
	}
	catalog := catalogOfTestdata(t)
	for name, m := range golden() {
		var first, second []byte
		for _, into := range []*[]byte{&first, &second} {
			err := everything(t, m, string(text), catalog, func(event []byte) error {
				*into = append(*into, event...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first, second) || len(first) < 5000 {
			t.Errorf("%s: %d and %d bytes differ", name, len(first), len(second))
		}
	}
}
