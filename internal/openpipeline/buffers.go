package openpipeline

import "sync"

// blockSize is the size of one block of a batch's memory, in bytes.
const blockSize = 256 << 10

// Buffers keeps the memory of batches for reuse, so that no more memory is allocated
// than was in use at one time. It is safe for concurrent use.
type Buffers struct {
	mu      sync.Mutex
	batches []*Batch
	blocks  [][]byte
	// mostBatches and mostBlocks are how many of each are kept at most.
	mostBatches, mostBlocks int
}

// NewBuffers returns buffers that keep at most count batches of a number of bytes each.
// Memory beyond that is left to the garbage collector when it is released.
func NewBuffers(count, bytes int) *Buffers {
	return &Buffers{mostBatches: count, mostBlocks: count * (bytes/blockSize + 1)}
}

// take returns an empty batch, a used one if there is one.
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

// block adds a block to a batch, with room for at least so many bytes, and returns the
// block, which is empty.
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

// free returns an empty block of blockSize, a used one if there is one.
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

// Release takes a batch's memory back. Nobody may read the batch, or a half of it, any
// more.
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
