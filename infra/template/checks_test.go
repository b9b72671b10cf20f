package template

import (
	"maps"
	"slices"
	"testing"
)

// check looks at a template, and records what it finds wrong.
type check func(template node)

// checks are all checks of the template, by what they prove.
func checks() map[string]check {
	all := map[string]check{}
	for _, concern := range []map[string]check{
		parameterChecks(), settingChecks(), rightChecks(), archiveChecks(), functionChecks(), repositoryChecks(), triggerChecks(), alarmChecks(), noticeChecks(), outputChecks(),
	} {
		maps.Copy(all, concern)
	}
	return all
}

func inspect(c check, template any) []string {
	found := &findings{}
	c(node{value: template, found: found})
	return found.list
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	template, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range checks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range inspect(c, template) {
				t.Error(f)
			}
		})
	}
}

// missing returns the members of want that got lacks, and the members of got that
// want lacks.
func missing(want, got []string) (lacks, extra []string) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			lacks = append(lacks, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			extra = append(extra, g)
		}
	}
	return lacks, extra
}

// same compares two sets, whatever their order.
func (n node) same(what string, want, got []string) {
	lacks, extra := missing(want, got)
	if len(lacks)+len(extra) > 0 || len(want) != len(got) {
		n.wrong("%s: lacks %q, has beyond that %q", what, lacks, extra)
	}
}
