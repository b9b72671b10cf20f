package runecast

import (
	"bytes"
	"fmt"
	"io"

	"runecast-ingest/internal/fault"
)

// maxCheck bounds one entry of the catalogue where it is put together.
const maxCheck = 1 << 20

// Join writes one catalogue, {"issues":[…]}, of the entries of several.
type Join struct {
	dst  io.Writer
	open bool
	err  error // of dst
}

// NewJoin makes a Join that writes to dst.
func NewJoin(dst io.Writer) *Join { return &Join{dst: dst} }

// Err is the first error of the destination.
func (j *Join) Err() error { return j.err }

// Add copies the entries of one document. Of a document that breaks off, the
// entries before remain: each is written when it was whole.
func (j *Join) Add(body io.Reader) error {
	w := newWalker(body, chunkSize)
	var element bytes.Buffer
	err := w.members(func(name []byte) error {
		if string(name) != "issues" {
			return w.skip()
		}
		return w.elements(func() error {
			if w.dec.PeekKind() != '{' {
				return w.skip()
			}
			if _, err := w.token(); err != nil {
				return err
			}
			element.Reset()
			w.tap.begin(w.dec.InputOffset()-1, &limited{buf: &element, most: maxCheck, what: "an entry of the catalogue"})
			if err := w.rest(); err != nil {
				return err
			}
			if w.tap.end(w.dec.InputOffset()); w.tap.sinkErr != nil {
				return w.tap.sinkErr
			}
			return j.add(element.Bytes())
		})
	})
	if err != nil {
		return err
	}
	return w.end()
}

func (j *Join) add(element []byte) error {
	separator := ","
	if !j.open {
		separator = `{"issues":[`
	}
	j.open = true
	j.write([]byte(separator))
	j.write(element)
	return j.err
}

// End writes the end of the catalogue.
func (j *Join) End() error {
	if !j.open {
		j.write([]byte(`{"issues":[`))
	}
	j.write([]byte("]}"))
	return j.err
}

func (j *Join) write(p []byte) {
	if j.err == nil {
		_, j.err = j.dst.Write(p)
	}
}

// CopyDocument copies one JSON document and makes sure that it is whole.
func CopyDocument(dst io.Writer, src io.Reader) error {
	w := newWalker(src, chunkSize)
	w.tap.begin(0, dst)
	if err := w.skip(); err != nil {
		return err
	}
	w.tap.end(w.dec.InputOffset())
	if w.tap.sinkErr != nil {
		return w.tap.sinkErr
	}
	return w.end()
}

// limited is a buffer with a bound.
type limited struct {
	buf  *bytes.Buffer
	most int
	what string
}

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > l.most {
		return 0, &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%s is over %d MiB", l.what, l.most>>20),
			Cure: "report the appliance's version to the maintainers of this function: its API differs from what is known"}
	}
	return l.buf.Write(p)
}
