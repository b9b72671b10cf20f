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
	// Issues counts all checks in the element.
	Issues int
	// Assessed counts those that were not left out for want of a licence.
	Assessed int
	// Compliance counts, of these, the checks of a security profile:
	// knowledge-base articles, best practices and vulnerabilities are not.
	Compliance int

	kind  evidence
	w     *walker
	step  func() error // reads on, by a member or more
	head  bytes.Buffer // bytes that passed before the visit
	known bool         // v2: it has a member that makes it a scan
	ended bool
	taken bool
}

// Type is one of the Type constants, by the evidence that has passed. Before
// the element is taken, it looks ahead into its first 256 KiB.
func (e *Element) Type() string {
	if !e.ended && !e.taken && !e.kind.decided() {
		e.kind = e.foresee()
	}
	return kindOf(e.ID, false, e.kind)
}

// foresee reads what is to come as a document of its own, up to where it
// breaks off.
func (e *Element) foresee() evidence {
	begun := ""
	offset := e.w.dec.InputOffset()
	if offset > 0 {
		begun = `{"":0`
	}
	probe := &Element{kind: e.kind, w: newWalker(io.MultiReader(strings.NewReader(begun), e.w.tap.ahead(offset)), chunkSize)}
	probe.step = probe.v2
	if offset > 0 {
		if _, err := probe.w.token(); err != nil {
			return probe.kind
		}
		probe.step = probe.v1
	}
	_ = probe.finish() // it ends where the view does
	return probe.kind
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
	e.w.tap.redirect(nil)
	e.head, e.w, e.step, e.ended = bytes.Buffer{}, nil, nil, true
}

// WriteTo copies the element to dst, byte for byte. An error may be dst's or
// the stream's; the download itself ends with the stream's.
func (e *Element) WriteTo(dst io.Writer) (int64, error) {
	if e.taken || e.ended {
		return 0, errTaken
	}
	e.taken = true
	tap, out := e.w.tap, &counted{dst: dst}
	if _, err := e.head.WriteTo(out); err != nil {
		return out.n, fmt.Errorf("copy element: %w", err)
	}
	tap.redirect(out)
	for !e.ended && tap.sinkErr == nil {
		if err := e.step(); err != nil {
			return out.n, err
		}
	}
	if tap.sinkErr != nil {
		return out.n, fmt.Errorf("copy element: %w", tap.sinkErr)
	}
	return out.n, nil
}

func (e *Element) timestamp() error {
	text, err := e.w.text()
	e.Scan.Timestamp = normalTime(text)
	return err
}

// issue reads one check, of v1 or v2; v2 keeps what defines it in a member of
// its own.
func (e *Element) issue() error {
	var profile, status string
	definition := func(name []byte) (err error) {
		switch string(name) {
		case "type":
			profile, err = e.w.text()
		case "products":
			return e.kind.products(e.w)
		default:
			err = e.w.skip()
		}
		return err
	}
	err := e.w.members(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			status, err = e.w.text()
		case "affectedObjects":
			return e.kind.objects(e.w)
		case "issue":
			return e.w.members(definition)
		default:
			return definition(name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if e.w.profile != nil {
		e.w.profile(profile)
	}
	e.Issues++
	if !strings.EqualFold(status, "UNLICENSED") {
		e.Assessed++
		switch strings.ToUpper(profile) {
		case "", "KB", "BP", "VUL":
		default:
			e.Compliance++
		}
	}
	return nil
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
