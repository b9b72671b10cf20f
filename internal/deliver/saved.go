package deliver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// saveWhole is the cure for an answer of the appliance that a person saved with changes.
const saveWhole = "save the whole answer as it comes, with curl -o FILE or Invoke-WebRequest -OutFile FILE"

// text opens a hand-made document as UTF-8, whatever encoding it was saved in. A list is
// only a part of an answer, and is a fault of class Reject.
func (open Source) text() (io.ReadCloser, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	r, err := archive.Text(body)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	plain := bufio.NewReader(r)
	// An error of Peek is left out: the reader of the document meets it again.
	if start, _ := plain.Peek(64); bytes.HasPrefix(bytes.TrimSpace(start), []byte("[")) {
		list := &fault.Error{Class: fault.Reject, What: "the document is a list, not what the appliance answers", Cure: saveWhole}
		return nil, errors.Join(list, body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{&depthGuard{from: plain}, body}, nil
}

// depthGuard is a reader that refuses a document which PowerShell's ConvertTo-Json has
// cut: below its depth it writes an object as a text such as "@{name=ESXi}", in which
// values are lost.
type depthGuard struct {
	from io.Reader
	// last are the last bytes that were read, fewer than flattened has: the text may lie
	// in two reads.
	last []byte
}

// flattened is how the text of a cut object begins.
var flattened = []byte(`"@{`)

func (u *depthGuard) Read(p []byte) (int, error) {
	n, err := u.from.Read(p)
	seen := slices.Concat(u.last, p[:n])
	if bytes.Contains(seen, flattened) {
		return n, &fault.Error{Class: fault.Reject, What: `the document holds texts such as "@{name=…}" where the appliance has objects: ConvertTo-Json has cut it`, Cure: saveWhole}
	}
	u.last = append(u.last[:0], seen[max(0, len(seen)-len(flattened)+1):]...)
	return n, err
}
