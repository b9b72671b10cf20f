package openpipeline

import "sync"

// blockSize is how much memory a batch takes at once, in bytes.
const blockSize = 256 << 10

// Buffers keeps the memory of batches for reuse, so that it is bounded by the
// most that was in use at a time. It is safe for concurrent use.
type Buffers struct {
	mu      sync.Mutex
	batches []*Batch
	blocks  [][]byte
	// mostBatches and mostBlocks are kept.
	mostBatches, mostBlocks int
}

// NewBuffers makes buffers for at most count batches of a number of bytes. What
// more is given back they do not keep.
func NewBuffers(count, bytes int) *Buffers {
	return &Buffers{mostBatches: count, mostBlocks: count * (bytes/blockSize + 1)}
}

func (b *Buffers) take() *Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.batches) - 1
	if n < 0 {
		return new(Batch)
	}
	used := b.batches[n]
	b.batches = b.batches[:n]
	return used
}

// block gives a batch another block, which has room for a number of bytes, and
// returns that room.
func (b *Buffers) block(batch *Batch, least int) []byte {
	var block []byte
	if least > blockSize {
		block = make([]byte, 0, least)
	} else {
		block = b.free()
	}
	batch.blocks = append(batch.blocks, block)
	return block
}

func (b *Buffers) free() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.blocks) - 1
	if n < 0 {
		return make([]byte, 0, blockSize)
	}
	block := b.blocks[n]
	b.blocks = b.blocks[:n]
	return block
}

// Release takes a batch's memory back.
func (b *Buffers) Release(batch *Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, block := range batch.blocks {
		if cap(block) == blockSize && len(b.blocks) < b.mostBlocks {
			b.blocks = append(b.blocks, block[:0])
		}
	}
	if len(b.batches) < b.mostBatches {
		clear(batch.blocks)
		*batch = Batch{blocks: batch.blocks[:0], shared: batch.shared[:0], events: batch.events[:0]}
		b.batches = append(b.batches, batch)
	}
}
