package config

import (
	"slices"
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
