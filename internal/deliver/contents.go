package deliver

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
)

// Source opens a raw object at its first byte. It may be called several times.
type Source func() (io.ReadCloser, error)

// Part is one scan in a raw object.
type Part struct {
	// Envelope says which scan it is. For a document without an envelope it is derived
	// from the document and its key.
	Envelope archive.Envelope
	// bare: the document has no envelope. element is then the scan's place in the
	// results of API v1, -1 in a scan of API v2.
	bare    bool
	element int
	// handMade: a person uploaded the document, whose text may be in another encoding
	// than UTF-8.
	handMade bool
	// unfit is why the scan cannot be shown, although the document is sound; nil: it can.
	unfit error
}

// Unfit returns why the scan cannot be shown: its analysis had not succeeded when the
// document was saved. Nil: it can be shown.
func (p *Part) Unfit() error { return p.unfit }

// Contents lists the scans in a raw object. An object under raw/manual/ may be the
// appliance's answer without an envelope; a v2 scan then gets its system from the
// key. Bad input is a fault of class Reject, other errors are those of open.
func Contents(open Source, key string) ([]Part, error) {
	if !archive.IsHandMade(key) {
		return contents(open, key)
	}
	parts, err := contents(open.text, key)
	for i := range parts {
		parts[i].handMade = true
	}
	return parts, err
}

func contents(open Source, key string) ([]Part, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	doc, err := mapping.Open(body)
	switch {
	case err == nil:
		return []Part{{Envelope: doc.Envelope}}, nil
	case errors.Is(err, archive.ErrNoEnvelope) && archive.IsHandMade(key):
		return bareScans(open, key)
	}
	return nil, err
}

// Open opens the object at the scan. The caller calls closing after the reading. Bad
// input, and a scan that is unfit, is a fault of class Reject.
func (p *Part) Open(open Source) (doc *mapping.Document, closing func() error, err error) {
	if p.unfit != nil {
		return nil, nil, p.unfit
	}
	if p.handMade {
		open = open.text
	}
	body, err := open()
	if err != nil {
		return nil, nil, err
	}
	if p.bare {
		doc, err = mapping.OpenBare(body, p.Envelope, p.element)
	} else if doc, err = mapping.Open(body); err == nil {
		doc.Envelope = p.Envelope
	}
	if err != nil {
		return nil, nil, errors.Join(err, body.Close())
	}
	return doc, body.Close, nil
}

// bareScans lists the scans in a document without an envelope: the results of API v1 or
// a scan of API v2.
func bareScans(open Source, key string) ([]Part, error) {
	elements, err := bareElements(open, key, runecast.ReadSavedV1)
	if err == nil {
		return bareResults(elements, key)
	}
	if fault.ClassOf(err) != fault.Reject {
		return nil, err
	}
	scan, v2err := bareElements(open, key, func(r io.Reader, visit func(*runecast.Element) error) error {
		return runecast.ReadV2(r, "", visit)
	})
	switch {
	case v2err != nil && fault.ClassOf(v2err) != fault.Reject:
		return nil, v2err
	case v2err != nil:
		return nil, err // the document is neither: report the error of v1
	}
	return bareScan(scan[0], key)
}

// bareScan returns the one part of a v2 scan without an envelope, whose system only the
// key names.
func bareScan(e *runecast.Element, key string) ([]Part, error) {
	system, ok := archive.HandMadeSystem(key)
	if !ok {
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "a saved v2 scan names no system",
			Cure: "upload it as " + archive.ManualPrefix + "<system name>/<file>"}
	}
	if _, ok := runecast.ParseTime(e.Scan.Timestamp); !ok {
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: fmt.Sprintf("the saved v2 scan has no time: its createdTs is %.40q", e.Scan.Timestamp),
			Cure: "save what the appliance answers to config-scans/latest; if it is that, report the value to the maintainers of this function"}
	}
	p := Part{bare: true, element: -1}
	p.Envelope.System = system
	p.Envelope.System.Type = runecast.TypeUnknown
	p.Envelope.Scan.CompletedAt = e.Scan.Timestamp
	return []Part{p}, nil
}

// bareElements returns all elements of a document, read by read. A document that was
// read to its end with an error is a fault of class Reject.
func bareElements(open Source, key string, read func(io.Reader, func(*runecast.Element) error) error) ([]*runecast.Element, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var elements []*runecast.Element
	whole := &eofReader{Reader: body}
	err = read(whole, func(e *runecast.Element) error {
		elements = append(elements, e)
		return nil
	})
	if err != nil && whole.ended { // all bytes were read, so another try will fail, too
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "the document cannot be read", Err: err, Cure: "save and upload it again"}
	}
	return elements, err
}

// bareResults lists the systems of v1 results without an envelope. A system whose scan
// has not succeeded is unfit, since its results may be a mix of two scans: its delivery
// fails, and the other systems are shown.
func bareResults(elements []*runecast.Element, key string) ([]Part, error) {
	var parts []Part
	seen, fit := map[string]bool{}, false
	for _, e := range elements {
		if seen[e.ID] {
			return nil, &fault.Error{Class: fault.Reject, Where: key, What: fmt.Sprintf("two elements have the uid %q", e.ID), Cure: "save what the appliance answers to /results"}
		}
		seen[e.ID] = true
		p := Part{bare: true, element: e.Index}
		if e.Scan.Status != "" && !e.Scan.Succeeded() {
			p.unfit = unfinished(e)
		}
		fit = fit || p.unfit == nil
		p.Envelope.System = archive.System{ID: e.ID, Name: e.Name, Type: e.Type()}
		p.Envelope.Scan = archive.EnvelopeScan{Status: e.Scan.Status, CompletedAt: e.Scan.Timestamp}
		parts = append(parts, p)
	}
	if !fit {
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "the document has no system with a finished scan", Cure: "save what the appliance answers to /results"}
	}
	return parts, nil
}

// unfinished returns the fault of a system whose analysis had not succeeded when the
// document was saved.
func unfinished(e *runecast.Element) error {
	return &fault.Error{Class: fault.Reject, Where: cmp.Or(e.Name, e.ID), What: fmt.Sprintf("when the document was saved, its analysis had the status %.40q, and not FINISHED_SUCCESSFULLY", e.Scan.Status),
		Cure: "once its analysis has succeeded, save the answer again, and upload that; the other systems do not wait for it"}
}

// eofReader notes whether its reader came to its end.
type eofReader struct {
	io.Reader
	ended bool
}

func (e *eofReader) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.ended = e.ended || errors.Is(err, io.EOF)
	return n, err
}
