package mapping

import (
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
)

func TestSecurityContext(t *testing.T) {
	t.Parallel()
	system := archive.System{ID: "44c4", Name: "vc1.example", Type: "VCENTER"}
	for name, c := range map[string]struct{ text, want string }{
		"none":                  {"", ""},
		"one":                   {"team-a", "team-a"},
		"by name":               {`{"vc1.example":"by name","44c4":"by id","VCENTER":"by type"}`, "by name"},
		"by id":                 {`{"44c4":"by id","VCENTER":"by type"}`, "by id"},
		"by type":               {`{"VCENTER":"by type","AWS":"another"}`, "by type"},
		"of another system":     {`{"vc2.example":"team-b"}`, ""},
		"none of its own":       {`{"vc1.example":"","VCENTER":"by type"}`, ""},
		"of a system unnamed":   {`{"":"nobody's"}`, ""},
		"of an empty document":  {`{}`, ""},
		"a text with a bracket": {"a{b}", "a{b}"},
	} {
		contexts, err := ParseSecurityContext(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := contexts.For(system); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, wrong := range []string{`"team-a"`, "'team-a'", `["team-a"]`, `{"a":1}`, `{"a"`, `{"a":["b"]}`, strings.Repeat("x", 257), `{"a":"` + strings.Repeat("x", 257) + `"}`} {
		if _, err := ParseSecurityContext(wrong); err == nil {
			t.Errorf("%.20s is taken", wrong)
		}
	}
}

func TestRuleTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 400)
	for texts, want := range map[RuleTexts]int{TextsOff: 0, TextsShort: 300, TextsFull: 400, "": 300} {
		if got := len([]rune(texts.of([]byte(long)))); got != want && got != want+1 { // an ellipsis may stand for the rest
			t.Errorf("%s: %d characters, want %d", texts, got, want)
		}
		if got := texts.of([]byte("brief")); got != "brief" && texts != TextsOff {
			t.Errorf("%s: %q", texts, got)
		}
	}
}

// A section is a place in the standard only if it is a number: CAT II is a severity.
func TestControls(t *testing.T) {
	t.Parallel()
	texts := func(stig, vulnerability, section string) [][]byte {
		return [][]byte{ofSTIG: []byte(stig), ofVulnerability: []byte(vulnerability), ofSection: []byte(section)}
	}
	for want, have := range map[string][][]byte{
		"ESXI-80-1": texts("ESXI-80-1", "V-1", "4.5.2"), "V-1": texts("", "V-1", "4.5.2"), "4.5.2": texts("", "", "4.5.2"), "": texts("", "", "CAT II"),
	} {
		if got := controlOf(have); got != want {
			t.Errorf("%q: %s, want %s", have, got, want)
		}
	}
}
