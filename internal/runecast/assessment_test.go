package runecast

import (
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
)

// assessed is the assessment of rules as "profile status id", the id being optional.
func assessed(rules ...string) *Assessment {
	var a Assessment
	for _, rule := range rules {
		words := strings.Split(rule, "|")
		a.Add(&Issue{Profile: words[0], Status: words[1], DisplayID: words[2]})
	}
	return &a
}

func TestNothingToShow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules  []string
		beside []Class
		says   string // empty: there is something to show
		cure   string
		empty  bool // not worth to be archived
	}{
		"assessed":                      {rules: []string{"CIS|PASS|1"}},
		"one of many":                   {rules: []string{"CIS|FAILED|1", "CIS|UNLICENSED|2", "KB|FAIL|3", "CIS|filtered|4"}},
		"no rule":                       {says: "no rule at all", cure: "enable security profiles", empty: true},
		"unlicensed":                    {rules: []string{"CIS|UNLICENSED|1", "KB|unlicensed|2"}, says: "nothing but UNLICENSED", cure: "license it", empty: true},
		"unlicensed, and an article":    {rules: []string{"CIS|UNLICENSED|1", "KB|FAIL|2"}, says: "all its rules of security profiles (1) are UNLICENSED", cure: "license it"},
		"other words":                   {rules: []string{"CIS|FAILED|1", "CIS|PASSED|2", "CIS|FAILED|3"}, says: `3 have a status that is not known; not known is: "FAILED", "PASSED"`, cure: "M_FAIL"},
		"other words in articles only":  {rules: []string{"KB|OPEN|1"}, says: "only 1 of KB", cure: "enable security profiles"},
		"no ids":                        {rules: []string{"CIS|FAIL|", "CIS|PASS|"}, says: "2 have no id", cure: "report"},
		"nothing of security profiles":  {rules: []string{"KB|FAIL|1", "VUL|FAIL|2", "BP|PASS|3", "|PASS|4", "VUL|PASS|5"}, says: "only 1 of no profile, 1 of KB, 1 of BP, 2 of VUL", cure: "enable security profiles"},
		"vulnerabilities, asked for":    {rules: []string{"KB|FAIL|1", "VUL|FAIL|2"}, beside: []Class{Vulnerability}},
		"articles, asked for":           {rules: []string{"KB|FAIL|1"}, beside: []Class{Knowledge, BestPractice}},
		"vulnerabilities of other word": {rules: []string{"VUL|OPEN|1"}, beside: []Class{Vulnerability}, says: `"OPEN"`, cure: "report"},
		"white space in the profile":    {rules: []string{" kb |FAIL|1"}, says: "only 1 of KB", cure: "enable security profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := assessed(c.rules...)
			nothing := a.Nothing(c.beside...)
			if c.says == "" {
				if nothing != nil {
					t.Errorf("nothing to show: %v", nothing)
				}
			} else if nothing == nil || !strings.Contains(nothing.What, c.says) || !strings.Contains(nothing.Cure, c.cure) || nothing.Class != fault.Reject {
				t.Errorf("%v, want %q and the cure %q", nothing, c.says, c.cure)
			}
			if empty := a.Empty() != nil; empty != c.empty {
				t.Errorf("empty: %v (%v)", empty, a.Empty())
			}
		})
	}
}

// The error about unknown statuses stays short, however many and long they are.
func TestUnknownWordsAreBounded(t *testing.T) {
	t.Parallel()
	var a Assessment
	for i := range 1000 {
		a.Add(&Issue{ID: "1", Profile: "CIS", Status: strings.Repeat("é", 1+i)})
	}
	if text := a.Nothing().Error(); len(text) > 2000 {
		t.Errorf("%d bytes", len(text))
	}
}

// Unlicensed rules are counted by class, since knowledge-base articles are not part
// of the posture.
func TestUnlicensedRulesAreCountedByClass(t *testing.T) {
	t.Parallel()
	a := assessed("CIS|PASS|1", "CIS|unlicensed|2", "DORA|UNLICENSED|3", "KB|UNLICENSED|4", "VUL|FAIL|5")
	for class, want := range map[Class]int{Security: 2, Knowledge: 1, Vulnerability: 0} {
		if got := a.UnlicensedOf(class); got != want {
			t.Errorf("%s: %d, want %d", class, got, want)
		}
	}
}
