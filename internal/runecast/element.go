package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

var errTaken = errors.New("copy element: it was read already")

// Element is one system's results while they stream past: an element of v1's
// results[], or a document of v2. Its fields fill as their members pass; all
// are final when the element has ended, that is after WriteTo, or after the
// visit.
type Element struct {
	// ID is the system's uid in v1 and its ecosystem's id in v2, known from the
	// beginning.
	ID string
	// Index is the element's place in results[], from 0; -1 in v2.
	Index int
	// Name is the first of name, viewName, displayName and address that is
	// there; no appliance is proven to send one.
	Name string
	// Scan is the element's own scan status.
	Scan Scan
	// Assessment counts its rules.
	Assessment Assessment

	kind  evidence
	r     *results
	step  func() error // reads on, by a member or more
	head  bytes.Buffer // bytes that passed before the visit
	known bool         // v2: it has a member that makes it a scan
	ended bool
	taken bool
}

// results is a document of results that is being read.
type results struct {
	*stream
	issues issueWalker
	// profile is called with the profile code of each issue; may be nil.
	profile func(code string)
	// saved: by a person, see ReadSavedV1.
	saved bool
}

func newResults(r io.Reader, chunk int) *results {
	s := newStream(r, chunk)
	return &results{stream: s, issues: issueWalker{Walker: s.Walker, brief: true}}
}

// visit shows an element to its visitor.
func (r *results) visit(e *Element, visit func(*Element) error) error {
	r.visited = visit(e)
	return r.visited
}

// Type is one of the Type constants, by the evidence that has passed. Before
// the element is taken, it looks ahead into its first 256 KiB.
func (e *Element) Type() string {
	if !e.ended && !e.taken && !e.kind.decided() {
		e.kind = e.foresee().kind
	}
	return typeOf(e.ID, e.kind)
}

// Foretold returns the element's scan before the element is taken, if that stands
// in its first 256 KiB; false: it is not known yet. What the element says to its
// end may still be another.
func (e *Element) Foretold() (Scan, bool) {
	whole := func(s Scan) bool { return s.Status != "" && s.Timestamp != "" }
	if e.ended || e.taken || whole(e.Scan) {
		return e.Scan, whole(e.Scan)
	}
	probe := e.foresee()
	e.kind = probe.kind // so that Type need not look ahead once more
	return probe.Scan, whole(probe.Scan)
}

// foresee reads what is to come as a document of its own, up to where it
// breaks off.
func (e *Element) foresee() *Element {
	begun := ""
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
	_ = probe.finish() // it ends where the view does
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

// release frees what only the reading needed: the element may be kept for its
// fields.
func (e *Element) release() {
	e.r.redirect(nil)
	e.head, e.r, e.step, e.ended = bytes.Buffer{}, nil, nil, true
}

// WriteTo copies the element to dst, byte for byte. An error may be dst's or
// the stream's; the download itself ends with the stream's.
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

// text reads a text that stays as it was first sent.
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
