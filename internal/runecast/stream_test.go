package runecast

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
)

// endless produces a results document of about size bytes with one element
// and one issue of very many objects.
func endless(size int) io.Reader {
	object := `{"vcUid":"44c4a75d-4430-4953-90e0-481747a41c6c","moid":"host-81","name":"earth.solar.system","type":"HostSystem","resultValues":[{"description":"ESXi build","value":"13006603"}]},`
	return io.MultiReader(
		strings.NewReader(`{"results":[{"uid":"a","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2023-01-11T02:00:41.000Z"},"issues":[{"id":"1","type":"CIS","status":"FAIL","products":[{"name":"vSphere"}],"affectedObjects":[`),
		&repeated{text: object, left: size},
		strings.NewReader(`{}]}]}]}`),
	)
}

type repeated struct {
	text string
	left int
	pos  int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left <= 0 && r.pos == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && (r.left > 0 || r.pos > 0) {
		k := copy(p[n:], r.text[r.pos:])
		n, r.pos, r.left = n+k, (r.pos+k)%len(r.text), r.left-k
	}
	return n, nil
}

// endlessLatest is the same as a document of v2.
func endlessLatest(size int) io.Reader {
	return io.MultiReader(
		strings.NewReader(`{"scannedIssues":[{"issue":{"type":"CIS","products":[{"name":"vSphere"}]},"status":"FAIL","affectedObjects":[`),
		&repeated{text: `{"vcUid":"44c4a75d-4430-4953-90e0-481747a41c6c","moid":"host-81","name":"earth.solar.system","type":"HostSystem","resultValues":[{"description":"ESXi build","value":"13006603"}]},`, left: size},
		strings.NewReader(`{}]}],"createdTs":1673402441000}`),
	)
}

func TestMemoryIsBounded(t *testing.T) { // alone: it measures the heap
	const size = 32 << 20
	t.Run("v1", func(t *testing.T) {
		memoryIsBounded(t, size, func(visit func(*Element) error) error { return ReadV1(endless(size), nil, visit) })
	})
	t.Run("v2", func(t *testing.T) {
		memoryIsBounded(t, size, func(visit func(*Element) error) error {
			return newResults(endlessLatest(size), chunkSize).v2("7", visit)
		})
	})
}

func memoryIsBounded(t *testing.T, size int, read func(func(*Element) error) error) {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	written := 0
	err := read(func(e *Element) error {
		if e.Type() != TypeVCenter {
			t.Errorf("type %s", e.Type())
		}
		_, err := e.WriteTo(writerFunc(func(p []byte) (int, error) {
			if written += len(p); written%(1<<20) < len(p) {
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
			return len(p), nil
		}))
		return err
	})
	if err != nil || written < size {
		t.Fatalf("%d bytes written, %v", written, err)
	}
	if peak > 1<<20 {
		t.Errorf("the heap grew by %d bytes while %d passed", peak, size)
	}
}

func BenchmarkSplit(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		if err := ReadV1(endless(size), nil, func(e *Element) error { _, err := e.WriteTo(io.Discard); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLatest(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		if err := newResults(endlessLatest(size), chunkSize).v2("7", func(e *Element) error { _, err := e.WriteTo(io.Discard); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssues reads checks without objects, as passed ones are.
func BenchmarkIssues(b *testing.B) {
	const size = 64 << 20
	issue := `{"id":123456,"issueDisplayId":"CIS-1.2.3","type":"CIS","severity":"Critical","title":"Ensure that the service is disabled unless it is needed","url":"https://kb.example.com/articles/123456","products":[{"name":"vSphere"}],"appliesTo":"HostSystem","status":"PASS","affectedObjectsCount":0,"affectedObjects":[]},`
	b.SetBytes(size)
	for b.Loop() {
		doc := io.MultiReader(strings.NewReader(`{"results":[{"uid":"a","issues":[`), &repeated{text: issue, left: size}, strings.NewReader(`{}]}]}`))
		if err := ReadV1(doc, nil, func(e *Element) error { _, err := e.WriteTo(io.Discard); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

// A list that is longer than what is held at once is no list that was cut: the appliance
// is not to blame for a restart.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	long := func(entry string) io.Reader {
		return strings.NewReader("[" + strings.Repeat(entry+",", 9<<20/len(entry)) + entry + "]")
	}
	for name, decode := range map[string]func() error{
		"vCenters":   func() error { _, err := DecodeVCenters(long(`{"uid":"a","address":"b"}`)); return err },
		"ecosystems": func() error { _, err := DecodeEcosystems(long(`{"id":1,"name":"b"}`)); return err },
		"licences":   func() error { _, err := DecodeLicences(long(`{"name":"b"}`)); return err },
		"analyzers":  func() error { _, err := DecodeInfo(long(`{"name":"b"}`)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := decode(); fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "over 8 MiB") {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
}
