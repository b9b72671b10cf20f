package runecast

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

const scan7 = `{"createdTs":1690270800000,"configScanResultSummary":{"foundCriticalIssuesCount":1,"foundLowIssuesCount":"2"},
	"scannedIssues":[{"issue":{"type":"CIS","products":[{"name":"Amazon Web Services"}]},"status":"FAIL"},{"status":"PASS"}]}`

func scanOf(status, timestamp string) Scan { return Scan{Status: status, Timestamp: timestamp} }

// readLatest reads a document in chunks, and returns what was copied of it.
func readLatest(r io.Reader, chunk int) (body string, e *Element, err error) {
	err = newResults(r, chunk).v2("7", func(seen *Element) error {
		e = seen
		var b strings.Builder
		_, err := e.WriteTo(&b)
		body = b.String()
		return err
	})
	return body, e, err
}

func TestLatestCopiesVerbatim(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"plain":                `{"createdTs":1}`,
		"spaces around":        " \t\r\n{ \"createdTs\" : 1 }\n\n",
		"much space before":    strings.Repeat(" ", 3*chunkSize) + `{"createdTs":1}`,
		"much space after":     `{"createdTs":1}` + strings.Repeat("\n", 3*chunkSize),
		"unicode and escapes":  `{"\u0063reatedTs":1,"t":"\ud83d\ude00 \ud800 é \/ \\ 值"}`,
		"numbers beyond range": `{"createdTs":1,"n":[1e400,-0.0,1E+2,123456789012345678901234567890]}`,
		"duplicate members":    `{"createdTs":2,"x":1,"x":2,"createdTs":1}`,
		"invalid UTF-8":        "{\"createdTs\":1,\"t\":\"\xff\xfe\xc3\",\"\xff\":1}",
		"longer than a chunk":  `{"createdTs":1,"scannedIssues":[{"t":"` + strings.Repeat("x", 3*chunkSize) + `"}]}`,
	}
	for name, doc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{1, 2, 7, 1000, chunkSize} {
				if len(doc)/chunk > chunkSize {
					continue
				}
				for how, r := range map[string]io.Reader{"whole": strings.NewReader(doc), "byte by byte": iotest.OneByteReader(strings.NewReader(doc)), "data with EOF": iotest.DataErrReader(strings.NewReader(doc))} {
					got, e, err := readLatest(r, chunk)
					if err != nil || sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(doc)) {
						t.Fatalf("chunks of %d, %s: %d of %d bytes, %v", chunk, how, len(got), len(doc), err)
					}
					if e.Scan.Timestamp != "1970-01-01T00:00:00.001Z" {
						t.Fatalf("%+v", e.Scan)
					}
				}
			}
		})
	}
}

// A document of which any part is missing is never taken for whole.
func TestLatestCutAnywhere(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for cut := range len(scan7) {
		if _, _, err := readLatest(strings.NewReader(scan7[:cut]), chunkSize); err == nil {
			t.Fatalf("cut after %q: no error", scan7[:cut])
		}
	}
	for cut := range len(scan7) + 1 { // the connection breaks even after the last brace
		r := io.MultiReader(strings.NewReader(scan7[:cut]), iotest.ErrReader(broken))
		if _, _, err := readLatest(r, chunkSize); !errors.Is(err, broken) {
			t.Fatalf("broken after %d bytes: %v, want the reader's error", cut, err)
		}
	}
}

func TestLatestStopsAtAFailedSink(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	src := &counting{r: strings.NewReader(`{"scannedIssues":[` + strings.Repeat(`{"status":"PASS"},`, 1<<20) + `{}]}`)}
	err := newResults(src, chunkSize).v2("7", func(e *Element) error {
		_, err := e.WriteTo(writerFunc(func([]byte) (int, error) { return 0, full }))
		return err
	})
	if !errors.Is(err, full) || src.n > 1<<20 {
		t.Errorf("%d bytes were read until %v", src.n, err)
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestLatestCounts(t *testing.T) {
	t.Parallel()
	_, e, err := readLatest(strings.NewReader(`{"createdTs":1,"scannedIssues":[
		{"issue":{"id":1,"type":"CIS","status":"odd"},"status":"PASS"},{"issue":{"type":"KB"},"status":"FAIL"},
		{"issue":null,"status":null},{"issue":{"type":"CIS"},"status":"UNLICENSED"},null,7]}`), chunkSize)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([4]int{6, 5, 1, 6}, [4]int{e.Assessment.Rules, e.Assessment.Rules - e.Assessment.Unlicensed, e.Assessment.Assessed(Security), e.Scan.Rules}); d != "" {
		t.Error(d)
	}
}

// The type is known before the element is copied, and the copy still has every byte.
func TestTypeIsForeseen(t *testing.T) {
	t.Parallel()
	issues := `"issues":[{"status":"PASS","products":[{"name":"NSX-T"}]}]`
	far := `"x":"` + strings.Repeat("x", aheadSize+chunkSize) + `",`
	v1 := func(element string) string { return `{"results":[` + element + `,{"uid":"next","issues":[]}]}` }
	cases := map[string]struct {
		doc  string
		want string
	}{
		"v1":                 {v1(`{"uid":"a",` + issues + `}`), TypeNSXT},
		"v1, uid at the end": {v1(`{` + issues + `,"uid":"a"}`), TypeNSXT},
		"v1, beyond a chunk": {v1(`{"uid":"a","x":"` + strings.Repeat("x", 2*chunkSize) + `",` + issues + `}`), TypeNSXT},
		"v1, too far":        {v1(`{"uid":"a",` + far + issues + `}`), TypeUnknown},
		"v1, of the next":    {`{"results":[{"uid":"a"},{"uid":"b",` + issues + `}]}`, TypeUnknown},
		"v2":                 {`{"createdTs":1,"scannedIssues":[{"issue":{"products":[{"name":"GCP"}]},"status":"PASS"}]}`, TypeGCP},
		"v2, no product":     {`{"createdTs":1,"scannedIssues":[{"issue":{},"affectedObjects":[{"moid":"/subscriptions/1"}]}]}`, TypeAzure},
		"v2, spaces":         {strings.Repeat(" ", 2*chunkSize) + `{"scannedIssues":[{"issue":{"products":[{"name":"GCP"}]}}]}`, TypeGCP},
		"v2, too far":        {`{"createdTs":1,` + far + `"scannedIssues":[{"issue":{"products":[{"name":"GCP"}]}}]}`, TypeUnknown},
		"v2, cut":            {`{"createdTs":1,"scannedIssues":[{"issue":{"products":[{"name":"GCP"}]}},{`, TypeGCP},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{64, 1000, chunkSize} {
				w := newResults(strings.NewReader(c.doc), chunk)
				read := w.v1
				if strings.HasPrefix(name, "v2") {
					read = func(visit func(*Element) error) error { return w.v2("7", visit) }
				}
				seen := false
				var b bytes.Buffer
				err := read(func(e *Element) error {
					if seen {
						return nil
					}
					seen = true
					if got := e.Type(); got != c.want {
						t.Errorf("chunks of %d: %s, want %s", chunk, got, c.want)
					}
					_, err := e.WriteTo(&b)
					return err
				})
				if (err != nil) != strings.HasSuffix(name, "cut") || err == nil && !strings.Contains(c.doc, b.String()) || b.Len() == 0 {
					t.Errorf("chunks of %d: %d bytes copied, %v", chunk, b.Len(), err)
				}
			}
		})
	}
}

func TestScanKeys(t *testing.T) {
	t.Parallel()
	for status, silent := range map[string]bool{"": true, "FINISHED_SUCCESSFULLY": true, "DONE": true, "RUNNING": false, "in_progress": false, "FAILED": false} {
		if got := (Scan{Status: status, Found: "-"}).Silent(); got != silent {
			t.Errorf("%q: silent %v", status, got)
		}
		if (Scan{Status: status}).Silent() {
			t.Errorf("%q of v1: silent", status)
		}
	}
	look := Scan{Timestamp: "t", Found: "1/2", Rules: 3}
	if v1 := scanOf("s", "t"); v1.Key() != "t" || look.Key() != "t 1/2 3" {
		t.Errorf("keys %q, %q", v1.Key(), look.Key())
	}
	for name, c := range map[string]struct {
		read Scan
		want bool
	}{
		"the same": {look, true}, "all objects": {Scan{Timestamp: "t", Found: "1/2", Rules: 4}, true},
		"fewer": {Scan{Timestamp: "t", Found: "1/2", Rules: 2}, false}, "another": {Scan{Timestamp: "u", Found: "1/2", Rules: 3}, false},
		"found more": {Scan{Timestamp: "t", Found: "1/3", Rules: 3}, false},
	} {
		if look.Shows(c.read) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

// FuzzLatest looks for panics. A document that is taken for whole is JSON, and was
// copied to the last byte.
func FuzzLatest(f *testing.F) {
	for _, seed := range []string{
		scan7, ` {"createdTs":"2023-01-11T02:00:41Z","status":{"status":"X"},"scannedIssues":[{"affectedObjects":[{"moid":"m"}]},null]} `,
		`{"scannedIssues":{}}`, `[]`, `{"createdTs":1`, "{\"createdTs\":1,\"\xff\":\"\\ud800\"}", `<html>`, `{"createdTs":1}}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		value, err := dec.ReadValue()
		isScan := err == nil && value.Kind() == '{'
		if isScan {
			isScan = false
			eachMember(value.Clone(), func(name string, _ jsontext.Value) { isScan = isScan || name == "createdTs" || name == "scannedIssues" })
			if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
				isScan = false
			}
		}
		for _, chunk := range []int{1, chunkSize} {
			body, _, err := readLatest(bytes.NewReader(doc), chunk)
			if isScan != (err == nil) {
				t.Fatalf("%v, but the document is a scan: %v\n%q", err, isScan, doc)
			}
			if err == nil && body != string(doc) {
				t.Fatalf("%q was copied as %q", doc, body)
			}
		}
	})
}
