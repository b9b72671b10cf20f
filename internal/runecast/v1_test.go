package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/fault"
)

type taken struct {
	ID, Body string
	Scan     Scan
}

func splitAll(r io.Reader) ([]taken, error) { return splitChunks(r, chunkSize) }

// splitChunks makes the places where chunks end part of a test.
func splitChunks(r io.Reader, chunk int) ([]taken, error) {
	var all []taken
	err := newResults(r, chunk).v1(func(e *Element) error {
		var b bytes.Buffer
		if n, err := e.WriteTo(&b); err != nil || n != int64(b.Len()) {
			return fmt.Errorf("WriteTo = %d of %d, %w", n, b.Len(), err)
		}
		all = append(all, taken{e.ID, b.String(), e.Scan})
		return nil
	})
	return all, err
}

func TestSplitCopiesVerbatim(t *testing.T) {
	t.Parallel()
	done := `"scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2023-01-11T02:00:41.000Z"}`
	scan := scanOf("FINISHED_SUCCESSFULLY", "2023-01-11T02:00:41Z")
	cases := map[string]struct {
		id, element string
		scan        Scan
	}{
		"plain":                   {"a", `{"uid":"a",` + done + `,"issues":[]}`, scan},
		"white space":             {"a", "{ \"uid\"\n:\t\"a\" ,\r\n" + done + " , \"issues\" : [ ] \n}", scan},
		"status after issues":     {"a", `{"uid":"a","issues":[{"id":"1"}],` + done + `}`, scan},
		"uid after issues":        {"a", `{"issues":[{"id":"1"}],` + done + `,"uid":"a"}`, scan},
		"uid a number":            {"12", `{"uid":12,` + done + `}`, scan},
		"duplicate members":       {"a", `{"uid":"a","uid":"b","x":1,"x":2,` + done + `}`, scan},
		"numbers beyond range":    {"a", `{"uid":"a","n":[1e400,-0.0,1E+2,123456789012345678901234567890],` + done + `}`, scan},
		"escapes and unicode":     {"ä\"/", `{"\u0075id":"\u00e4\"\/","t":"\ud83d\ude00 \ud800 é\\",` + done + `}`, scan},
		"invalid UTF-8":           {"a", "{\"uid\":\"a\",\"t\":\"\xff\xfe\xc3\",\"\xff\":1," + done + "}", scan},
		"braces in text":          {"a", `{"uid":"a","t":"}]}\"{[",` + done + `}`, scan},
		"timestamp in epoch ms":   {"a", `{"uid":"a","scanStatus":{"timestamp":1673402441000,"status":"RUNNING"}}`, scanOf("RUNNING", "2023-01-11T02:00:41Z")},
		"timestamp of odd form":   {"a", `{"uid":"a","scanStatus":{"timestamp":"yesterday"}}`, scanOf("", "yesterday")},
		"null everywhere":         {"a", `{"uid":"a","scanStatus":null,"issues":null,"name":null}`, Scan{}},
		"members of other types":  {"a", `{"uid":"a","scanStatus":["x"],"issues":{"a":[1]},"name":{"uid":"z"}}`, Scan{}},
		"nested uid is not a uid": {"a", `{"x":{"uid":"z"},"issues":[{"uid":"y"}],"uid":"a"}`, Scan{}},
		"longer than a chunk":     {"a", `{"uid":"a","t":"` + strings.Repeat("x", 3*chunkSize) + `","issues":[` + strings.Repeat(" ", chunkSize) + `]}`, Scan{}},
	}
	for name, c := range cases {
		want := []taken{{c.id, c.element, c.scan}, {"last", `{"uid":"last"}`, Scan{}}}
		doc := ` {"before":[{"uid":"no"}], "results" : [ ` + c.element + ` , null, {"noUid":1}, {"uid":"last"}], "after":{"results":[{"uid":"no"}]}} ` + "\n"
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{1, 2, 3, 7, 64, 1000, chunkSize} {
				if len(doc)/chunk > chunkSize {
					continue // the decoder looks at a long text again with each chunk
				}
				for how, r := range map[string]io.Reader{
					"whole": strings.NewReader(doc), "byte by byte": iotest.OneByteReader(strings.NewReader(doc)), "data with EOF": iotest.DataErrReader(strings.NewReader(doc)),
				} {
					got, err := splitChunks(r, chunk)
					if err != nil {
						t.Fatalf("chunks of %d, %s: %v", chunk, how, err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("chunks of %d, %s: %s", chunk, how, d)
					}
				}
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	whole := `{"results":[{"uid":"a","issues":[{"id":"1"}]},{"uid":"b"}]}`
	cases := map[string]struct {
		doc   string
		class fault.Class
		says  string
	}{
		"empty":             {"", fault.Retry, "cut"},
		"HTML":              {" <!DOCTYPE html><html>", fault.Config, "HTML"},
		"text":              {"Service is starting", fault.Reject, "not valid JSON"},
		"another document":  {`{"message":"hello"}`, fault.Reject, "no results"},
		"a list":            {`[1,2]`, fault.Reject, "no results"},
		"garbage after":     {whole + "x", fault.Reject, "not valid JSON"},
		"document after":    {whole + whole, fault.Reject, "goes on"},
		"missing comma":     {`{"results":[{"uid":"a" "issues":[]}]}`, fault.Reject, "byte 23"},
		"wrong bracket":     {`{"results":[{"uid":"a","issues":[}]}`, fault.Reject, "not valid JSON"},
		"control character": {"{\"results\":[{\"uid\":\"a\n\"}]}", fault.Reject, "not valid JSON"},
		"endless nesting":   {`{"results":[{"uid":"a","x":` + strings.Repeat("[", 20000), fault.Reject, "not valid JSON"},
		"text of 17 MiB":    {`{"results":[{"uid":"a","x":"` + strings.Repeat("x", 17<<20) + `"}]}`, fault.Reject, "over 16 MiB"},
		"uid after much":    {`{"results":[{"x":[` + strings.Repeat(`"0123456789",`, maxHead/10) + `1],"uid":"a"}]}`, fault.Reject, "before the uid of an element"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := splitAll(strings.NewReader(c.doc))
			if err == nil || !strings.Contains(err.Error(), c.says) || fault.ClassOf(err) != c.class {
				t.Errorf("error %v (%s), want %q (%s)", err, fault.ClassOf(err), c.says, c.class)
			}
		})
	}
	for cut := range len(whole) {
		if _, err := splitAll(strings.NewReader(whole[:cut])); err == nil || fault.ClassOf(err) != fault.Retry {
			t.Errorf("cut after %q: error %v, want one of class retry", whole[:cut], err)
		}
	}
}

// Errors of the network and of a visitor come back as they are.
func TestSplitErrorsComeThrough(t *testing.T) {
	t.Parallel()
	doc := `{"results":[{"uid":"a"},{"uid":"b"}]}`
	broken := errors.New("connection reset")
	for cut := range len(doc) {
		r := io.MultiReader(strings.NewReader(doc[:cut]), iotest.ErrReader(broken))
		if _, err := splitAll(r); !errors.Is(err, broken) {
			t.Fatalf("cut at %d: error %v, want the reader's", cut, err)
		}
	}
	stop := errors.New("stop")
	var visited []string
	err := ReadV1(strings.NewReader(doc), nil, func(e *Element) error {
		visited = append(visited, e.ID)
		return stop
	})
	if !errors.Is(err, stop) || len(visited) != 1 {
		t.Errorf("error %v after %v, want the visitor's after the first", err, visited)
	}
}

// A sink that fails does not end the reading: the next element is whole.
func TestSplitGoesOnAfterFailedSink(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	doc := `{"results":[{"uid":"a","t":"` + strings.Repeat("x", 5*chunkSize) + `"},{"uid":"skipped"},{"uid":"b","n":1}]}`
	got := map[string]string{}
	err := ReadV1(strings.NewReader(doc), nil, func(e *Element) error {
		switch e.ID {
		case "a":
			if _, err := e.WriteTo(writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
				t.Errorf("WriteTo: %v, want the sink's error", err)
			}
		case "b":
			var b bytes.Buffer
			if _, err := e.WriteTo(&b); err != nil {
				return err
			}
			got[e.ID] = b.String()
			if _, err := e.WriteTo(&b); err == nil {
				t.Error("an element was taken twice")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"b": `{"uid":"b","n":1}`}, got); d != "" {
		t.Error(d)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestElementCounts(t *testing.T) {
	t.Parallel()
	var got [][3]int
	err := ReadV1(strings.NewReader(`{"results":[
		{"uid":"a","issues":[{"id":1,"type":"CIS","status":"PASS"},{"type":"KB","status":"FAIL"},{"type":"VUL"},{"type":"BP"},{"type":null},{"type":"CIS","status":"UNLICENSED"},null]},
		{"uid":"b","issues":[]},{"uid":"c"}]}`), nil, func(e *Element) error {
		if _, err := e.WriteTo(io.Discard); err != nil {
			return err
		}
		got = append(got, [3]int{e.Assessment.Rules, e.Assessment.Rules - e.Assessment.Unlicensed, e.Assessment.Assessed(Security)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][3]int{{7, 6, 1}, {}, {}}, got); d != "" {
		t.Error(d)
	}
}

// naive does what ReadV1 promises, by other means and in memory.
func naive(doc []byte) (elements []string, ok bool) {
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	dec := jsontext.NewDecoder(bytes.NewReader(doc), lenient...)
	whole, err := dec.ReadValue()
	if whole = whole.Clone(); err != nil || whole.Kind() != '{' {
		return nil, false
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	found := false
	eachMember(whole, func(name string, value jsontext.Value) {
		if name != "results" {
			return
		}
		found = true
		if value.Kind() != '[' {
			return
		}
		items := jsontext.NewDecoder(bytes.NewReader(value), lenient...)
		_, _ = items.ReadToken()
		for items.PeekKind() != ']' {
			item, _ := items.ReadValue()
			if item.Kind() == '{' {
				id, text := "", string(item)
				eachMember(item, func(name string, v jsontext.Value) {
					if k := v.Kind(); name == "uid" && id == "" && slices.Contains([]jsontext.Kind{'"', '0', 't', 'f'}, k) {
						id = strings.Trim(string(v), `"`)
					}
				})
				if id != "" {
					elements = append(elements, text)
				}
			}
		}
	})
	return elements, found
}

func eachMember(object jsontext.Value, each func(string, jsontext.Value)) {
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, _ = dec.ReadToken()
	for dec.PeekKind() != '}' {
		name, _ := dec.ReadToken()
		text := name.String()
		value, _ := dec.ReadValue()
		each(text, value)
	}
}

func checkAgainstNaive(t interface{ Fatalf(string, ...any) }, doc []byte, chunk int) {
	want, ok := naive(doc)
	got, err := splitChunks(bytes.NewReader(doc), chunk)
	if ok != (err == nil) {
		t.Fatalf("Split: %v, but the document is valid: %v\n%q", err, ok, doc)
	}
	if !ok {
		return
	}
	var bodies []string
	for _, e := range got {
		bodies = append(bodies, e.Body)
	}
	if d := cmp.Diff(want, bodies); d != "" {
		t.Fatalf("%q: %s", doc, d)
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{"results":[{"uid":"a","scanStatus":{"status":"X","timestamp":1}},{"uid":1}]}`,
		`{"results":[{"issues":[{"type":"CIS","products":[{"name":"AWS"}],"affectedObjects":[{"moid":"m"}]}],"uid":"a"}]} `,
		`{"results":null}`, `{"results":[[{"uid":"a"}]]}`, "{\"results\":[{\"uid\":\"\\u0061\xff\"}]}", `{"results":[{"uid":"a"`, `<html>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		checkAgainstNaive(t, doc, chunkSize)
		checkAgainstNaive(t, doc, 1)
	})
}

// Documents of random shape and spacing, cut into random chunks.
func TestSplitProperty(t *testing.T) {
	t.Parallel()
	space := rapid.StringMatching(`[ \n\t]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{`"x"`, `1e400`, `null`, `{"uid":"q"}`, `[{"a":[]}]`, `"\""`, `""`, `0`,
			`[{"type":"CIS","status":"PASS","products":[{"name":"nsx"},null],"affectedObjects":[{"moid":"arn:aws:x"}]}]`})
		member := rapid.Custom(func(t *rapid.T) string {
			name := rapid.SampledFrom([]string{"uid", "scanStatus", "issues", "name", "x", `\u0075id`}).Draw(t, "name")
			return space.Draw(t, "s") + `"` + name + `"` + space.Draw(t, "s") + ":" + space.Draw(t, "s") + value.Draw(t, "v") + space.Draw(t, "s")
		})
		element := rapid.Custom(func(t *rapid.T) string {
			return space.Draw(t, "s") + "{" + strings.Join(rapid.SliceOfN(member, 0, 5).Draw(t, "members"), ",") + "}"
		})
		doc := `{"results":[` + strings.Join(rapid.SliceOfN(rapid.OneOf(element, value), 0, 5).Draw(t, "elements"), ",") + `]}`
		checkAgainstNaive(t, []byte(doc), rapid.IntRange(1, 40).Draw(t, "chunk"))
	})
}
