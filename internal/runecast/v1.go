package runecast

import (
	"io"

	"runecast-ingest/internal/fault"
)

// maxHead bounds what is held of an element until its uid has passed.
const maxHead = 1 << 20

// Split reads a v1 results document and calls visit for every element of
// results[] that has a uid, in order. visit may take the element with WriteTo;
// what it leaves is skipped. An error of visit ends the reading and comes back.
//
// Nothing is held but one token and, until its uid has passed, 1 MiB of an
// element. A document that is cut, malformed, followed by anything, or no
// results document at all, is an error; a single text over 16 MiB, too.
func Split(r io.Reader, visit func(*Element) error) error { return ReadV1(r, nil, visit) }

// ReadV1 is Split, and calls profile with the type of each check, if it is not nil.
func ReadV1(r io.Reader, profile func(code string), visit func(*Element) error) error {
	w := newWalker(r, chunkSize)
	w.profile = profile
	return w.split(visit)
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
	e.step = e.v1
	w.tap.begin(w.dec.InputOffset()-1, &limited{buf: &e.head, most: maxHead, what: "what comes before the uid of an element of results[]"})
	defer e.release()
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
	return e.finish()
}

// v1 reads one member of an element, or its end.
func (e *Element) v1() error {
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
			err = e.timestamp()
		default:
			err = e.w.skip()
		}
		return err
	})
}
