package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
)

// BenchmarkMap maps 200 failed rules of 100 objects each; MB/s is of output.
func BenchmarkMap(b *testing.B) {
	var issues []string
	for i := range 200 {
		var objects []string
		for o := range 100 {
			objects = append(objects, object(fmt.Sprintf("host-%d", o), `{"description":"Service TSM-SSH policy","value":"on"}`))
		}
		issues = append(issues, issue(fmt.Sprintf("CIS-%d", i), "CIS", "Critical", "FAIL", len(objects), objects...))
	}
	text := raw("s-1", "VCENTER", strings.Join(issues, ","))
	m := mapping.New(settings(nil))
	var out, events int64
	b.ReportAllocs()
	for b.Loop() {
		out, events = 0, 0
		d, err := mapping.Open(strings.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Map(mapping.Input{Document: d, ScanID: scanID, Now: at, Emit: func(e []byte) error { out += int64(len(e)); events++; return nil }}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(out)
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(out)/float64(events), "bytes/event")
}
