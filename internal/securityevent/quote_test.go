package securityevent

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// A text is quoted as jsontext does it, byte for byte, whatever it holds.
func TestQuoteIsThatOfJSONText(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		want, _ := jsontext.AppendQuote([]byte("x"), s)
		if got := quote([]byte("x"), s); string(got) != string(want) {
			t.Fatalf("%q of a string: %s, want %s", s, got, want)
		}
		if got := quote([]byte("x"), []byte(s)); string(got) != string(want) {
			t.Fatalf("%q of bytes: %s, want %s", s, got, want)
		}
		once, _ := jsontext.AppendQuote(nil, s)
		twice, _ := jsontext.AppendQuote(nil, once)
		if got, _, inner := AppendNested([]byte("x"), []byte("used"), []byte(s)); string(got) != "x"+string(twice[1:len(twice)-1]) || inner != len(once) {
			t.Fatalf("%q nested: %s of %d bytes, want %s of %d", s, got, inner, twice, len(once))
		}
	}
	for c := range 256 { // every byte at every place of a word
		for at := range 17 {
			check(t, strings.Repeat("a", at)+string([]byte{byte(c)})+strings.Repeat("~", 16-at))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		special := rapid.SampledFrom([]byte("\"\\\x00\x1f \x7f\x80\xc3\xbc\xff!#[]"))
		letter := rapid.ByteRange('a', 'z')
		check(t, string(rapid.SliceOf(rapid.OneOf(letter, letter, letter, special)).Draw(t, "text")))
	})
}
