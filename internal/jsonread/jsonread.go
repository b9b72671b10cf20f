// Package jsonread reads one JSON document from front to back, in one pass over
// its bytes and without copying them: the bytes that it returns lie in its own
// buffer. It promises to accept every document of RFC 8259 that is nested at most
// 10,000 deep, and to refuse everything else, with three exceptions that appliances
// may send: members that are there twice, bytes in texts that are not UTF-8, and
// escaped halves of characters. A fuzz target compares it with a general decoder.
//
// It holds one text or number at a time, and what ReadValue and Pin ask it to hold.
// It asks its source for more bytes only while the token that it works on is
// incomplete, or for Ahead.
package jsonread

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is the kind of a token, named by the token's first byte: n, f, t, a quote,
// 0 for any number, or one of {}[]. The zero Kind is no token.
type Kind byte

const (
	firstBuffer = 4 << 10
	fullBuffer  = 64 << 10
	// maxDepth is how deep arrays and objects may be nested.
	maxDepth = 10_000
)

// level says where the next token stands. A container is an object or an array.
type level byte

const (
	outside  level = iota // in no container
	inArray               // before an element
	inObject              // before a member's name
	inValue               // before a member's value
)

// Reader reads one document. The bytes that it returns are valid until the next
// call. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	err error // of src; sticky
	buf []byte
	// base is the offset of buf in the document.
	base int64
	// last is the place in buf behind the last token. at is the place where the next
	// token begins, if peeked.
	last, at int
	peeked   bool
	// pinned: the bytes from pin on stay in the buffer.
	pinned bool
	pin    int

	level level
	outer []level // of the containers around
	// separator is the comma or colon that must stand before the next token, unless
	// that token ends a container; zero: none must.
	separator byte
}

// New makes a reader of the document in src.
func New(src io.Reader) *Reader { return &Reader{src: src} }

// InputOffset returns the place behind the last token, in bytes from the beginning
// of the document.
func (r *Reader) InputOffset() int64 { return r.base + int64(r.last) }

// StackDepth returns how many arrays and objects are around the next token.
func (r *Reader) StackDepth() int { return len(r.outer) }

// PeekKind returns the kind of the next token without reading it. It returns zero if
// no token follows, or none that is valid: then the next read returns the error.
func (r *Reader) PeekKind() Kind {
	if !r.peeked && !r.near() && r.peek() != nil {
		return 0
	}
	return kindOf(r.buf[r.at])
}

// near finds the next token in the usual case: the token is in the buffer, without
// white space before it, and is a text, a bracket or a brace. It reports false in
// every other case, which is left to peek.
func (r *Reader) near() bool {
	i := r.last
	if i+1 >= len(r.buf) {
		return false
	}
	c := r.buf[i]
	if r.separator != 0 {
		if c != r.separator {
			if r.separator == ',' && r.closes(c) {
				r.at, r.peeked = i, true
			}
			return r.peeked
		}
		i++
		c = r.buf[i]
	}
	if c == '"' || (c == '{' || c == '[') && (r.separator == ':' || r.level == inArray) {
		r.at, r.peeked = i, true
	}
	return r.peeked
}

// ReadToken reads a token, or a name, and returns its kind. Where the source ends it
// returns io.EOF behind the document and io.ErrUnexpectedEOF within it; for bytes
// that are not JSON it returns a *jsontext.SyntacticError. Errors of the source come
// through.
func (r *Reader) ReadToken() (Kind, error) {
	kind := r.PeekKind()
	switch kind {
	case 0:
		return 0, r.peek()
	case '"':
		_, _, err := r.ReadString()
		return kind, err
	case '{', '[':
		return kind, r.enter(kind)
	case '}', ']':
		r.leave()
		return kind, nil
	}
	end, err := r.scalar(kind)
	if err != nil {
		return 0, err
	}
	r.passed(end)
	return kind, nil
}

// ReadString reads a text or a name, and returns it as it is written, without its
// quotes. plain reports whether the text says just that: it is ASCII and nothing in
// it is escaped. If it is not plain, AppendSaid decodes it. A value of another kind
// is an error.
func (r *Reader) ReadString() (text []byte, plain bool, err error) {
	begin := r.at
	if !r.peeked { // nearly always the text is in the buffer
		if begin = r.last; r.separator != 0 && begin < len(r.buf) && r.buf[begin] == r.separator {
			begin++
		}
		if begin == r.last && r.separator != 0 || begin >= len(r.buf) || r.buf[begin] != '"' {
			if r.PeekKind() == 0 {
				return nil, false, r.peek()
			}
			begin = r.at
		}
	}
	if r.buf[begin] != '"' {
		return nil, false, r.syntax(begin, "begins no text")
	}
	end := special(r.buf, begin+1)
	if end < len(r.buf) && r.buf[end] == '"' {
		r.passed(end + 1)
		return r.buf[begin+1 : end], true, nil
	}
	r.at, r.peeked = begin, true
	if end, plain, err = r.text(end); err != nil {
		return nil, false, err
	}
	text = r.buf[r.at+1 : end-1]
	r.passed(end)
	return text, plain, nil
}

// ReadValue reads a whole value, or a name, into memory, and returns it as it is
// written.
func (r *Reader) ReadValue() ([]byte, error) {
	switch r.PeekKind() {
	case 0:
		return nil, r.peek()
	case '}', ']':
		return nil, r.syntax(r.at, "begins no value")
	}
	begin := r.base + int64(r.at)
	pinned := r.pinned
	if !pinned {
		r.Pin()
	}
	err := r.Skip()
	if r.pinned = pinned; err != nil {
		return nil, err
	}
	return r.buf[begin-r.base : r.last], nil
}

// Skip passes over a value of any size, or a name, and holds one token of it at a
// time. It must not be called where an object or array ends.
func (r *Reader) Skip() error { return r.Leave(len(r.outer)) }

// Leave passes over tokens, one at least, until at most depth containers are around
// the next one.
func (r *Reader) Leave(depth int) error {
	for {
		if _, err := r.ReadToken(); err != nil {
			return err
		}
		if len(r.outer) <= depth {
			return nil
		}
	}
}

// NextName reads the name of the next member of the object that is being read;
// its value follows. False: the object has ended, or there is an error.
func (r *Reader) NextName() (name []byte, ok bool, err error) {
	if r.PeekKind() == '}' {
		r.leave()
		return nil, false, nil
	}
	name, err = r.ReadName()
	return name, err == nil, err
}

// ReadName reads a name, or a text, and returns what it says.
func (r *Reader) ReadName() ([]byte, error) {
	name, plain, err := r.ReadString()
	if err == nil && !plain {
		name = AppendSaid(nil, name)
	}
	return name, err
}

// Ahead returns the bytes of the document that are in the buffer, from the next
// token on. They are at least so many, unless the source ends or fails before, and
// may end within a token. There must be a next token, see PeekKind.
func (r *Reader) Ahead(least int) []byte {
	for len(r.buf)-r.at < least && r.err == nil {
		_, _ = r.more(r.at) // an error stays, and the next read returns it
	}
	return r.buf[r.at:]
}

// PassValue passes over the next value, which is n bytes long. The caller must have
// found in the bytes of Ahead that the first n are one whole value.
func (r *Reader) PassValue(n int) { r.passed(r.at + n) }

// Pin keeps the document in memory from the next token on, until Pinned is called.
// There must be a next token, see PeekKind.
func (r *Reader) Pin() { r.pinned, r.pin = true, r.at }

// Pinned returns what was read since Pin, as it is written, and ends the pinning.
func (r *Reader) Pinned() []byte {
	r.pinned = false
	return r.buf[r.pin:r.last]
}

// passed notes that the next token was read, which ends at end, and what may follow.
func (r *Reader) passed(end int) {
	r.last, r.peeked = end, false
	switch r.level {
	case inObject:
		r.level, r.separator = inValue, ':'
	case inValue:
		r.level, r.separator = inObject, ','
	case inArray:
		r.separator = ','
	}
}

// enter begins the container whose bracket or brace is the next token.
func (r *Reader) enter(kind Kind) error {
	if len(r.outer) == maxDepth {
		return r.syntax(r.at, "is nested too deep")
	}
	r.passed(r.at + 1)
	r.outer = append(r.outer, r.level)
	r.level, r.separator = inObject, 0
	if kind == '[' {
		r.level = inArray
	}
	return nil
}

// leave ends a container. The container around counts it as read since enter.
func (r *Reader) leave() {
	n := len(r.outer) - 1
	r.level, r.outer = r.outer[n], r.outer[:n]
	if r.separator = ','; r.level == outside {
		r.separator = 0
	}
	r.last, r.peeked = r.at+1, false
}

// peek finds the next token behind white space, a comma or a colon.
func (r *Reader) peek() error {
	i, err := r.space(r.last)
	if err != nil {
		return err
	}
	separated := r.separator != 0 && (r.separator == ':' || !r.closes(r.buf[i]))
	if separated {
		if r.buf[i] != r.separator {
			return r.syntax(i, "stands where a separator should")
		}
		if i, err = r.space(i + 1); err != nil {
			return err
		}
	}
	c := r.buf[i]
	switch kind := kindOf(c); {
	case kind == 0:
		return r.syntax(i, "begins no value")
	case kind == '}' || kind == ']':
		if separated || !r.closes(c) {
			return r.syntax(i, "begins no value")
		}
	case r.level == inObject && kind != '"':
		return r.syntax(i, "stands where a name should")
	}
	r.at, r.peeked = i, true
	return nil
}

// closes reports whether a byte ends the container that the next token is in.
func (r *Reader) closes(c byte) bool {
	return c == '}' && r.level == inObject || c == ']' && r.level == inArray
}

// space returns the place of the first byte from i on that is no white space. If the
// source ends before, it returns io.EOF outside of all containers, and
// io.ErrUnexpectedEOF within one.
func (r *Reader) space(i int) (int, error) {
	for {
		for ; i < len(r.buf); i++ {
			if c := r.buf[i]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				return i, nil
			}
		}
		var err error
		if i, err = r.more(i); err != nil {
			if len(r.outer) == 0 && errors.Is(err, io.ErrUnexpectedEOF) && r.err == io.EOF { //nolint:errorlint // of the source itself
				err = io.EOF
			}
			return i, err
		}
	}
}

// more reads further bytes from the source into the buffer, where a token is not
// complete or not begun. It drops the bytes that are not needed any more, and
// returns the place i as it is counted then.
func (r *Reader) more(i int) (int, error) {
	if r.err != nil {
		return i, r.broken()
	}
	from := r.last
	if r.pinned {
		from = min(from, r.pin)
	}
	size := cap(r.buf)
	switch {
	case size == 0:
		size = firstBuffer
	case len(r.buf)-from > size/2: // a long token, or much that is pinned
		size *= 2
	case size < fullBuffer && r.base > int64(size):
		size = fullBuffer
	}
	if size > cap(r.buf) {
		r.buf = append(make([]byte, 0, size), r.buf[from:]...)
	} else {
		r.buf = r.buf[:copy(r.buf, r.buf[from:])]
	}
	r.base += int64(from)
	r.last, r.at, r.pin, i = r.last-from, r.at-from, r.pin-from, i-from
	for r.err == nil {
		var n int
		n, r.err = r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		if r.buf = r.buf[:len(r.buf)+n]; n > 0 {
			return i, nil
		}
	}
	return i, r.broken()
}

// broken returns the source's error; if the source has ended, io.ErrUnexpectedEOF.
func (r *Reader) broken() error {
	if r.err == io.EOF { //nolint:errorlint // a reader's own end; any other error comes through
		return io.ErrUnexpectedEOF
	}
	return r.err
}

// syntax returns the error that the byte at i has no place there; what says why.
func (r *Reader) syntax(i int, what string) error {
	return &jsontext.SyntacticError{ByteOffset: r.base + int64(i), Err: fmt.Errorf("the byte %q %s", r.buf[i], what)}
}
