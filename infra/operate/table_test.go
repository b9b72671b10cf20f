package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doc  string
		wide bool
		want string
	}{
		"scalars, next last":  {`{"next":"go on","a":1,"longer":"x","empty":"","null":null,"f":0.0014210001,"t":true}`, false, "  a       1\n  longer  x\n  f       0.001421\n  t       true\nnext: go on\n"},
		"objects by both":     {`{"o":{"a":1,"b":{"c":2}}}`, false, "  o.a    1\n  o.b.c  2\n"},
		"rows":                {`{"r":[{"a":"é","b":1},{"a":"xyz","c":2,"n":""}],"none":[]}`, false, "r:\n  a    b  c\n  é    1\n  xyz     2\n"},
		"rows in rows":        {`{"r":[{"a":"x","in":[{"k":1}],"no":[]}]}`, false, "r:\n  a\n  x\nin of x:\n  k\n  1\n"},
		"texts":               {`{"r":["one","two"]}`, false, "r:\n  one\n  two\n"},
		"what few want":       {`{"r":[{"a":1,"id":7,"rows":[{"k":1}]}]}`, false, "r:\n  a\n  1\nleft out: id, rows; --wide shows all\n"},
		"all of it":           {`{"r":[{"a":1,"id":7}]}`, true, "r:\n  a  id\n  1  7\n"},
		"a long text":         {`{"r":[{"a":"` + strings.Repeat("word ", 14) + `","b":1}]}`, false, "r:\n  a                                                            b\n  " + strings.Repeat("word ", 11) + "word  1\n  word word\n"},
		"lines":               {`{"a":"one\ntwo"}`, false, "  a  one\n     two\n"},
		"hostile":             {`{"a":"x\u001b[2J\u202ey\u009b","n\u0007":"z\r\n"}`, false, "  a  x [2J y\n  n  z\n"},
		"an array by itself":  {`[1]`, false, "answer:\n  1\n"},
		"a scalar":            {`"x"`, false, "  answer  x\n"},
		"no JSON":             {"a\x1bb", false, "a b\n"},
		"nothing but objects": {`{"r":[{"in":[{"k":1}]}]}`, false, "r:\nin:\n  k\n  1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := writeTables(&b, []byte(c.doc), c.wide); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, b.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// Whatever a function answers, only characters that print reach the terminal.
func TestTablesAreHarmless(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case kind == 0 && depth > 0:
				object := map[string]any{}
				for range rapid.IntRange(0, 3).Draw(t, "members") {
					object[rapid.String().Draw(t, "name")] = value(depth - 1)
				}
				return object
			case kind == 1 && depth > 0:
				array := []any{}
				for range rapid.IntRange(0, 3).Draw(t, "elements") {
					array = append(array, value(depth-1))
				}
				return array
			case kind == 2:
				return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
			}
			return rapid.String().Draw(t, "text")
		}
		doc, err := json.Marshal(value(4))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := writeTables(&b, doc, rapid.Bool().Draw(t, "wide")); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("%q from %s", b.String()[i:], doc)
		}
	})
}
