package mapping

import (
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// CompletedAt is the scan's end; zero if the appliance's text is no time.
func CompletedAt(e *archive.Envelope) time.Time { return parseTime(e.Scan.CompletedAt) }

// parseTime reads a time as appliances write it: ISO 8601, or epoch milliseconds.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// Document is a raw object that is being read: first its envelope, then the
// result's issues one after the other.
type Document struct {
	archive.Envelope
	dec *jsontext.Decoder
	// atResult: the next value is the result's.
	atResult bool
	// end reads what follows the result; nil: there is no envelope, so nothing of
	// ours does.
	end func() error
}

// OpenBare reads a document that an appliance answered: of v1 results the
// element of this index, of a v2 scan (index -1) the whole. What an envelope
// would say comes from the caller, who has checked the document.
func OpenBare(r io.Reader, e archive.Envelope, index int) (*Document, error) {
	d := &Document{Envelope: e, dec: newDecoder(r), atResult: true}
	if index < 0 {
		return d, nil
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, archive.Malformed(err)
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return nil, archive.Malformed(err)
		}
		if name.String() == "results" && d.dec.PeekKind() == '[' {
			_, err = d.dec.ReadToken()
			for ; err == nil && index > 0; index-- {
				err = d.dec.SkipValue()
			}
			return d, archive.Malformed(err)
		}
		if err := d.dec.SkipValue(); err != nil {
			return nil, archive.Malformed(err)
		}
	}
	return nil, reject("the document has no results", "save what the appliance answers to /results")
}

// ScanTime reads a v2 scan through and gives the time that it names; zero if
// that cannot be read. Bad input is a fault of class Reject.
func ScanTime(r io.Reader) (time.Time, error) {
	i := issueReader{dec: newDecoder(r)}
	var created string
	err := members(i.dec, func(name []byte) (err error) {
		if string(name) != `"createdTs"` {
			return i.dec.SkipValue()
		}
		created, err = i.string()
		return err
	})
	if err != nil {
		return time.Time{}, archive.Malformed(err)
	}
	return parseTime(created), ended(i.dec)
}

// ended checks that nothing follows.
func ended(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return archive.Malformed(err)
	}
	return reject("something follows the document", "upload it again")
}

// newDecoder reads JSON as appliances send it: duplicate members and bytes that
// are not UTF-8 are put up with.
func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Open reads a raw object up to its result. Bad input is a fault of class
// Reject, with archive.ErrNoEnvelope if it is a saved answer of an appliance;
// errors of the reader come through.
func Open(r io.Reader) (*Document, error) {
	raw, err := archive.ReadRaw(r)
	if err != nil {
		return nil, err
	}
	return &Document{Envelope: raw.Envelope, dec: raw.Result, atResult: true, end: raw.End}, nil
}

// issues calls each for every issue of the result, v1 (issues) or v2
// (scannedIssues), then checks that the document ends as it should.
func (d *Document) issues(each func() error) error {
	if !d.atResult {
		return errors.New("read result: it was read already")
	}
	d.atResult = false
	if d.dec.PeekKind() != '{' {
		if err := d.dec.SkipValue(); err != nil {
			return archive.Malformed(err)
		}
		return reject("the result is not a JSON object", "look at what the appliance answered")
	}
	err := members(d.dec, func(name []byte) error {
		switch string(name) {
		case `"issues"`, `"scannedIssues"`:
			return elements(d.dec, each)
		}
		return d.dec.SkipValue()
	})
	if err == nil && d.end != nil {
		err = d.end()
	}
	return archive.Malformed(err)
}

// members calls each with the quoted name of every member of an object (valid
// until the next read), whose value each must read. A value that is no object is skipped.
func members(dec *jsontext.Decoder, each func(quoted []byte) error) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// elements calls each before every element of an array, which each must read.
// A value that is no array is skipped.
func elements(dec *jsontext.Decoder, each func() error) error {
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func reject(what, cure string) error {
	return &fault.Error{Class: fault.Reject, What: what, Cure: cure}
}
