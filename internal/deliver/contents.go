package deliver

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
)

// Source opens a raw object, as often as it is asked to.
type Source func() (io.ReadCloser, error)

// Part is one scan in a raw object.
type Part struct {
	// Envelope says which scan it is. In a document without one it is derived.
	Envelope mapping.Envelope
	// bare: the document has no envelope; element is the scan's place in v1
	// results, -1 in a v2 scan.
	bare    bool
	element int
}

// Contents lists the scans in a raw object. Only under raw/manual/ it may be
// what an appliance answered, without an envelope; a v2 scan then gets its
// system's name from the key. Bad input is a fault of class Reject.
func Contents(open Source, key string) ([]Part, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	doc, err := mapping.Open(body)
	switch {
	case err == nil:
		return []Part{{Envelope: doc.Envelope}}, nil
	case errors.Is(err, mapping.ErrBare) && handMade(key):
		return bareScans(open, key)
	}
	return nil, err
}

// Open opens the object at a scan; close ends the reading.
func (p *Part) Open(open Source) (doc *mapping.Document, closing func() error, err error) {
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

func handMade(key string) bool { return strings.HasPrefix(key, archive.ManualPrefix) }

// bareScans looks through a document as an appliance answered it.
func bareScans(open Source, key string) ([]Part, error) {
	parts, err := bareResults(open, key)
	if err == nil || fault.ClassOf(err) != fault.Reject {
		return parts, err
	}
	body, oerr := open()
	if oerr != nil {
		return nil, oerr
	}
	defer body.Close()
	at, v2err := mapping.ScanTime(body)
	if v2err != nil || at.IsZero() {
		return nil, err // it is not v2 either
	}
	name, _, ok := strings.Cut(strings.TrimPrefix(key, archive.ManualPrefix), "/")
	if !ok || name == "" {
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "a saved v2 scan names no system",
			Cure: "upload it as " + archive.ManualPrefix + "<system name>/<file>"}
	}
	p := Part{bare: true, element: -1}
	p.Envelope.System.ID, p.Envelope.System.Name, p.Envelope.System.Type = "manual:"+name, name, runecast.TypeUnknown
	p.Envelope.Scan.CompletedAt = at.Format(timeLayout)
	return []Part{p}, nil
}

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// bareResults lists the systems of saved v1 results. A system whose scan had not
// succeeded is left out, since its results may be halves of two scans.
func bareResults(open Source, key string) ([]Part, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var elements []*runecast.Element
	read := &ending{Reader: body}
	err = runecast.Split(read, func(e *runecast.Element) error {
		elements = append(elements, e)
		return nil
	})
	if err != nil && read.ended { // all of it was read, so it will not get better
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "the document cannot be read", Err: err, Cure: "save and upload it again"}
	}
	if err != nil {
		return nil, err
	}
	var parts []Part
	seen := map[string]bool{}
	for _, e := range elements {
		if seen[e.ID] {
			return nil, &fault.Error{Class: fault.Reject, Where: key, What: fmt.Sprintf("two elements have the uid %q", e.ID), Cure: "save what the appliance answers to /results"}
		}
		seen[e.ID] = true
		if e.Scan.Status != "" && !e.Scan.Succeeded() {
			continue
		}
		p := Part{bare: true, element: e.Index}
		p.Envelope.System.ID, p.Envelope.System.Name, p.Envelope.System.Type = e.ID, e.Name, e.Type()
		p.Envelope.Scan.Status, p.Envelope.Scan.CompletedAt = e.Scan.Status, e.Scan.Timestamp
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, &fault.Error{Class: fault.Reject, Where: key, What: "the document has no system with a finished scan", Cure: "save what the appliance answers to /results"}
	}
	return parts, nil
}

// ending notes that a reader came to its end.
type ending struct {
	io.Reader
	ended bool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.ended = e.ended || errors.Is(err, io.EOF)
	return n, err
}
