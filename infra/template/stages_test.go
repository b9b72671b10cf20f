package template

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each stage has a stack of its own, whose name is part of the archive's name.
func TestStages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`stack_name = "([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,34}$`).MatchString(m[1]) || names[m[1]] {
			t.Errorf("%q is no name of a stack, or that of another stage", m[1])
		}
		names[m[1]] = true
	}
	for _, stage := range []string{"", "-dev", "-prod"} {
		if !names["runecast-ingest"+stage] {
			t.Errorf("no stage has the stack runecast-ingest%s, which the Makefile asks for", stage)
		}
	}
	// No value of a parameter is in a file that git tracks: a change of it would mark every
	// version as dirty, and the next deployment from git would bring old values back.
	if strings.Contains(string(text), "parameter_overrides") {
		t.Error("samconfig.toml holds values of parameters")
	}
	ignored, err := os.ReadFile("../../.gitignore")
	if err != nil || !strings.Contains(string(ignored), "/.settings/\n") {
		t.Errorf("git does not ignore the settings files: %v", err)
	}
	if strings.Contains(string(text), "arn:") {
		t.Error("an ARN of somebody's account stands in samconfig.toml")
	}
}
