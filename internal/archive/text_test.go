package archive

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"runecast-ingest/internal/fault"
)

func widened(order binary.AppendByteOrder, text string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	const document = "{\"name\": \"Zürich 🏔\", \"n\": [1,2]}\r\n"
	for name, c := range map[string]struct {
		saved []byte
		want  string
	}{
		"UTF-8":                    {[]byte(document), document},
		"UTF-8 with a mark":        {[]byte("\ufeff" + document), document},
		"UTF-16":                   {append([]byte{0xff, 0xfe}, widened(binary.LittleEndian, document)...), document},
		"UTF-16, big end first":    {append([]byte{0xfe, 0xff}, widened(binary.BigEndian, document)...), document},
		"UTF-16 without a mark":    {widened(binary.LittleEndian, document), document},
		"big end without a mark":   {widened(binary.BigEndian, document), document},
		"half a character":         {append([]byte{0xff, 0xfe}, 0x3c, 0xd8), "\ufffd"},
		"half a character, others": {append([]byte{0xff, 0xfe}, 0x3c, 0xd8, '}', 0), "\ufffd}"},
		"empty":                    {nil, ""},
		"a mark alone":             {[]byte("\ufeff"), ""},
		"one byte":                 {[]byte("{"), "{"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, from := range []io.Reader{bytes.NewReader(c.saved), iotest.OneByteReader(bytes.NewReader(c.saved))} {
				r, err := Text(from)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(iotest.OneByteReader(r))
				if err != nil || string(got) != c.want {
					t.Errorf("%q, %v, want %q", got, err, c.want)
				}
			}
		})
	}
	if _, err := Text(strings.NewReader("\xff\xfe\x00\x00{\x00\x00\x00")); fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "UTF-32") {
		t.Errorf("%v", err)
	}
	cut, err := Text(bytes.NewReader([]byte{0xff, 0xfe, '{', 0, '}'}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(cut); err != io.ErrUnexpectedEOF || string(got) != "{" { //nolint:errorlint // as it is
		t.Errorf("%q, %v", got, err)
	}
}

// For any bytes the reading ends, and UTF-8 without a mark stays as it is.
func FuzzText(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte{0xff, 0xfe, 0x3c, 0xd8})
	f.Fuzz(func(t *testing.T, saved []byte) {
		r, err := Text(bytes.NewReader(saved))
		if err != nil {
			return
		}
		got, err := io.ReadAll(r)
		if err == nil && bytes.HasPrefix(saved, []byte(`{"`)) && !bytes.Equal(got, saved) {
			t.Errorf("%q became %q", saved, got)
		}
	})
}
