package chat_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"runecast-ingest/internal/chat"
)

func TestNameAndReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ got, want string }{
		"a name":               {chat.Name("vc1.example"), "vc1.example"},
		"lines":                {chat.Name("vc1\nall clear\r\t"), "vc1 all clear  "},
		"the other way round":  {chat.Name("vc1\u202e%001 :erutsop\u2066"), "vc1 %001 :erutsop "},
		"a long name":          {chat.Name(strings.Repeat("x", 201)), strings.Repeat("x", 200) + "…"},
		"the longest name":     {chat.Name(strings.Repeat("x", 200)), strings.Repeat("x", 200)},
		"a long reason":        {chat.Reason(strings.Repeat("x", 401)), strings.Repeat("x", 400) + "…"},
		"a letter at the end":  {chat.Reason(strings.Repeat("x", 399) + "üü"), strings.Repeat("x", 399) + "…"},
		"what is not UTF-8":    {chat.Name("a\xffb"), "a\uFFFDb"},
		"nothing":              {chat.Name(""), ""},
		"no room for a letter": {chat.Line("üü", 1), "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("%q, want %q", c.got, c.want)
			}
		})
	}
}

func TestNamesStayOnTheirLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := chat.Name(string(rapid.SliceOf(rapid.Byte()).Draw(t, "name")))
		if len(name) > 200+len("…") || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			t.Fatalf("%q", name)
		}
	})
}
