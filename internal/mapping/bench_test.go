package mapping_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
)

// value is what objects have as evidence.
const value = "on"

// failing returns a document with failed rules, each with so many objects.
func failing(rules, objects int, value string) string {
	var listed []string
	for o := range objects {
		listed = append(listed, object(fmt.Sprintf("host-%d", o), `{"description":"Service TSM-SSH policy","value":"`+value+`"}`))
	}
	list := strings.Join(listed, ",")
	var issues []string
	for i := range rules {
		issues = append(issues, issue(fmt.Sprintf("CIS-%d", i), "CIS", "Critical", "FAIL", objects, list))
	}
	return raw("s-1", "VCENTER", strings.Join(issues, ","))
}

// pass maps a document, and returns the events and their bytes.
func pass(t testing.TB, m *mapping.Mapper, text string) (events, size int64) {
	t.Helper()
	open := func() (*mapping.Document, func() error, error) {
		d, err := mapping.Open(strings.NewReader(text))
		return d, func() error { return nil }, err
	}
	d, _, err := open()
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.Map(mapping.Input{Document: d, ScanID: scanID, Now: at, Reopen: open, Emit: func(e []byte) error { size += int64(len(e)); events++; return nil }})
	if err != nil || res.Mapped != events+res.Skipped {
		t.Fatalf("%d events, %+v, %v", events, res, err)
	}
	return events, size
}

// BenchmarkMap decodes, maps and encodes 20,000 findings, and 100,000 of one
// rule, which are streamed after a survey. Its MB/s are those of the output.
func BenchmarkMap(b *testing.B) {
	for name, text := range map[string]string{"200 rules": failing(200, 100, value), "one rule": failing(1, 100_000, value)} {
		b.Run(name, func(b *testing.B) {
			m := mapping.New(settings(nil))
			var events, size int64
			b.ReportAllocs()
			for b.Loop() {
				events, size = pass(b, m, text)
			}
			b.SetBytes(size)
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(size)/float64(events), "bytes/event")
		})
	}
}

// BenchmarkDecode reads 20,000 findings, all of which the settings leave out. Its MB/s
// are those of the input.
func BenchmarkDecode(b *testing.B) {
	text, s := failing(200, 100, value), settings(nil)
	s.IncludeResults = nil
	m := mapping.New(s)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		pass(b, m, text)
	}
}

// BenchmarkExtra looks for the objects of 20,000 findings in the second reading.
func BenchmarkExtra(b *testing.B) {
	text, s := failing(200, 100, value), settings(nil)
	s.Coverage = "object"
	m := mapping.New(s)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := mapping.Open(strings.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Extra(mapping.Input{Document: d, ScanID: scanID, Now: at, Emit: func(e []byte) error { _, err := io.Discard.Write(e); return err }}, "k", true); err != nil {
			b.Fatal(err)
		}
	}
}

// Memory is allocated per rule and per document, not per finding.
func TestMapDoesNotAllocatePerFinding(t *testing.T) {
	m := mapping.New(settings(nil))
	for name, c := range map[string]struct {
		rules, few, many int
		value            string
	}{
		"many rules":       {20, 50, 100, value},
		"objects held":     {1, 1000, 2000, value},
		"objects streamed": {1, 2000, 3000, strings.Repeat("x", 2900)}, // over 4 MiB of texts
	} {
		allocations := func(objects int) float64 {
			text := failing(c.rules, objects, c.value)
			return testing.AllocsPerRun(1, func() { pass(t, m, text) })
		}
		if per := (allocations(c.many) - allocations(c.few)) / float64(c.rules*(c.many-c.few)); per > 0.1 {
			t.Errorf("%s: %.3f allocations per finding", name, per)
		}
	}
}
