package template

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// mutant is a deliberate error in the template.
type mutant struct {
	Name  string `yaml:"name"`
	By    string `yaml:"by"`
	Old   string `yaml:"old"`
	New   string `yaml:"new"`
	Times int    `yaml:"times"`
}

func readMutants(t *testing.T) []mutant {
	t.Helper()
	text, err := os.ReadFile("gates/mutants.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []mutant
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// apply makes the error; one that is no longer possible is an error itself.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.Old); n != max(m.Times, 1) || m.Old == m.New {
		return "", fmt.Errorf("%s: its text stands %d times in the template, not %d", m.Name, n, max(m.Times, 1))
	}
	return strings.ReplaceAll(text, m.Old, m.New), nil
}

// Every check finds the errors that it is there for.
func TestMutantsAreFound(t *testing.T) {
	t.Parallel()
	text, all := readTemplate(t), checks()
	proven := map[string]bool{}
	for _, m := range readMutants(t) {
		proven[m.By] = true
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			mutated, err := m.apply(text)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(m.By, "gate ") {
				return // make mutants runs the gates
			}
			template, err := parse(mutated)
			if err != nil {
				t.Fatal(err)
			}
			found := inspect(all[m.By], template)
			if len(found) == 0 {
				t.Fatalf("%q does not find it", m.By)
			}
			t.Logf("%s: %s", m.By, found[0])
		})
	}
	for name := range all {
		if !proven[name] {
			t.Errorf("no mutant proves that %q looks", name)
		}
	}
}
