package deliver

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// text opens a hand-made document as UTF-8, whatever encoding it was saved in. A document
// that is no JSON object is a fault of class Reject.
func (open Source) text() (io.ReadCloser, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	plain, err := archive.SavedObject(body)
	if err != nil {
		return nil, errors.Join(err, body.Close())
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
		return n, &fault.Error{Class: fault.Reject, What: `the document holds texts such as "@{name=…}" where the appliance has objects: ConvertTo-Json has cut it`, Cure: archive.SaveWhole}
	}
	u.last = append(u.last[:0], seen[max(0, len(seen)-len(flattened)+1):]...)
	return n, err
}
