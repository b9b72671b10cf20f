package appliance_test

import (
	"io"
	"os"
	"runtime"
	"testing"

	"runecast-ingest/internal/simulate/appliance"
)

// A large estate must pass through in small pieces. Not parallel: the heap is
// the whole process's.
func TestLargeEstateIsStreamed(t *testing.T) {
	a := newAppliance(t, appliance.Options{Findings: 80_000})
	m := measure(t, a.WriteResults)
	if m.bytes < 16<<20 {
		t.Fatalf("only %d bytes: the test shows nothing", m.bytes)
	}
	m.check(t)
}

// One issue with very many objects must be streamed as well, in both APIs.
func TestHugeIssueIsStreamed(t *testing.T) {
	a := newAppliance(t, appliance.Options{Findings: 280, HugeIssue: 60_000, API: appliance.APIv2})
	id := a.Systems()[0].V2ID
	for name, write := range map[string]func(io.Writer) error{
		"v1": a.WriteResults,
		"v2": func(w io.Writer) error { return a.WriteScan(w, id, true) },
	} {
		m := measure(t, write)
		if m.bytes < 8<<20 {
			t.Fatalf("%s: only %d bytes: the test shows nothing", name, m.bytes)
		}
		m.check(t)
	}
}

// A large saved document, compressed, must be streamed as well.
func TestLargeDocumentIsStreamed(t *testing.T) {
	large := newAppliance(t, appliance.Options{Findings: 80_000})
	path := saveFile(t, "results.json.gz", nil)
	packFile(t, path, large.WriteResults)

	var saved *appliance.Appliance
	opened := measure(t, func(io.Writer) error {
		var err error
		saved, err = appliance.New(appliance.Options{ResultsFile: path})
		return err
	})
	opened.check(t)
	served := measure(t, saved.WriteResults)
	if served.bytes < 16<<20 {
		t.Fatalf("only %d bytes: the test shows nothing", served.bytes)
	}
	served.check(t)
}

// measurement is what streaming a document took.
type measurement struct {
	bytes, largest int64  // of the document, and of the largest Write
	before, peak   uint64 // live heap, sampled
	sample         int64
}

func measure(t *testing.T, write func(io.Writer) error) *measurement {
	t.Helper()
	m := &measurement{}
	m.before = liveHeap()
	if err := write(m); err != nil {
		t.Fatal(err)
	}
	m.peak = max(m.peak, liveHeap())
	return m
}

func (m *measurement) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	m.largest = max(m.largest, int64(len(p)))
	if m.bytes-m.sample > 4<<20 {
		m.sample = m.bytes
		m.peak = max(m.peak, liveHeap())
	}
	return len(p), nil
}

func (m *measurement) check(t *testing.T) {
	t.Helper()
	const bound = 4 << 20
	if m.largest > 1<<20 {
		t.Errorf("one piece of %d bytes", m.largest)
	}
	if m.peak > m.before+bound {
		t.Errorf("the heap grows from %d to %d bytes, by more than %d", m.before, m.peak, bound)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}
