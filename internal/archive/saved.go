package archive

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// SaveWhole is the cure for an answer of the appliance that a person saved with changes.
const SaveWhole = "save the whole answer as it comes, with curl -o FILE or Invoke-WebRequest -OutFile FILE"

// startBytes is how many bytes of a document show what it is.
const startBytes = 64

// SavedObject returns a reader of a JSON object that a person saved, as Text does. If the first
// bytes show that it is something else, it is a fault of class Reject that says what.
func SavedObject(r io.Reader) (io.Reader, error) {
	text, err := Text(r)
	if err != nil {
		return nil, err
	}
	plain := bufio.NewReader(text)
	start, _ := plain.Peek(startBytes) // the reader of the document meets an error again
	if err := notAnObject(start); err != nil {
		return nil, err
	}
	return plain, nil
}

// packed has the first bytes of packed files, with the name of the format. A document
// that is packed once by gzip was unpacked before, so what is still gzip is packed twice.
var packed = []struct{ begins, by string }{
	{"PK\x03\x04", "zip"}, {"PK\x05\x06", "zip"}, {"\x1f\x8b", "gzip, twice"}, {"\x28\xb5\x2f\xfd", "zstd"},
	{"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"7z\xbc\xaf\x27\x1c", "7-Zip"},
}

// notAnObject returns what is wrong with a document that begins with these bytes; nil if
// nothing is known to be wrong.
func notAnObject(start []byte) error {
	for _, p := range packed {
		if strings.HasPrefix(string(start), p.begins) {
			return unreadable("the document is packed by "+p.by, "unpack it, and upload the JSON file that is in it, plain or packed once by gzip")
		}
	}
	switch start = bytes.TrimLeft(start, " \t\r\n"); {
	case len(start) == 0, start[0] == '{': // the decoder reports an empty document
		return nil
	case start[0] == '[':
		return unreadable("the document is a list, not what the appliance answers", SaveWhole)
	case start[0] == '<':
		return unreadable("the document is HTML or XML, not JSON: mostly the appliance's login page", "save the answer again with a token that the appliance accepts, in the header Authorization")
	}
	return unreadable(fmt.Sprintf("the document is no JSON object: it begins with %.12q, not with {", start), SaveWhole)
}
