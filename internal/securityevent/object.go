package securityevent

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of texts in bytes. Dynatrace publishes none for security events; the
// limit of its logs is 32 kB per value.
const (
	// maxText bounds texts for people: titles, names, links, descriptions. A longer
	// text is cut after a whole character and ends in "…".
	maxText = 4 << 10
	// maxID bounds ids. A longer id is cut and ends in "#" and the hash of the whole
	// id, so that two different ids stay different.
	maxID = 16 << 10
)

// object is a JSON object under construction.
type object []byte

// key adds a member's name; names are constants of this project and need no escaping.
func (o object) key(name string) object {
	if o[len(o)-1] != '{' {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

// text adds a text for people.
func (o object) text(name, value string) object { return quoteText(o.key(name), value) }

// bytes adds a text for people that is given as bytes.
func (o object) bytes(name string, value []byte) object { return quoteText(o.key(name), value) }

// id adds a text that identifies something.
func (o object) id(name, value string) object { return quoteID(o.key(name), value) }

// json adds JSON text as a string; it is never cut.
func (o object) json(name string, text []byte) object { return quote(o.key(name), text) }

// quoted adds a JSON string that is encoded already.
func (o object) quoted(name string, value []byte) object { return append(o.key(name), value...) }

// optional adds a text for people unless it is empty.
func (o object) optional(name, value string) object {
	if value == "" {
		return o
	}
	return o.text(name, value)
}

func (o object) number(name string, value float64) object {
	return strconv.AppendFloat(o.key(name), value, 'f', -1, 64)
}

func (o object) integer(name string, value int64) object {
	return strconv.AppendInt(o.key(name), value, 10)
}

// time adds a time unless it is zero.
func (o object) time(name string, t time.Time) object {
	if t.IsZero() {
		return o
	}
	o = append(o.key(name), '"')
	return append(AppendTime(o, t), '"')
}

// list adds an array of one text.
func (o object) list(name, value string) object {
	o = append(o.key(name), '[')
	return append(quoteText(o, value), ']')
}

func (o object) uuid(name string, id uuid.UUID) object { return appendUUID(o.key(name), id) }

// appendUUID appends a UUID in quotes.
func appendUUID(dst []byte, id uuid.UUID) object {
	dst = append(dst, `"00000000-0000-0000-0000-000000000000"`...)
	text := dst[len(dst)-37:]
	for i, at := range &uuidPlaces {
		text[at], text[at+1] = hexDigits[id[i]>>4], hexDigits[id[i]&15]
	}
	return dst
}

// uuidPlaces has, for each byte of a UUID, the place of its two digits in the text.
var uuidPlaces = [16]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

const hexDigits = "0123456789abcdef"

// quoteText appends a text for people, cut at maxText, as a JSON string.
func quoteText[B ~string | ~[]byte](dst []byte, s B) []byte {
	if len(s) <= maxText {
		return quote(dst, s)
	}
	dst = quote(dst, s[:boundary(s, maxText)])
	return append(dst[:len(dst)-1], `…"`...)
}

// quoteID appends an id, cut at maxID, as a JSON string.
func quoteID[B ~string | ~[]byte](dst []byte, s B) []byte {
	if len(s) <= maxID {
		return quote(dst, s)
	}
	whole := version5([]byte(s))
	dst = quote(dst, s[:boundary(s, maxID)])
	dst[len(dst)-1] = '#' // in place of the closing quote
	return append(hex.AppendEncode(dst, whole[:]), '"')
}

// boundary returns the last place up to limit where a character of s begins.
func boundary[B ~string | ~[]byte](s B, limit int) int {
	for i := limit; i > limit-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return limit // not UTF-8
}

// AppendTime appends a time as OpenPipeline reads it: RFC 3339, UTC, milliseconds.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}
