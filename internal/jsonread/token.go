package jsonread

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendSaid appends to dst what a text says; written is the text as it stands
// between its quotes, see ReadString. Bytes that are not UTF-8, and escaped halves
// of characters, become U+FFFD.
func AppendSaid(dst, written []byte) []byte {
	if bytes.IndexByte(written, '\\') < 0 && utf8.Valid(written) {
		return append(dst, written...)
	}
	dst, _ = jsontext.AppendUnquote(dst, slices.Concat([]byte{'"'}, written, []byte{'"'})) // its error says that bytes were replaced
	return dst
}

// kindOf returns the kind of token that a byte begins; zero: none.
func kindOf(c byte) Kind {
	// kinds has the kind for every byte up to }, the last one that begins a token.
	const kinds = "" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x000\x00\x00" +
		"0000000000\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00[\x00]\x00\x00" +
		"\x00\x00\x00\x00\x00\x00f\x00\x00\x00\x00\x00\x00\x00n\x00" +
		"\x00\x00\x00\x00t\x00\x00\x00\x00\x00\x00{\x00}"
	if int(c) >= len(kinds) {
		return 0
	}
	return Kind(kinds[c])
}

// text reads the rest of the text that is the next token. The bytes before i are
// read already, and are plain. It returns the place behind the closing quote.
func (r *Reader) text(i int) (end int, plain bool, err error) {
	for plain = true; ; {
		if i = special(r.buf, i); i == len(r.buf) {
			if i, err = r.more(i); err != nil {
				return i, false, err
			}
			continue
		}
		switch c := r.buf[i]; {
		case c == '"':
			return i + 1, plain, nil
		case c >= 0x80: // UTF-8 or not
			for i < len(r.buf) && r.buf[i] >= 0x80 {
				i++
			}
		case c == '\\':
			if i, err = r.escape(i + 1); err != nil {
				return i, false, err
			}
		default:
			return i, false, r.syntax(i, "must be escaped in a text")
		}
		plain = false
	}
}

// Plain returns where a text that begins at i stops being plain, see ReadString: the
// place of its closing quote, or of the first byte that is no ASCII, a control or a
// backslash; len(b) if there is none of these.
func Plain(b []byte, i int) int { return special(b, i) }

// special returns the place of the first byte from i on that is no ASCII, a control,
// a quote or a backslash; len(b) if there is none. It looks at eight bytes at a time.
func special(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b)-i >= 8; i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quotes, slashes := word^'"'*ones, word^'\\'*ones
		// Each subtraction sets the highest bit of a byte that is too small for it: one
		// below 0x20, or one that the XOR has made 0 (a quote, a backslash). A byte that
		// is no ASCII has that bit already. A subtraction may also borrow from the bytes
		// above, but never from those below: so the lowest byte that is found is right.
		if found := ((word - ' '*ones) | (quotes - ones) | (slashes - ones) | word) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < 0x80 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// escape passes over what follows a backslash, from i on, and returns where it ends.
func (r *Reader) escape(i int) (int, error) {
	i, err := r.reach(i)
	if err != nil {
		return i, err
	}
	switch r.buf[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, nil
	case 'u':
		i++
		for range 4 {
			if i, err = r.reach(i); err != nil {
				return i, err
			}
			if c := r.buf[i]; !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return i, r.syntax(i, "is no hexadecimal digit")
			}
			i++
		}
		return i, nil
	}
	return i, r.syntax(i, "cannot be escaped")
}

// reach makes sure that there is a byte at i, and returns its place, which changes if
// the buffer is filled again.
func (r *Reader) reach(i int) (int, error) {
	if i < len(r.buf) {
		return i, nil
	}
	return r.more(i)
}

// scalar reads the next token, a number, true, false or null, and returns where it ends.
func (r *Reader) scalar(kind Kind) (int, error) {
	switch kind {
	case 'n':
		return r.word("null")
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	}
	return r.number(r.at)
}

// word reads the rest of true, false or null, and returns where the word ends.
func (r *Reader) word(word string) (int, error) {
	i := r.at
	for _, c := range []byte(word) {
		var err error
		if i, err = r.reach(i); err != nil {
			return i, err
		}
		if r.buf[i] != c {
			return i, r.syntax(i, "is not of "+word)
		}
		i++
	}
	return i, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads [-] 0|1-9… [. …] [e [+|-] …] from i on, and returns where it ends.
func (r *Reader) number(i int) (int, error) {
	if r.buf[i] == '-' {
		i++
	}
	i, zero, err := r.next(i, "0")
	if err == nil && !zero {
		i, err = r.digits(i)
	}
	if err != nil {
		return i, err
	}
	i, fraction, err := r.next(i, ".")
	if err == nil && fraction {
		i, err = r.digits(i)
	}
	if err != nil {
		return i, err
	}
	i, exponent, err := r.next(i, "eE")
	if err == nil && exponent {
		if i, _, err = r.next(i, "+-"); err == nil {
			i, err = r.digits(i)
		}
	}
	return i, err
}

// next passes over the byte at i if it is one of those wanted, and reports whether it
// did. The document may end at i.
func (r *Reader) next(i int, wanted string) (int, bool, error) {
	i, err := r.reach(i)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && r.err == io.EOF: //nolint:errorlint // of the source itself
		return i, false, nil
	case err != nil:
		return i, false, err
	case strings.IndexByte(wanted, r.buf[i]) >= 0:
		return i + 1, true, nil
	}
	return i, false, nil
}

// digits passes over one digit or more, and returns where they end.
func (r *Reader) digits(i int) (int, error) {
	i, err := r.reach(i)
	if err != nil {
		return i, err
	}
	if !isDigit(r.buf[i]) {
		return i, r.syntax(i, "is no digit")
	}
	for {
		for ; i < len(r.buf); i++ {
			if !isDigit(r.buf[i]) {
				return i, nil
			}
		}
		var more bool
		if i, more, err = r.next(i, "0123456789"); err != nil || !more {
			return i, err
		}
	}
}
