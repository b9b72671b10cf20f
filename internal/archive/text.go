package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"runecast-ingest/internal/fault"
)

// Text returns a reader of a document as UTF-8, for documents that people have saved
// with their own programs. It leaves out the byte-order mark that Windows
// programs write, and converts UTF-16, which Windows PowerShell writes, with the mark
// or without. UTF-32 is a fault of class Reject.
func Text(r io.Reader) (io.Reader, error) {
	plain := bufio.NewReaderSize(r, 1<<16)
	start, err := plain.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	begins := func(bytes ...byte) bool {
		return len(start) >= len(bytes) && string(start[:len(bytes)]) == string(bytes)
	}
	little, big := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	mark := 0
	var order binary.ByteOrder
	switch {
	case begins(0xff, 0xfe, 0, 0), begins(0, 0, 0xfe, 0xff):
		return nil, &fault.Error{Class: fault.Reject, What: "the document is text in UTF-32", Cure: "save it as UTF-8, and upload it again"}
	case begins(0xef, 0xbb, 0xbf):
		mark = 3
	case begins(0xff, 0xfe):
		mark, order = 2, little
	case begins(0xfe, 0xff):
		mark, order = 2, big
	case begins('{', 0), begins('[', 0), begins('<', 0), begins('\r', 0), begins(' ', 0):
		order = little
	case begins(0, '{'), begins(0, '['), begins(0, '<'), begins(0, '\r'), begins(0, ' '):
		order = big
	}
	if _, err := plain.Discard(mark); err != nil {
		return nil, err
	}
	if order == nil {
		return plain, nil
	}
	return &wide{from: plain, order: order}, nil
}

// wide turns UTF-16 into UTF-8.
type wide struct {
	from  *bufio.Reader
	order binary.ByteOrder
	// left are the bytes of the last character that did not fit into p of Read; they
	// lie in room.
	left []byte
	room [utf8.UTFMax]byte
	err  error // for Read, as soon as left is empty
}

func (w *wide) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(w.left) == 0 {
			var r rune
			if w.err == nil {
				r, w.err = w.next()
			}
			if w.err != nil {
				return n, w.err
			}
			w.left = utf8.AppendRune(w.room[:0], r)
		}
		taken := copy(p[n:], w.left)
		n, w.left = n+taken, w.left[taken:]
	}
	return n, nil
}

// next reads a character; half of a surrogate pair becomes U+FFFD.
func (w *wide) next() (rune, error) {
	first, err := w.unit()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	pair, err := w.from.Peek(2)
	if err != nil {
		return utf8.RuneError, nil //nolint:nilerr // the document ends with half a character
	}
	r := utf16.DecodeRune(first, rune(w.order.Uint16(pair)))
	if r != utf8.RuneError {
		_, err = w.from.Discard(len(pair))
	}
	return r, err
}

// unit reads one unit of UTF-16: two bytes.
func (w *wide) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(w.from, b[:]); err != nil {
		return 0, err // half a unit is an unexpected end
	}
	return rune(w.order.Uint16(b[:])), nil
}
