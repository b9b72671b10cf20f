package runecast

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"runecast-ingest/internal/fault"
)

const (
	// chunkSize is how many bytes are read from the network, and written to a sink,
	// at a time.
	chunkSize = 64 << 10
	// aheadSize bounds how far a look ahead goes, in bytes; see stream.ahead.
	aheadSize = 256 << 10
	// maxValue bounds one string or number, in bytes: the decoder must hold it whole.
	maxValue = 16 << 20
)

// stream parses an answer and copies a part of it at the same time: the part
// between begin and end goes to a sink, verbatim and without being held. That
// rests on one property of the decoder: it asks for more bytes only while the
// token that it works on is incomplete. So at every refill all earlier bytes lie
// before that token's end, and during a copy all of them belong to the copied part.
type stream struct {
	Walker
	src   io.Reader
	chunk []byte // last bytes from src
	given int    // how many bytes of chunk the decoder has taken
	base  int64  // offset of chunk in the stream
	err   error  // of src; sticky

	sink    io.Writer // nil: nothing is copied
	from    int       // place in chunk where the bytes begin that are still to be copied
	sinkErr error     // the sink's first error; nothing is written after it

	visitErr error // what a visitor returned
}

// newStream reads src in chunks of a size in bytes.
func newStream(src io.Reader, size int) *stream {
	s := &stream{src: src, chunk: make([]byte, 0, size)}
	s.Walker = NewWalker(chunks{s})
	return s
}

// chunks is the decoder's side of a stream.
type chunks struct{ *stream }

func (c chunks) Read(p []byte) (int, error) {
	s := c.stream
	if s.given == len(s.chunk) {
		if err := s.refill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.chunk[s.given:])
	s.given += n
	return n, nil
}

// refill copies the rest of the chunk to the sink, and reads the next chunk.
func (s *stream) refill() error {
	s.copyTo(len(s.chunk))
	if s.err != nil {
		return s.err
	}
	if s.base+int64(len(s.chunk))-s.InputOffset() > maxValue {
		s.err = &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the answer holds a single text over %d MiB", maxValue>>20),
			Cure: "look for the object with that text in the appliance, and filter it out there"}
		return s.err
	}
	s.base += int64(len(s.chunk))
	n := 0
	for n < cap(s.chunk) && s.err == nil { // full chunks: the decoder looks at a long text again with each one
		var k int
		k, s.err = s.src.Read(s.chunk[n:cap(s.chunk)])
		n += k
	}
	s.chunk, s.given, s.from = s.chunk[:n], 0, 0
	if n == 0 {
		return s.err
	}
	return nil
}

// begin starts a copy at an offset within the current chunk.
func (s *stream) begin(offset int64, sink io.Writer) {
	s.sink, s.sinkErr, s.from = sink, nil, int(offset-s.base)
}

// redirect copies the bytes that follow to another sink; nil: they are not copied.
func (s *stream) redirect(sink io.Writer) { s.sink, s.sinkErr = sink, nil }

// flush copies the bytes of the current chunk up to the end of the last token.
func (s *stream) flush() { s.copyTo(int(s.InputOffset() - s.base)) }

// end finishes a copy behind the last token.
func (s *stream) end() {
	s.flush()
	s.sink = nil
}

// copyTo writes chunk[from:to] to the sink. After a failed write nothing more is
// written, and the reading goes on.
func (s *stream) copyTo(to int) {
	if s.sink != nil && s.sinkErr == nil && to > s.from {
		_, s.sinkErr = s.sink.Write(s.chunk[s.from:to])
	}
	s.from = to
}

// ahead returns the bytes that follow the last token, without reading on: the rest
// of the current chunk, and up to 256 KiB more. If the source fails, bytes are
// missing at the end; the next read reports its error.
func (s *stream) ahead() io.Reader {
	left := bytes.NewReader(s.chunk[max(0, s.InputOffset()-s.base):])
	if s.err != nil {
		return left
	}
	buffered, ok := s.src.(*bufio.Reader)
	if !ok {
		buffered = bufio.NewReaderSize(s.src, aheadSize)
		s.src = buffered
	}
	more, _ := buffered.Peek(aheadSize)
	return io.MultiReader(left, bytes.NewReader(more))
}

// explain returns what an error means: a broken connection (the reader's own
// error), an answer that ends too early, an HTML page, or an answer that is not
// JSON. Errors of a visitor and of a sink come back as they are.
func (s *stream) explain(err error) error {
	_, named := errors.AsType[*fault.Error](err)
	switch {
	case err == nil || s.visitErr != nil || named:
		return err
	case s.sinkErr != nil && errors.Is(err, s.sinkErr):
		return err
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	case errors.Is(err, ErrFollowed):
		return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the answer goes on after its JSON document ended (byte %d)", s.InputOffset()), Cure: otherService}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &fault.Error{Class: fault.Retry, What: fmt.Sprintf("the answer was cut after %d bytes", s.base+int64(len(s.chunk))),
			Cure: "look whether the appliance, or something between, was restarted"}
	case s.base == 0 && bytes.HasPrefix(bytes.TrimLeft(s.chunk, " \t\r\n\ufeff"), []byte("<")):
		return NotJSON("text that begins like HTML")
	}
	return &fault.Error{Class: fault.Reject, What: "the answer is not valid JSON", Err: position(err), Cure: otherService}
}

// CopyDocument copies one JSON document of any size to dst, byte for byte. It
// returns nil only if src held one whole document and nothing but white space
// around it. Errors are those of dst and of src, and faults of class Retry for a
// document that is cut, of class Reject or Config for one that is not JSON.
func CopyDocument(dst io.Writer, src io.Reader) error {
	s := newStream(src, chunkSize)
	s.begin(0, dst)
	err := s.Skip()
	if err != nil {
		return s.explain(err)
	}
	if s.end(); s.sinkErr != nil {
		return s.sinkErr
	}
	return s.explain(s.End())
}

// limited is a buffer with a bound.
type limited struct {
	buf  *bytes.Buffer
	most int    // in bytes
	what string // what the buffer holds, for its error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > l.most {
		return 0, &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%s is over %d MiB", l.what, l.most>>20),
			Cure: "report the appliance's version to the maintainers of this function: its API differs from what is known"}
	}
	return l.buf.Write(p)
}

// counted counts the bytes that dst has taken.
type counted struct {
	dst io.Writer
	n   int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.dst.Write(p)
	c.n += int64(n)
	return n, err
}
