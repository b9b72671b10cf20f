package mapping

import (
	"errors"
	"io"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

// CompletedAt returns the scan's end; zero if the appliance's text is no time.
func CompletedAt(e *archive.Envelope) time.Time {
	at, _ := runecast.ParseTime(e.Scan.CompletedAt)
	return at
}

// Document is a raw object of which the envelope was read; then the result's issues
// are read one after the other. It can be mapped once.
type Document struct {
	archive.Envelope
	w runecast.Walker
	// atResult: the next value of w is the result.
	atResult bool
	// end reads the rest of the raw object behind the result; nil: the document has no
	// envelope, and its rest is not read.
	end func() error
}

// OpenBare opens a document that an appliance answered, without an envelope: of v1
// results the element at an index of results[], of a v2 scan (index -1) the whole. The
// caller passes what an envelope would say, and has checked the document. A document
// without results is a fault of class Reject.
func OpenBare(r io.Reader, e archive.Envelope, index int) (*Document, error) {
	d := &Document{Envelope: e, w: runecast.NewWalker(r), atResult: true}
	if index < 0 {
		return d, nil
	}
	if _, err := d.w.ReadToken(); err != nil {
		return nil, archive.Malformed(err)
	}
	for d.w.PeekKind() != '}' {
		name, err := d.w.ReadName()
		if err != nil {
			return nil, archive.Malformed(err)
		}
		if string(name) == "results" && d.w.PeekKind() == '[' {
			_, err = d.w.ReadToken()
			for ; err == nil && index > 0; index-- {
				err = d.w.Skip()
			}
			return d, archive.Malformed(err)
		}
		if err := d.w.Skip(); err != nil {
			return nil, archive.Malformed(err)
		}
	}
	return nil, reject("the document has no results", "save what the appliance answers to /results")
}

// Open reads a raw object up to its result. Bad input is a fault of class Reject,
// which wraps archive.ErrNoEnvelope if the document is a saved answer of an appliance;
// errors of the reader come through.
func Open(r io.Reader) (*Document, error) {
	raw, err := archive.ReadRaw(r)
	if err != nil {
		return nil, err
	}
	return &Document{Envelope: raw.Envelope, w: runecast.Walker{Reader: raw.Result}, atResult: true, end: raw.End}, nil
}

// issues calls each for every issue of the result, of v1 (issues) or v2
// (scannedIssues), and then checks that the document ends as it should. each must
// read the issue.
func (d *Document) issues(each func() error) error {
	if !d.atResult {
		return errors.New("read result: it was read already")
	}
	d.atResult = false
	if d.w.PeekKind() != '{' {
		if err := d.w.Skip(); err != nil {
			return archive.Malformed(err)
		}
		return reject("the result is not a JSON object", "look at what the appliance answered")
	}
	err := d.w.Members(func(name []byte) error {
		switch string(name) {
		case "issues", "scannedIssues":
			return d.w.Elements(each)
		}
		return d.w.Skip()
	})
	if err == nil && d.end != nil {
		err = d.end()
	}
	return archive.Malformed(err)
}

func reject(what, cure string) error {
	return &fault.Error{Class: fault.Reject, What: what, Cure: cure}
}
