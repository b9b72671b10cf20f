package deliver

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// text opens a hand-made document as UTF-8, whatever program has saved it. What is no
// JSON object is refused.
func (open Source) text() (io.ReadCloser, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	plain, err := archive.Saved(body)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{&unwound{from: plain}, body}, nil
}

// unwound refuses what PowerShell's ConvertTo-Json leaves where its depth ends: for
// an object a text such as "@{name=ESXi}", in which values are lost.
type unwound struct {
	from io.Reader
	// last are the bytes before those that are read next.
	last []byte
}

var flattened = []byte(`"@{`)

func (u *unwound) Read(p []byte) (int, error) {
	n, err := u.from.Read(p)
	seen := slices.Concat(u.last, p[:n])
	if bytes.Contains(seen, flattened) {
		return n, &fault.Error{Class: fault.Reject, What: `the document holds texts such as "@{name=…}" where the appliance has objects: ConvertTo-Json has cut it`, Cure: archive.SaveWhole}
	}
	u.last = append(u.last[:0], seen[max(0, len(seen)-len(flattened)+1):]...)
	return n, err
}
