package openpipeline

// Batch is a body: a JSON array of consecutive events.
type Batch struct {
	// Body is the array, ready to be sent.
	Body []byte
	// From and To are the indexes of the events, [From, To).
	From, To int64
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
	max     int
	full    func(*Batch) error
	buffers *Buffers
	batch   *Batch
}

// NewBatcher makes a batcher that hands each full batch to full, which gives it
// back to the buffers.
func NewBatcher(maxBytes int, buffers *Buffers, full func(*Batch) error) *Batcher {
	return &Batcher{max: maxBytes, full: full, buffers: buffers}
}

// Add packs the event of this index; a gap in the indexes begins a new batch.
func (b *Batcher) Add(index int64, event []byte) error {
	if b.batch != nil && (index != b.batch.To || len(b.batch.Body)+len(event)+len(",]") > b.max) {
		if err := b.Flush(); err != nil {
			return err
		}
	}
	if b.batch == nil {
		b.batch = b.buffers.take()
		b.batch.Body, b.batch.From = append(b.batch.Body[:0], '['), index
	} else {
		b.batch.Body = append(b.batch.Body, ',')
	}
	b.batch.Body = append(b.batch.Body, event...)
	b.batch.To = index + 1
	return nil
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
