package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"runecast-ingest/internal/fault"
)

// maxHead bounds what is held of an element until its uid has passed.
const maxHead = 1 << 20

// Element is one system's part of a results document while it streams past.
// Its fields fill as their members pass; all are final when the element has
// ended, that is after WriteTo, or after the visit.
type Element struct {
	// ID is the system's uid, known from the beginning.
	ID string
	// Index is the element's place in results[], from 0.
	Index int
	// Name is the first of name, viewName, displayName and address that is
	// there; no appliance is proven to send one.
	Name string
	// Scan is the element's own scan status.
	Scan Scan
	// Issues counts all checks in the element.
	Issues int
	// Assessed counts those that were not left out for want of a licence.
	Assessed int
	// Compliance counts, of these, the checks of a security profile:
	// knowledge-base articles, best practices and vulnerabilities are not.
	Compliance int

	kind  evidence
	w     *walker
	head  bytes.Buffer // bytes before the uid was known
	ended bool
	taken bool
}

// Type is one of the Type constants, by the evidence that has passed.
func (e *Element) Type() string { return kindOf(e.ID, false, e.kind) }

// Split reads a v1 results document and calls visit for every element of
// results[] that has a uid, in order. visit may take the element with WriteTo;
// what it leaves is skipped. An error of visit ends the reading and comes back.
//
// Nothing is held but one token and, until its uid has passed, 1 MiB of an
// element. A document that is cut, malformed, followed by anything, or no
// results document at all, is an error; a single text over 16 MiB, too.
func Split(r io.Reader, visit func(*Element) error) error {
	return newWalker(r, chunkSize).split(visit)
}

func (w *walker) split(visit func(*Element) error) error {
	if w.dec.PeekKind() != '{' {
		if err := w.skip(); err != nil {
			return err
		}
		return noResults()
	}
	found := false
	err := w.members(func(name []byte) error {
		if string(name) != "results" {
			return w.skip()
		}
		found = true
		index := -1
		return w.elements(func() error { index++; return w.element(index, visit) })
	})
	if err != nil {
		return err
	}
	if err := w.end(); err != nil {
		return err
	}
	if !found {
		return noResults()
	}
	return nil
}

func noResults() error {
	return &fault.Error{Class: fault.Reject, What: "the answer is JSON but has no results", Cure: otherService}
}

func (w *walker) element(index int, visit func(*Element) error) error {
	if w.dec.PeekKind() != '{' {
		return w.skip()
	}
	if _, err := w.token(); err != nil {
		return err
	}
	e := &Element{Index: index, w: w}
	w.tap.begin(w.dec.InputOffset()-1, &limited{buf: &e.head})
	defer func() {
		w.tap.redirect(nil)
		e.head = bytes.Buffer{} // the element may be kept for its fields
	}()
	for e.ID == "" && !e.ended {
		if err := e.step(); err != nil {
			return err
		}
	}
	if w.tap.copyTo(int(w.dec.InputOffset() - w.tap.base)); w.tap.sinkErr != nil {
		return w.tap.sinkErr
	}
	w.tap.redirect(nil)
	if e.ID != "" {
		if err := visit(e); err != nil {
			return err
		}
	}
	for !e.ended {
		if err := e.step(); err != nil {
			return err
		}
	}
	return nil
}

// WriteTo copies the element to dst, byte for byte. An error may be dst's or
// the stream's; Split itself ends with the stream's.
func (e *Element) WriteTo(dst io.Writer) (int64, error) {
	if e.taken {
		return 0, errors.New("copy element: it was read already")
	}
	e.taken = true
	out := &counted{dst: dst}
	if _, err := e.head.WriteTo(out); err != nil {
		return out.n, fmt.Errorf("copy element: %w", err)
	}
	e.w.tap.redirect(out)
	for !e.ended {
		if err := e.step(); err != nil {
			return out.n, err
		}
		if err := e.w.tap.sinkErr; err != nil {
			return out.n, fmt.Errorf("copy element: %w", err)
		}
	}
	if err := e.w.tap.sinkErr; err != nil {
		return out.n, fmt.Errorf("copy element: %w", err)
	}
	return out.n, nil
}

// step reads one member, or the element's end.
func (e *Element) step() error {
	w := e.w
	if w.dec.PeekKind() == '}' {
		if _, err := w.token(); err != nil {
			return err
		}
		w.tap.end(w.dec.InputOffset())
		e.ended = true
		return nil
	}
	name, err := w.name()
	if err != nil {
		return err
	}
	switch string(name) {
	case "uid":
		return e.first(&e.ID)
	case "name", "viewName", "displayName", "address":
		return e.first(&e.Name)
	case "scanStatus":
		return e.scanStatus()
	case "issues":
		return w.elements(e.issue)
	}
	return w.skip()
}

// first reads a text that stays as it was first sent.
func (e *Element) first(into *string) error {
	text, err := e.w.text()
	if *into == "" {
		*into = text
	}
	return err
}

func (e *Element) scanStatus() error {
	return e.w.members(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			e.Scan.Status, err = e.w.text()
		case "timestamp":
			e.Scan.Timestamp, err = e.w.text()
			e.Scan.Timestamp = normalTime(e.Scan.Timestamp)
		default:
			err = e.w.skip()
		}
		return err
	})
}

func (e *Element) issue() error {
	var profile, status string
	err := e.w.members(func(name []byte) (err error) {
		switch string(name) {
		case "type":
			profile, err = e.w.text()
		case "status":
			status, err = e.w.text()
		case "products":
			return e.kind.products(e.w)
		case "affectedObjects":
			return e.kind.objects(e.w)
		default:
			err = e.w.skip()
		}
		return err
	})
	e.Issues++
	if !strings.EqualFold(status, "UNLICENSED") {
		e.Assessed++
		switch strings.ToUpper(profile) {
		case "", "KB", "BP", "VUL":
		default:
			e.Compliance++
		}
	}
	return err
}

// limited is the head's buffer.
type limited struct{ buf *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > maxHead {
		return 0, &fault.Error{Class: fault.Reject, What: fmt.Sprintf("an element of results[] names no uid in its first %d MiB", maxHead>>20),
			Cure: "report the appliance's version to the maintainers of this function: its API differs from what is known"}
	}
	return l.buf.Write(p)
}

// counted counts what dst took.
type counted struct {
	dst io.Writer
	n   int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.dst.Write(p)
	c.n += int64(n)
	return n, err
}
