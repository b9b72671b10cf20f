package appliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func reduced(t *testing.T, doc string) string {
	t.Helper()
	s, _, err := Reduce(strings.NewReader(doc))
	if err != nil {
		t.Fatalf("%.80s: %v", doc, err)
	}
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReduce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, want string }{
		"object":     {`{"uid":"44c4a75d-4430-4953-90e0-481747a41c6c","n":1e400,"b":true,"z":null,"o":{}}`, `{"b":"boolean ×1","n":"number ×1","o":{},"uid":"string(17-64) ×1","z":"null ×1"}`},
		"array":      {`{"issues":[{"id":1},{"id":"a","url":""}]}`, `{"issues":["array ×1 of 2",{"id":"number ×1 | string(1-16) ×1","url":"string(0) ×1"}]}`},
		"empty":      {`[]`, `["array ×1 of 0"]`},
		"union":      {`[1,[2],{"a":3}]`, `["array ×1 of 3",["any of","number ×1",{"a":"number ×1"},["array ×1 of 1","number ×1"]]]`},
		"lengths":    {`["` + strings.Repeat("x", 200) + `","` + strings.Repeat("x", 4000) + `","` + strings.Repeat("x", 5000) + `"]`, `["array ×1 of 3","string(257-4096) ×1 | string(4097+) ×1 | string(65-256) ×1"]`},
		"not names":  {`{"vc1.example":1,"f0c4a75d-1":2,"a@b":3,"1a":4,"deadbeef1234":5,"` + strings.Repeat("a", 60) + `":6,"ipv4Address":7}`, `{"(other names)":"number ×6","ipv4Address":"number ×1"}`},
		"duplicates": {`{"a":1,"a":"x"}`, `{"a":"number ×1 | string(1-16) ×1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := reduced(t, c.doc); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReduceIsBounded(t *testing.T) {
	t.Parallel()
	var keys strings.Builder
	for i := range 20_000 {
		if i > 0 {
			keys.WriteString(",")
		}
		keys.WriteString(`"` + strings.Repeat("k", i%30+1) + string(rune('a'+i%26)) + `":{"a":1,"b":[{"c":2}]}`)
	}
	wide := `{` + keys.String() + `}`
	deep := strings.Repeat(`{"a":[`, 3000) + strings.Repeat(`]}`, 3000)
	nested := strings.Repeat(`{"a":{"b":`, 10) + wide + strings.Repeat(`},"c":`+wide+`}`, 10)
	for name, doc := range map[string]string{"wide": wide, "deep": deep, "nested": nested} {
		s, _, _ := Reduce(strings.NewReader(doc))
		out, err := json.Marshal(s)
		if err != nil || len(out) > 200<<10 {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
	for name, c := range map[string]struct {
		doc  io.Reader
		want error
	}{
		"endless list": {io.MultiReader(strings.NewReader(`["`), &endless{text: `a","`}), errEnough},
		"endless text": {io.MultiReader(strings.NewReader(`["`), &endless{text: `a`}), errLongText},
		"cut":          {strings.NewReader(`{"a":[1,`), errCut},
		"nothing":      {strings.NewReader(``), errCut},
		"HTML":         {strings.NewReader(`<html>secret</html>`), errNotJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, n, err := reduce(&meter{r: c.doc, most: 1 << 20, text: 1 << 18}); !errors.Is(err, c.want) || n > 1<<20 {
				t.Errorf("error %v after %d bytes, want %v", err, n, c.want)
			}
		})
	}
}

// endless repeats a text for ever.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], e.text[e.at:])
		n, e.at = n+k, (e.at+k)%len(e.text)
	}
	return n, nil
}

// word matches every text in a shape that is no member name.
var word = regexp.MustCompile(`^(any of|\(not shown\)|array ×\d+ of \d+|(null|boolean|number|\(not shown\)|string\([0-9+-]+\)) ×\d+( \| (null|boolean|number|\(not shown\)|string\([0-9+-]+\)) ×\d+)*)$`)

// FuzzReduce: for any document the shape is valid JSON and bounded, and holds no value of
// the document. The words of a shape are harmless by their form.
func FuzzReduce(f *testing.F) {
	for _, doc := range []string{`{"results":[{"uid":"44c4a75d-4430","scanStatus":{"status":"FINISHED"},"issues":[{"id":1,"products":[{"name":"vSphere"}],"affectedObjects":null}]}]}`,
		`{"name":"secret token","token":["abcd","efgh"]}`, `{"a.b":{"hush-hush":"hush"}}`, `"alone"`, `[{"x":"numbers"},1e9,"`, `{"a":"\u0000\ud800"}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, _, _ := Reduce(bytes.NewReader(doc))
		out, err := json.Marshal(s)
		if err != nil || len(out) > 200<<10 {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		names, values := contents(doc)
		var said strings.Builder // what is said beside the words of a shape
		told := jsontext.NewDecoder(bytes.NewReader(out))
		for {
			tok, err := told.ReadToken()
			if err != nil {
				break
			}
			if tok.Kind() != '"' {
				continue
			}
			text := tok.String()
			switch kind, n := told.StackIndex(told.StackDepth()); {
			case kind == '{' && n%2 == 1: // a name
				if text != otherNames && !names[text] {
					t.Errorf("%q is no member name", text)
				}
				said.WriteString(text + "\n")
			case !word.MatchString(text):
				t.Errorf("%q is no word of a shape", text)
			}
		}
		for _, value := range values {
			if len(value) >= 4 && strings.Contains(said.String(), value) && !partOfName(names, value) {
				t.Errorf("the value %q is in %s", value, out)
			}
		}
	})
}

// contents returns the member names and the text values of a document.
func contents(doc []byte) (names map[string]bool, values []string) {
	names = map[string]bool{}
	dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return names, values
		}
		if tok.Kind() != '"' {
			continue
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
			names[tok.String()] = true
		} else {
			values = append(values, tok.String())
		}
	}
}

// partOfName reports whether a value is part of a member name, which the shape may show.
func partOfName(names map[string]bool, value string) bool {
	for name := range names {
		if strings.Contains(name, value) {
			return true
		}
	}
	return strings.Contains(otherNames, value)
}
