package securityevent

import (
	"encoding/binary"

	"github.com/go-json-experiment/json/jsontext"
)

// quote appends a text as a JSON string; bytes that are not UTF-8 become U+FFFD.
// Nearly all texts are ASCII, in which at most quotes and backslashes must be escaped:
// quote does that itself, and leaves all other texts to jsontext.
func quote[B ~string | ~[]byte](dst []byte, s B) []byte {
	begin := len(dst)
	dst = append(dst, '"')
	rest := []byte(s)
	for {
		n := unescaped(rest)
		dst = append(dst, rest[:n]...)
		if n == len(rest) {
			return append(dst, '"')
		}
		c := rest[n]
		if c != '"' && c != '\\' {
			break
		}
		dst = append(dst, '\\', c)
		rest = rest[n+1:]
	}
	out, _ := jsontext.AppendQuote(dst[:begin], s) // its error says that bytes were replaced
	return out
}

// AppendNested appends a text to dst as a JSON string within a JSON string; the caller
// writes the quotes of the outer string. memory is used on the way. It returns dst, the
// memory to pass with the next call, and how many bytes the inner string is long by
// itself, with its quotes.
func AppendNested(dst, memory, text []byte) (nested, used []byte, inner int) {
	if unescaped(text) == len(text) { // nearly always
		dst = append(append(append(dst, '\\', '"'), text...), '\\', '"')
		return dst, memory, len(text) + 2
	}
	memory = quote(memory[:0], text)
	begin := len(dst)
	dst = quote(dst, memory)
	dst = append(dst[:begin], dst[begin+1:len(dst)-1]...)
	return dst, memory, len(memory)
}

// unescaped returns how many bytes at the beginning of b are ASCII and no control,
// quote or backslash. It looks at eight bytes at a time.
func unescaped(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		quotes, slashes := word^'"'*ones, word^'\\'*ones
		// Each subtraction sets the highest bit of a byte that is too small for it: one
		// below 0x20, or one that the XOR has made 0 (a quote, a backslash). A byte that
		// is no ASCII has that bit already. The loop below finds which byte it is.
		if ((word-' '*ones)|(quotes-ones)|(slashes-ones)|word)&high != 0 {
			break
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] < 0x80 && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}
