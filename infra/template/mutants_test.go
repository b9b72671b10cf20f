package template

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// runGates makes the test try the gates, too: go test -run Mutants ./infra/template -gates
var runGates = flag.Bool("gates", false, "run gates/validate on the errors that it alone has to find (minutes)")

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

// apply returns a template with the deliberate error. It fails if the template does not
// have the text that the mutant replaces.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.Old); n != max(m.Times, 1) || m.Old == m.New {
		return "", fmt.Errorf("%s: its text stands %d times in the template, not %d", m.Name, n, max(m.Times, 1))
	}
	return strings.ReplaceAll(text, m.Old, m.New), nil
}

// Every check finds the deliberate errors that are assigned to it.
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
			if gate, ok := strings.CutPrefix(m.By, "gate "); ok {
				if *runGates {
					m.refusedBy(t, gate, mutated)
				}
				return
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

// refusedBy expects that this gate, and none before it, refuses the mutated template.
func (m mutant) refusedBy(t *testing.T, gate, mutated string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), regexp.MustCompile(`\W+`).ReplaceAllString(m.Name, "-")+".yaml")
	if err := os.WriteFile(file, []byte(mutated), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "gates/validate", file).CombinedOutput()
	passed := regexp.MustCompile(`(?m)^== gate (.*)$`).FindAllStringSubmatch(string(out), -1)
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok || failed.ExitCode() != 1 || len(passed) == 0 || passed[len(passed)-1][1] != gate {
		t.Errorf("the gate %s does not refuse it: %v\n%s", gate, err, out)
	}
}
