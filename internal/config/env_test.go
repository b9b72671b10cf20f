package config

import (
	"slices"
	"strings"
	"testing"
)

// Words are accepted in upper or lower case, whatever the case of the allowed words.
func TestWordsInAnyCase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": {"one"}, "all": {"one", "Two"}, "ALL": {"one", "Two"}, "TWO,One": {"Two", "one"}, " two ": {"Two"},
	} {
		e := New(func(string) string { return text })
		if got := SomeOf(e, "WORDS", []string{"one"}, "one", "Two"); !slices.Equal(got, want) || e.Err() != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, e.Err(), want)
		}
	}
	e := New(func(string) string { return "one,three" })
	if got := SomeOf(e, "WORDS", []string{"one"}, "one", "Two"); e.Err() == nil {
		t.Errorf("three is taken: %q", got)
	}
}

// Words in quotes are refused, not taken with them: nothing would have such a name. Quotes within a word, or at its end, may be a name's own.
func TestListOfWrappedWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string // nil: it is refused
	}{
		"words":               {"one, two words,three", []string{"one", "two words", "three"}},
		"quotes of their own": {`O'Brien's vCenter,$5 "lab"`, []string{"O'Brien's vCenter", `$5 "lab"`}},
		"an address":          {"[::1]:80", []string{"[::1]:80"}},
		"each in quotes":      {`"PCI DSS","VUL"`, nil},
		"all in quotes":       {"'vc1,vc2'", nil},
		"curly quotes":        {"“vc1”", nil},
		"a JSON list":         {`["vc1"]`, nil},
	} {
		e := New(func(string) string { return c.text })
		got := e.List("WORDS")
		if c.want != nil && (e.Err() != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %q, %v", name, got, e.Err())
		}
		if c.want == nil && (e.Err() == nil || !strings.Contains(e.Err().Error(), "stands in quotes: write the words as they are")) {
			t.Errorf("%s: %q, %v", name, got, e.Err())
		}
	}
}

// A JSON object that is null would be none without a word.
func TestObjectThatIsNull(t *testing.T) {
	t.Parallel()
	e := New(func(string) string { return " null " })
	var into map[string]string
	if e.Object("WORDS", &into); e.Err() == nil || !strings.Contains(e.Err().Error(), "WORDS: is null") {
		t.Errorf("%v", e.Err())
	}
}
