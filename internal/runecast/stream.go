package runecast

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"runecast-ingest/internal/fault"
)

const (
	// chunkSize is read from the network, and written to a sink, at once.
	chunkSize = 64 << 10
	// aheadSize bounds what is looked at before it is read.
	aheadSize = 256 << 10
	// maxValue bounds one string or number: the decoder must hold it whole.
	maxValue = 16 << 20
)

// tap hands a stream to the decoder and copies the part between begin and end
// to a sink, verbatim and without holding it. It rests on one property of the
// decoder: it asks for more bytes only while the token that it works on is
// incomplete. So at every refill all earlier bytes lie before that token's
// end, and while a capture goes on they belong to it.
type tap struct {
	src   io.Reader
	chunk []byte // last bytes from src
	given int    // of chunk, handed to the decoder
	base  int64  // offset of chunk in the stream
	err   error  // of src; sticky

	consumed int64 // offset up to which the decoder has returned tokens

	sink    io.Writer // nil: no capture
	from    int       // in chunk: what comes before is copied, or no part of the capture
	sinkErr error
}

func newTap(src io.Reader, size int) *tap { return &tap{src: src, chunk: make([]byte, 0, size)} }

// Read is the decoder's side.
func (t *tap) Read(p []byte) (int, error) {
	if t.given == len(t.chunk) {
		if err := t.refill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.chunk[t.given:])
	t.given += n
	return n, nil
}

func (t *tap) refill() error {
	t.copyTo(len(t.chunk))
	if t.err != nil {
		return t.err
	}
	if t.base+int64(len(t.chunk))-t.consumed > maxValue {
		t.err = &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the answer holds a single text over %d MiB", maxValue>>20),
			Cure: "look for the object with that text in the appliance, and filter it out there"}
		return t.err
	}
	t.base += int64(len(t.chunk))
	n := 0
	for n < cap(t.chunk) && t.err == nil { // full chunks: the decoder looks at a long text again with each one
		var k int
		k, t.err = t.src.Read(t.chunk[n:cap(t.chunk)])
		n += k
	}
	t.chunk, t.given, t.from = t.chunk[:n], 0, 0
	if n == 0 {
		return t.err
	}
	return nil
}

// begin starts a capture at an offset within the current chunk.
func (t *tap) begin(offset int64, sink io.Writer) {
	t.sink, t.sinkErr, t.from = sink, nil, int(offset-t.base)
}

// redirect copies what follows to another sink; nil drops it.
func (t *tap) redirect(sink io.Writer) { t.sink, t.sinkErr = sink, nil }

// end finishes a capture at an offset within the current chunk.
func (t *tap) end(offset int64) {
	t.copyTo(int(offset - t.base))
	t.sink = nil
}

// copyTo passes chunk[from:to] to the sink. After a failed write nothing is
// written any more, while the stream goes on.
func (t *tap) copyTo(to int) {
	if t.sink != nil && t.sinkErr == nil && to > t.from {
		_, t.sinkErr = t.sink.Write(t.chunk[t.from:to])
	}
	t.from = to
}

// ahead shows what follows an offset within the current chunk, without reading
// it: what is left of the chunk, and up to 256 KiB more. What a broken stream
// cannot show is missing.
func (t *tap) ahead(offset int64) io.Reader {
	left := bytes.NewReader(t.chunk[max(0, offset-t.base):])
	if t.err != nil {
		return left
	}
	buffered, ok := t.src.(*bufio.Reader)
	if !ok {
		buffered = bufio.NewReaderSize(t.src, aheadSize)
		t.src = buffered
	}
	more, _ := buffered.Peek(aheadSize)
	return io.MultiReader(left, bytes.NewReader(more))
}
