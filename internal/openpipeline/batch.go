package openpipeline

import (
	"io"
	"sync/atomic"
)

// Batch is a body: a JSON array of consecutive events. What events share is held
// once, and put before what each has of its own only when the body is read.
type Batch struct {
	// From and To are the indexes of the events, [From, To).
	From, To int64

	// blocks are the memory. shared and events lie there.
	blocks [][]byte
	shared []place
	events []event
	// size is that of the body without its last bracket.
	size int
}

// place is where something lies in the memory of a batch.
type place struct{ block, from, to uint32 }

// event is where its own part lies, and which of what is shared stands before;
// these are counted from 1, and 0 is nothing.
type event struct {
	own    place
	shared uint32
}

func (b *Batch) at(p place) []byte { return b.blocks[p.block][p.from:p.to] }

func (b *Batch) sharedOf(e *event) []byte {
	if e.shared == 0 {
		return nil
	}
	return b.at(b.shared[e.shared-1])
}

// Len is how long the body is, in bytes.
func (b *Batch) Len() int { return b.size + len("]") }

// Event makes the event of an index, From ≤ index < To.
func (b *Batch) Event(index int64) []byte {
	e := &b.events[index-b.From]
	return append(append([]byte(nil), b.sharedOf(e)...), b.at(e.own)...)
}

// Halves splits a batch of two events at least into two, of about the same
// number of events. Both lie in its memory.
func (b *Batch) Halves() [2]*Batch {
	half := func(from, to int64) *Batch {
		h := &Batch{From: from, To: to, blocks: b.blocks, shared: b.shared, events: b.events[from-b.From : to-b.From]}
		for i := range h.events {
			e := &h.events[i]
			h.size += len(",") + len(b.sharedOf(e)) + len(b.at(e.own))
		}
		return h
	}
	middle := b.From + (b.To-b.From)/2
	return [2]*Batch{half(b.From, middle), half(middle, b.To)}
}

// Of is a batch of events, the first of which has this index.
func Of(index int64, events ...[]byte) *Batch {
	b := &Batch{From: index, To: index + int64(len(events))}
	for i, e := range events {
		b.blocks = append(b.blocks, e)
		b.add(0, place{uint32(i), 0, uint32(len(e))}, len(e))
	}
	return b
}

// add takes in an event of so many bytes.
func (b *Batch) add(shared uint32, own place, size int) {
	b.events = append(b.events, event{own, shared})
	b.size += len("[") + size // or a comma
}

// content reads a body.
type content struct {
	b    *Batch
	left []byte // of what is being read
	next int    // the event that comes then
	part int    // of which this part comes: what is before it, what it shares, its own
}

func (b *Batch) content() *content { return &content{b: b} }

// Len is how long the body is, in bytes.
func (c *content) Len() int { return c.b.Len() }

// Read fills p, unless the body ends.
func (c *content) Read(p []byte) (n int, err error) {
	for {
		taken := copy(p[n:], c.left)
		c.left = c.left[taken:]
		if n += taken; n == len(p) {
			return n, nil
		}
		if !c.on() {
			return n, io.EOF
		}
	}
}

// on goes on to the next part; false: there is none.
func (c *content) on() bool {
	if c.next == len(c.b.events) {
		c.left = []byte{']'}
		c.next++
		return true
	}
	if c.next > len(c.b.events) {
		return false
	}
	e := &c.b.events[c.next]
	switch c.part++; c.part {
	case 1:
		c.left = separator[min(c.next, 1):][:1]
	case 2:
		c.left = c.b.sharedOf(e)
	default:
		c.left = c.b.at(e.own)
		c.next++
		c.part = 0
	}
	return true
}

// separator stands before the first event, and before each later one.
var separator = []byte("[,")

// Batcher packs events into bodies of at most a number of bytes. An event that
// is larger than a body goes alone. It is not safe for concurrent use.
type Batcher struct {
	max     atomic.Int64
	full    func(*Batch) error
	buffers *Buffers
	batch   *Batch
	// shared stands before every event; known is its place in the batch, as an
	// event has it.
	shared []byte
	known  uint32
	// usual is how much memory an event is likely to need.
	usual int
	spare []byte
}

// NewBatcher makes a batcher that hands each full batch to full, which gives it
// back to the buffers.
func NewBatcher(maxBytes int, buffers *Buffers, full func(*Batch) error) *Batcher {
	b := &Batcher{full: full, buffers: buffers}
	b.max.Store(int64(maxBytes))
	return b
}

// Share says what stands before every event that is added from now on. It must
// stay as it is until the next call.
func (b *Batcher) Share(shared []byte) { b.shared, b.known = shared, 0 }

// Room is memory for the next event: one that is written into it Add need not
// copy. It is empty, of any capacity, and valid until Add.
func (b *Batcher) Room() []byte {
	if b.batch == nil {
		return nil
	}
	if len(b.batch.blocks) > 0 {
		if last := b.batch.blocks[len(b.batch.blocks)-1]; cap(last)-len(last) >= b.usual {
			return last[len(last):]
		}
	}
	return b.buffers.block(b.batch, b.usual)
}

// Add packs the event of this index, what is shared and then its own part; a gap
// in the indexes begins a new batch.
func (b *Batcher) Add(index int64, own []byte) error {
	size := len(b.shared) + len(own)
	if b.batch != nil && (index != b.batch.To || int64(b.batch.size+size+len(",]")) > b.max.Load()) {
		b.spare = append(b.spare[:0], own...) // it may lie in memory that is given back
		own = b.spare
		if err := b.Flush(); err != nil {
			return err
		}
	}
	if b.batch == nil {
		b.batch = b.buffers.take()
		b.batch.From, b.known = index, 0
	}
	at := b.put(own)
	if b.known == 0 && len(b.shared) > 0 {
		b.batch.shared = append(b.batch.shared, b.put(b.shared))
		b.known = uint32(len(b.batch.shared))
	}
	b.batch.add(b.known, at, size)
	b.batch.To = index + 1
	b.usual = min(max(len(own)+len(own)/4, b.usual-b.usual/64), blockSize)
	return nil
}

// put returns where a text lies in the memory of the batch, where it is copied
// to unless it was written into the room there.
func (b *Batcher) put(text []byte) place {
	n := len(b.batch.blocks) - 1
	if n < 0 || cap(b.batch.blocks[n])-len(b.batch.blocks[n]) < len(text) {
		b.buffers.block(b.batch, len(text))
		n++
	}
	block := b.batch.blocks[n]
	begin, end := len(block), len(block)+len(text)
	if len(text) > 0 && &block[:end][begin] != &text[0] {
		copy(block[begin:end], text)
	}
	b.batch.blocks[n] = block[:end]
	return place{uint32(n), uint32(begin), uint32(end)}
}

// Limit is the most bytes of a body of several events.
func (b *Batcher) Limit() int { return int(b.max.Load()) }

// Shrink lowers the limit of later batches. It may be called from anywhere.
func (b *Batcher) Shrink(maxBytes int) {
	for old := b.max.Load(); int64(maxBytes) < old && !b.max.CompareAndSwap(old, int64(maxBytes)); old = b.max.Load() {
	}
}

// Flush hands on what is packed.
func (b *Batcher) Flush() error {
	full := b.batch
	if full == nil {
		return nil
	}
	b.batch = nil
	return b.full(full)
}
