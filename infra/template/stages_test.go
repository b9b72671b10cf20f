package template

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each stage is a stack of its own, whose name becomes part of the archive's;
// what it sets are parameters of the template, with values that it takes.
func TestStagesFitTheTemplate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	found := &findings{}
	parameters := node{value: template, found: found}.at("Parameters")

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
	for _, m := range regexp.MustCompile(`"([A-Z][A-Za-z]+)=([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		if p := parameters.at(m[1]); p.has("AllowedValues") && len(only(p.at("AllowedValues").texts(), m[2])) == 0 {
			t.Errorf("%s does not take %s", m[1], m[2])
		}
	}
	for _, f := range found.list {
		t.Error(f)
	}
	if strings.Contains(string(text), "arn:") {
		t.Error("an ARN of somebody's account stands in samconfig.toml")
	}
}
