package openpipeline

import (
	"io"
	"sync/atomic"
)

// Batch is a body: a JSON array of consecutive events. The part that several events
// share is stored once. It is put before each event's own part when the body is read.
type Batch struct {
	// From and To are the indexes of the events, [From, To).
	From, To int64

	// blocks are the memory that holds the texts to which shared and events point.
	blocks [][]byte
	shared []place
	events []event
	// size is the size of the body without its last bracket, in bytes.
	size int
}

// place is where a text lies in the memory of a batch: bytes [from, to) of a block.
type place struct{ block, from, to uint32 }

// event is an event of a batch: where its own part lies, and the number of the shared
// part that stands before it, counted from 1; 0: there is none.
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

// Len returns the length of the body, in bytes.
func (b *Batch) Len() int { return b.size + len("]") }

// Event returns a copy of the event of an index, From ≤ index < To.
func (b *Batch) Event(index int64) []byte {
	e := &b.events[index-b.From]
	return append(append([]byte(nil), b.sharedOf(e)...), b.at(e.own)...)
}

// Halves splits a batch of at least two events into two of about the same number of
// events. Both use the memory of b, which must not be released before they are sent.
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

// Of returns a batch of events, the first of which has this index. It keeps the slices.
func Of(index int64, events ...[]byte) *Batch {
	b := &Batch{From: index, To: index + int64(len(events))}
	for i, e := range events {
		b.blocks = append(b.blocks, e)
		b.add(0, place{uint32(i), 0, uint32(len(e))}, len(e))
	}
	return b
}

// add adds an event of so many bytes: its shared part and its own.
func (b *Batch) add(shared uint32, own place, size int) {
	b.events = append(b.events, event{own, shared})
	b.size += len("[") + size // or a comma
}

// content reads a batch as the body of a request.
type content struct {
	b    *Batch
	left []byte // of the part that is being read
	next int    // index in b.events of the event whose parts come next
	part int    // of that event, the part that was begun last: 1 separator, 2 shared part
}

func (b *Batch) content() *content { return &content{b: b} }

// Len returns the length of the whole body, in bytes, also after reads.
func (c *content) Len() int { return c.b.Len() }

// Read fills p, unless the body ends.
func (c *content) Read(p []byte) (n int, err error) {
	for {
		taken := copy(p[n:], c.left)
		c.left = c.left[taken:]
		if n += taken; n == len(p) {
			return n, nil
		}
		if !c.advance() {
			return n, io.EOF
		}
	}
}

// advance moves to the next part, and reports whether there is one.
func (c *content) advance() bool {
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

// separator holds the byte before the first event, and the byte before each later one.
var separator = []byte("[,")

// Batcher packs events into bodies of at most a number of bytes. A larger event gets a
// body of its own. Only Limit and Shrink are safe for concurrent use.
type Batcher struct {
	max     atomic.Int64
	full    func(*Batch) error
	buffers *Buffers
	batch   *Batch
	// shared is the part before every event's own part; known is its number in the
	// batch, as event.shared has it, 0: the batch does not hold it yet.
	shared []byte
	known  uint32
	// usual is how much memory an event's own part is likely to need, in bytes.
	usual int
	spare []byte
}

// NewBatcher returns a batcher of bodies of at most maxBytes. It hands each full batch
// to full, which gives the batch back by Buffers.Release. An error of full is returned
// by Add or Flush.
func NewBatcher(maxBytes int, buffers *Buffers, full func(*Batch) error) *Batcher {
	b := &Batcher{full: full, buffers: buffers}
	b.max.Store(int64(maxBytes))
	return b
}

// Share sets the part that stands before the own part of every event added from now on.
// The caller must not change it until the next call of Share.
func (b *Batcher) Share(shared []byte) { b.shared, b.known = shared, 0 }

// Room returns memory for the next event's own part: Add does not copy what is written
// there. The slice has the length 0 and any capacity, and is valid until Add.
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

// Add packs the event of this index: the shared part and then its own part. After a gap
// in the indexes it begins a new batch. The caller may reuse own afterwards.
func (b *Batcher) Add(index int64, own []byte) error {
	size := len(b.shared) + len(own)
	if b.batch != nil && (index != b.batch.To || int64(b.batch.size+size+len(",]")) > b.max.Load()) {
		b.spare = append(b.spare[:0], own...) // own may lie in memory that Flush gives away
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

// put copies a text into the memory of the batch, unless it was written into Room, and
// returns where it lies.
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

// Limit returns the limit of a body of several events, in bytes.
func (b *Batcher) Limit() int { return int(b.max.Load()) }

// Shrink lowers the limit of later batches to maxBytes; it never raises it.
func (b *Batcher) Shrink(maxBytes int) {
	for old := b.max.Load(); int64(maxBytes) < old && !b.max.CompareAndSwap(old, int64(maxBytes)); old = b.max.Load() {
	}
}

// Flush hands the batch that is being packed to full, if there is one.
func (b *Batcher) Flush() error {
	full := b.batch
	if full == nil {
		return nil
	}
	b.batch = nil
	return b.full(full)
}
