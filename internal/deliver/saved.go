package deliver

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// saveWhole is how an answer of the appliance is saved as it is.
const saveWhole = "save the whole answer as it comes, with curl -o FILE or Invoke-WebRequest -OutFile FILE"

// text opens a hand-made document as UTF-8, whatever program has saved it. A list is
// a part of an answer, and refused.
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
	if start, _ := plain.Peek(64); bytes.HasPrefix(bytes.TrimSpace(start), []byte("[")) { // what else there is to say of it, its reader says
		list := &fault.Error{Class: fault.Reject, What: "the document is a list, not what the appliance answers", Cure: saveWhole}
		return nil, errors.Join(list, body.Close())
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
	seen := append(u.last, p[:n]...)
	if bytes.Contains(seen, flattened) {
		return n, &fault.Error{Class: fault.Reject, What: `the document holds texts such as "@{name=…}" where the appliance has objects: ConvertTo-Json has cut it`, Cure: saveWhole}
	}
	u.last = append(u.last[:0], seen[max(0, len(seen)-len(flattened)+1):]...)
	return n, err
}
