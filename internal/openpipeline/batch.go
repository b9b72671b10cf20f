package openpipeline

import "sync/atomic"

// Batch is a body: a JSON array of consecutive events.
type Batch struct {
	// Body is the array, ready to be sent.
	Body []byte
	// From and To are the indexes of the events, [From, To).
	From, To int64
	// ends are the offsets in Body behind each event.
	ends []int
}

// Event returns the event of an index, From ≤ index < To.
func (b *Batch) Event(index int64) []byte {
	begin, i := len("["), int(index-b.From)
	if i > 0 {
		begin = b.ends[i-1] + len(",")
	}
	return b.Body[begin:b.ends[i]]
}

// Halves splits a batch of two events at least into two, of about the same
// number of events, in memory of their own.
func (b *Batch) Halves() [2]*Batch {
	middle := b.From + (b.To-b.From)/2
	cut := b.ends[middle-b.From-1]
	first := &Batch{From: b.From, To: middle, ends: b.ends[:middle-b.From]}
	first.Body = append(append(first.Body, b.Body[:cut]...), ']')
	second := &Batch{From: middle, To: b.To}
	second.Body = append(append(second.Body, '['), b.Body[cut+len(","):]...)
	for _, end := range b.ends[middle-b.From:] {
		second.ends = append(second.ends, end-cut)
	}
	return [2]*Batch{first, second}
}

// Single is a batch of one event.
func Single(index int64, event []byte) *Batch {
	b := &Batch{From: index, To: index + 1, ends: []int{len("[") + len(event)}}
	b.Body = append(append(append(b.Body, '['), event...), ']')
	return b
}

// Buffers keeps the memory of batches for reuse, so that it is bounded by the
// most batches that were in use at a time. It is safe for concurrent use.
type Buffers struct {
	free  chan *Batch
	bytes int
}

// NewBuffers makes buffers of a number of bytes, of which it keeps at most count.
func NewBuffers(count, bytes int) *Buffers {
	return &Buffers{free: make(chan *Batch, count), bytes: bytes}
}

func (b *Buffers) take() *Batch {
	select {
	case used := <-b.free:
		return used
	default:
		return &Batch{Body: make([]byte, 0, b.bytes)}
	}
}

// Release takes a batch's memory back.
func (b *Buffers) Release(batch *Batch) {
	select {
	case b.free <- batch:
	default:
	}
}

// Batcher packs events into bodies of at most a number of bytes. An event that
// is larger than a body goes alone. It is not safe for concurrent use.
type Batcher struct {
	max     atomic.Int64
	full    func(*Batch) error
	buffers *Buffers
	batch   *Batch
}

// NewBatcher makes a batcher that hands each full batch to full, which gives it
// back to the buffers.
func NewBatcher(maxBytes int, buffers *Buffers, full func(*Batch) error) *Batcher {
	b := &Batcher{full: full, buffers: buffers}
	b.max.Store(int64(maxBytes))
	return b
}

// Room is memory for the next event: one that is written into it Add need not
// copy. It is empty, of any capacity, and valid until Add.
func (b *Batcher) Room() []byte {
	if b.batch == nil {
		return nil
	}
	body := b.batch.Body
	begin := min(len(body)+len(","), cap(body))
	return body[begin:begin]
}

// Add packs the event of this index; a gap in the indexes begins a new batch.
func (b *Batcher) Add(index int64, event []byte) error {
	if b.batch != nil && (index != b.batch.To || int64(len(b.batch.Body)+len(event)+len(",]")) > b.max.Load()) {
		if err := b.Flush(); err != nil {
			return err
		}
	}
	if b.batch == nil {
		b.batch = b.buffers.take()
		b.batch.Body, b.batch.From, b.batch.ends = append(b.batch.Body[:0], '['), index, b.batch.ends[:0]
	} else {
		b.batch.Body = append(b.batch.Body, ',')
	}
	if !b.batch.holds(event) {
		b.batch.Body = append(b.batch.Body, event...)
	}
	b.batch.To = index + 1
	b.batch.ends = append(b.batch.ends, len(b.batch.Body))
	return nil
}

// holds takes in an event that was written into the room behind the body; false:
// it is elsewhere.
func (b *Batch) holds(event []byte) bool {
	begin, end := len(b.Body), len(b.Body)+len(event)
	if len(event) == 0 || end > cap(b.Body) || &b.Body[:end][begin] != &event[0] {
		return false
	}
	b.Body = b.Body[:end]
	return true
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
	full.Body = append(full.Body, ']')
	return b.full(full)
}
