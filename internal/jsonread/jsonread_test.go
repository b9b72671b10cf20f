package jsonread_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/jsonread"
)

// decoder is what a Reader and a general decoder have in common.
type decoder interface {
	kind() byte
	token() (byte, error)
	value() ([]byte, error)
	offset() int64
	depth() int
}

type ours struct{ *jsonread.Reader }

func (d ours) kind() byte { return byte(d.PeekKind()) }
func (d ours) token() (byte, error) {
	k, err := d.ReadToken()
	return byte(k), err
}
func (d ours) value() ([]byte, error) { return d.ReadValue() }
func (d ours) offset() int64          { return d.InputOffset() }
func (d ours) depth() int             { return d.StackDepth() }

type general struct{ *jsontext.Decoder }

func (d general) kind() byte { return byte(d.PeekKind()) }
func (d general) token() (byte, error) {
	t, err := d.ReadToken()
	return byte(t.Kind()), err
}
func (d general) value() ([]byte, error) { return d.ReadValue() }
func (d general) offset() int64          { return d.InputOffset() }
func (d general) depth() int             { return d.StackDepth() }

func lenient(r io.Reader) general {
	return general{jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// told returns what a decoder reads from a document, token by token or by whole
// values from a depth on, and the error that ends the reading.
func told(d decoder, whole int) string {
	var b strings.Builder
	for {
		kind := d.kind()
		if d.depth() < whole || kind == '}' || kind == ']' {
			k, err := d.token()
			if err != nil {
				return b.String() + ending(err)
			}
			fmt.Fprintf(&b, "%c/%c", kind, k)
		} else {
			v, err := d.value()
			if err != nil {
				return b.String() + ending(err)
			}
			fmt.Fprintf(&b, "%c:%s", kind, v)
		}
		fmt.Fprintf(&b, "@%d^%d ", d.offset(), d.depth())
		if d.depth() == 0 {
			return b.String() + end(d)
		}
	}
}

// end returns what follows the document. A bracket that closes nothing begins no next
// document: a Reader says so at once, the general decoder only when it reads it.
func end(d decoder) string {
	if k := d.kind(); k != 0 && k != ']' && k != '}' {
		return "followed"
	}
	_, err := d.token()
	return ending(err)
}

func ending(err error) string {
	_, syntactic := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, io.EOF):
		return "the end"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case syntactic:
		return "not JSON"
	}
	return fmt.Sprint(err)
}

// documents are of all forms, right and wrong.
var documents = []string{
	``, ` `, `null`, ` true `, `false`, `nul`, `nulx`, `t`, `truex`, `"a"`, `"a`, `""`, "\"\x01\"", "\"\x1f\"", "\"\x7f\"", `"\q"`, `"\u12"`, `"\u12g4"`, `"\u12AF\n\"\\\/\b\f\r\t"`, `"\ud800"`, "\"\xff\xe4\"", `"ä€😀"`,
	`0`, `-`, `-0`, `-1`, `01`, `1.`, `1.5`, `1.e`, `1e`, `1e+`, `1e+5`, `1E-05`, `12345678901234567890`, `+1`, `.5`, `1.5e400`,
	`[]`, `[ ]`, `[1]`, `[1,2]`, `[1 2]`, `[1,]`, `[,1]`, `[,]`, `[`, `[1`, `[1,`, `]`, `[}`, `[1}`, `[:1]`, `[1:2]`, `[[],[[]],{}]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,"a":2}`, `{"a" : [ {"b":null} , "c" ] , "d":"e"}`, `{"a"}`, `{"a",}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{1:2}`, `{"a":1:2}`, `{"a"::1}`, `{"a":1 "b":2}`, `{"a":1]`, `{]`, `{"a":,}`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":{"b":{"c":{}}}}`, `{null:1}`, `{{}:1}`, `{t`, `{n`, `{-`, `{1`, `{[`,
	`1 2`, `{}{}`, `[] x`, `{},`, `[]]`, `{}}`, `1}`, "\ufeff{}", `<html>`, "\t\r\n{\t\r\n}\t\r\n", "{}\v", "[\"0123456\",\"01234567\",\"012345678\",\"0123456789abcdef\"]",
}

// soonerKnown reports whether a Reader refuses a byte at once that the general decoder
// takes for the beginning of a word, as the t of true where a name must stand: it
// waits for the rest of the word.
func soonerKnown(got, want string) bool {
	got, wrong := strings.CutSuffix(got, "not JSON")
	want, cut := strings.CutSuffix(want, "cut")
	return wrong && cut && got == want
}

// same compares a Reader with the general decoder, and with a Reader that gets each
// byte on its own.
func same(t *testing.T, doc string) {
	t.Helper()
	for whole := range 4 {
		got := told(ours{jsonread.New(strings.NewReader(doc))}, whole)
		if want := told(lenient(strings.NewReader(doc)), whole); got != want && !soonerKnown(got, want) {
			t.Fatalf("%q by values from depth %d:\n%s\nthe general decoder:\n%s", doc, whole, got, want)
		}
		if slow := told(ours{jsonread.New(iotest.OneByteReader(strings.NewReader(doc)))}, whole); got != slow {
			t.Fatalf("%q by values from depth %d:\n%s\nbyte by byte:\n%s", doc, whole, got, slow)
		}
	}
}

func TestReadsAsAGeneralDecoder(t *testing.T) {
	t.Parallel()
	for _, doc := range documents {
		same(t, doc)
		same(t, `{"x":[`+doc+`,"y"],"z":`+doc+`}`)
	}
	same(t, strings.Repeat("[", 10_001))
	same(t, strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000))
	same(t, `["`+strings.Repeat("x", 70_000)+`",`+strings.Repeat(`{"a":"b"} ,`, 4_000)+strings.Repeat("7", 70_000)+`]`)
}

func FuzzReadsAsAGeneralDecoder(f *testing.F) {
	for _, doc := range documents {
		f.Add(doc)
	}
	f.Fuzz(same)
}

// ReadString returns a text without its quotes, and whether it is plain.
func TestReadString(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		want  string
		plain bool
	}{
		`"abc"`:            {"abc", true},
		`""`:               {"", true},
		`"a\n"`:            {`a\n`, false},
		"\"\xc3\xa4\"":     {"ä", false},
		`"0123456789\"x"`:  {`0123456789\"x`, false},
		`"0123456789abcd"`: {"0123456789abcd", true},
	} {
		r := jsonread.New(strings.NewReader(text))
		if got, plain, err := r.ReadString(); err != nil || string(got) != c.want || plain != c.plain {
			t.Errorf("%s: %s, %v, %v", text, got, plain, err)
		}
	}
	for _, text := range []string{`1`, `{}`, ``, `"a`} {
		if _, _, err := jsonread.New(strings.NewReader(text)).ReadString(); err == nil {
			t.Errorf("%s is read as a text", text)
		}
	}
}

// Pinned bytes stay in memory, whatever is read meanwhile.
func TestPin(t *testing.T) {
	t.Parallel()
	object := `{"a" : ["` + strings.Repeat("x", 100_000) + `", 1, {}], "b":[2]}`
	r := jsonread.New(iotest.HalfReader(strings.NewReader(`[1, ` + object + `, 2]`)))
	for range 2 {
		if _, err := r.ReadToken(); err != nil {
			t.Fatal(err)
		}
	}
	if r.PeekKind() != '{' {
		t.Fatal("no object follows")
	}
	r.Pin()
	if _, err := r.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`["` + strings.Repeat("x", 100_000) + `", 1, {}]`, `[2]`} {
		_, _, err := r.NextName()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.ReadValue(); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if _, ok, err := r.NextName(); ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := r.Pinned(); string(got) != object {
		t.Errorf("%d bytes, not %d", len(got), len(object))
	}
	if err := r.Leave(0); err != nil {
		t.Error(err)
	}
}

// An error of the source comes through, and is asked for once.
func TestErrorsOfTheSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, begun := range []string{``, ` `, `[`, `"a`, `12`, `tr`, `{"a"`, `{"a":`, `[1`, `"\`, `"\u1`} {
		r := jsonread.New(io.MultiReader(strings.NewReader(begun), iotest.ErrReader(broken)))
		var err error
		for err == nil {
			_, err = r.ReadToken()
		}
		if !errors.Is(err, broken) {
			t.Errorf("%q: %v", begun, err)
		}
		if _, again := r.ReadToken(); !errors.Is(again, broken) {
			t.Errorf("%q: then %v", begun, again)
		}
	}
}

// asked is a source that counts the bytes that were read from it.
type asked struct {
	r io.Reader
	n int64
}

func (a *asked) Read(p []byte) (int, error) {
	n, err := a.r.Read(p[:min(len(p), 7)])
	a.n += int64(n)
	return n, err
}

// A Reader asks for more bytes only while a token is incomplete.
func TestAsksOnlyForTheTokenAtHand(t *testing.T) {
	t.Parallel()
	src := &asked{r: strings.NewReader(`{"name": "a longer text than that", "list": [1, 22, 333, {"a": null}]}`)}
	r := jsonread.New(src)
	for {
		before := src.n
		offset := r.InputOffset()
		_, err := r.ReadToken()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if src.n > before && before > r.InputOffset() {
			t.Errorf("at %d it asked for more, having %d and needing no more than %d", offset, before, r.InputOffset())
		}
	}
}

// BenchmarkSkip reads a megabyte of tokens, also with the general decoder.
func BenchmarkSkip(b *testing.B) {
	object := `{"vcUid":"5f1ab8d2-8f3c-4a57-9b6e-0d9a4c1f2e77","moid":"vm-1234","name":"srv-web-01234.prod.example","type":"VirtualMachine","resultValues":[{"description":"isolation.device.connectable.disable","value":"TRUE"}]}`
	doc := []byte("[" + strings.Repeat(object+",", 5000) + "1]")
	for name, open := range map[string]func(io.Reader) func() error{
		"jsonread": func(r io.Reader) func() error { return jsonread.New(r).Skip },
		"jsontext": func(r io.Reader) func() error { return lenient(r).SkipValue },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if err := open(bytes.NewReader(doc))(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
