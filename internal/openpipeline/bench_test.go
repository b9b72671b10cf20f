package openpipeline

import (
	"bytes"
	"testing"
)

// BenchmarkBatch packs events of a usual size into bodies.
func BenchmarkBatch(b *testing.B) {
	event := bytes.Repeat([]byte("x"), 2460)
	buffers := NewBuffers(5, 9_500_000)
	batcher := NewBatcher(9_500_000, buffers, func(full *Batch) error { buffers.Release(full); return nil })
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	index := int64(0)
	for b.Loop() {
		if err := batcher.Add(index, event); err != nil {
			b.Fatal(err)
		}
		index++
	}
}

func TestBatchesDoNotAllocate(t *testing.T) {
	event := bytes.Repeat([]byte("x"), 1000)
	buffers := NewBuffers(1, 10_000)
	batcher := NewBatcher(10_000, buffers, func(full *Batch) error { buffers.Release(full); return nil })
	index := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		for range 100 {
			if err := batcher.Add(index, event); err != nil {
				t.Fatal(err)
			}
			index++
		}
	}); n > 0 {
		t.Errorf("%v allocations per 100 events", n)
	}
}
