package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

var errTaken = errors.New("copy element: it was read already")

// Element is one system's results while they are read: an element of v1's
// results[], or a document of v2. A field is set when its member is read. All
// fields are final when the element has been read to its end: after WriteTo, or
// after the visit.
type Element struct {
	// ID is the system's uid in v1 and its ecosystem's id in v2. It is set before
	// the visit.
	ID string
	// Index is the element's place in results[], from 0; -1 in v2.
	Index int
	// Name is the first of the members name, viewName, displayName and address
	// that is not empty. It is not proven that an appliance sends any of them.
	Name string
	// Scan is the status of the scan that the element is the result of.
	Scan Scan
	// Assessment counts the element's rules.
	Assessment Assessment

	kind  evidence // of the system's type
	r     *results
	step  func() error // reads the next member, or all of them
	head  bytes.Buffer // bytes that were read before the visit
	known bool         // v2: a member was read that only a scan has
	ended bool         // the element was read to its end
	taken bool         // WriteTo was called
}

// results is a document of results that is being read.
type results struct {
	*stream
	issues issueWalker
	// profile is called with the profile code of each issue; may be nil.
	profile func(code string)
	// saved: the document was saved by a person; see ReadSavedV1.
	saved bool
}

func newResults(r io.Reader, chunk int) *results {
	s := newStream(r, chunk)
	return &results{stream: s, issues: issueWalker{Walker: s.Walker, brief: true}}
}

// visit shows an element to its visitor.
func (r *results) visit(e *Element, visit func(*Element) error) error {
	r.visitErr = visit(e)
	return r.visitErr
}

// Type returns the system's type, one of the Type constants, by the members read
// so far. Before WriteTo it also looks at the next 256 KiB of the document, or
// somewhat more.
func (e *Element) Type() string {
	if !e.ended && !e.taken && !e.kind.decided() {
		e.kind = e.foresee().kind
	}
	return typeOf(e.ID, e.kind)
}

// Foretold returns the element's scan before WriteTo, if its status and its time
// stand in the next 256 KiB of the document; false: they do not. The scan at the
// element's end may still be another, since members may come twice.
func (e *Element) Foretold() (Scan, bool) {
	whole := func(s Scan) bool { return s.Status != "" && s.Timestamp != "" }
	if e.ended || e.taken || whole(e.Scan) {
		return e.Scan, whole(e.Scan)
	}
	probe := e.foresee()
	e.kind = probe.kind // so that Type need not look ahead again
	return probe.Scan, whole(probe.Scan)
}

// foresee looks ahead without reading on: it parses the bytes that follow as a
// document of its own, and returns an element with what they say. The bytes
// mostly end in the middle of the element, and their parsing with them.
func (e *Element) foresee() *Element {
	begun := "" // v1: a member in front, since a comma follows
	if e.r.InputOffset() > 0 {
		begun = `{"":0`
	}
	probe := &Element{kind: e.kind, Scan: e.Scan, r: newResults(io.MultiReader(strings.NewReader(begun), e.r.ahead()), chunkSize)}
	probe.step = probe.v2
	if begun != "" {
		if _, err := probe.r.ReadToken(); err != nil {
			return probe
		}
		probe.step = probe.v1
	}
	_ = probe.finish() // an error: the bytes end, or are not JSON, which the real reading reports
	return probe
}

// finish reads to the element's end.
func (e *Element) finish() error {
	for !e.ended {
		if err := e.step(); err != nil {
			return err
		}
	}
	return nil
}

// release frees the memory that only reading needs, since a visitor may keep the
// element for its fields.
func (e *Element) release() {
	e.r.redirect(nil)
	e.head, e.r, e.step, e.ended = bytes.Buffer{}, nil, nil, true
}

// WriteTo copies the element to dst, byte for byte, and returns how many bytes dst
// took. It can be called once, during the visit. An error is dst's or the
// document's; an error of the document also ends ReadV1 or ReadV2.
func (e *Element) WriteTo(dst io.Writer) (int64, error) {
	if e.taken || e.ended {
		return 0, errTaken
	}
	e.taken = true
	r, out := e.r, &counted{dst: dst}
	if _, err := e.head.WriteTo(out); err != nil {
		return out.n, fmt.Errorf("copy element: %w", err)
	}
	r.redirect(out)
	for !e.ended && r.sinkErr == nil {
		if err := e.step(); err != nil && r.sinkErr == nil {
			return out.n, r.explain(err)
		}
	}
	if r.sinkErr != nil {
		return out.n, fmt.Errorf("copy element: %w", r.sinkErr)
	}
	return out.n, nil
}

// text reads a text, and keeps it in a field that is still empty.
func (e *Element) text(into *string) error {
	text, err := e.r.Text()
	if *into == "" {
		*into = text
	}
	return err
}

func (e *Element) timestamp() error {
	text, err := e.r.Text()
	e.Scan.Timestamp = normalTime(text)
	return err
}

// issue reads one issue, and counts it.
func (e *Element) issue() error {
	issues := &e.r.issues
	err := issues.begin()
	for objects := true; objects && err == nil; {
		objects, err = issues.members()
		e.kind.products(issues.Issue.Products)
		if objects && err == nil {
			err = e.kind.objects(issues.Walker)
		}
	}
	if err != nil {
		return err
	}
	if e.r.profile != nil {
		e.r.profile(issues.Issue.Profile)
	}
	e.Assessment.Add(&issues.Issue)
	return nil
}
