package mapping

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// Envelope is what a raw object says about its scan. It is the reader's view:
// unknown members are ignored.
type Envelope struct {
	Schema string `json:"schema"`
	Run    struct {
		ID        string    `json:"id"`
		StartedAt time.Time `json:"startedAt"`
	} `json:"run"`
	Appliance struct {
		URL     string `json:"url"`
		Version string `json:"version"`
	} `json:"appliance"`
	System struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"system"`
	Scan struct {
		Status      string `json:"status"`
		CompletedAt string `json:"completedAt"`
	} `json:"scan"`
	Catalog string `json:"catalog"`
}

// CompletedAt is the scan's end; zero if the appliance's text is no time.
func (e *Envelope) CompletedAt() time.Time { return parseTime(e.Scan.CompletedAt) }

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

// rawSchema is the schema of a raw object that this reader understands.
const rawSchema = "runecast-raw/1"

// Document is a raw object that is being read: first its envelope, then the
// result's issues one after the other.
type Document struct {
	Envelope
	dec *jsontext.Decoder
	// atResult: the next value is the result's.
	atResult bool
	// bare: there is no envelope, so nothing of ours follows the result.
	bare bool
}

// ErrBare: a document is what an appliance answered, without an envelope.
var ErrBare = errors.New("no envelope")

// OpenBare reads a document that an appliance answered: of v1 results the
// element of this index, of a v2 scan (index -1) the whole. What an envelope
// would say comes from the caller, who has checked the document.
func OpenBare(r io.Reader, e Envelope, index int) (*Document, error) {
	d := &Document{Envelope: e, dec: newDecoder(r), atResult: true, bare: true}
	if index < 0 {
		return d, nil
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		if name.String() == "results" && d.dec.PeekKind() == '[' {
			_, err = d.dec.ReadToken()
			for ; err == nil && index > 0; index-- {
				err = d.dec.SkipValue()
			}
			return d, malformed(err)
		}
		if err := d.dec.SkipValue(); err != nil {
			return nil, malformed(err)
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
		return time.Time{}, malformed(err)
	}
	return parseTime(created), ended(i.dec)
}

// ended checks that nothing follows.
func ended(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return malformed(err)
	}
	return reject("something follows the document", "upload it again")
}

// newDecoder reads JSON as appliances send it: duplicate members and bytes that
// are not UTF-8 are put up with.
func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Open reads a raw object up to its result. Bad input is a fault of class
// Reject; errors of the reader come through.
func Open(r io.Reader) (*Document, error) {
	d := &Document{dec: newDecoder(r)}
	switch begin, err := d.dec.ReadToken(); {
	case err != nil:
		return nil, malformed(err)
	case begin.Kind() != '{':
		return nil, reject("the document is not a JSON object", "let the collector write raw objects")
	}
	members := map[string]any{
		"schema": &d.Schema, "run": &d.Run, "appliance": &d.Appliance,
		"system": &d.System, "scan": &d.Scan, "catalog": &d.Catalog,
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		switch name.String() {
		case "result":
			d.atResult = true
			return d, d.check()
		case "results", "scannedIssues", "createdTs", "configScanResultSummary":
			if d.Schema == "" {
				return nil, &fault.Error{Class: fault.Reject, What: "it is what an appliance answered, not a raw object", Cure: "upload it under raw/manual/", Err: ErrBare}
			}
		}
		if err := d.member(members[name.String()]); err != nil {
			return nil, fmt.Errorf("read envelope: %w", err)
		}
	}
	return nil, errors.Join(d.check(), reject("the document has no result", "let the collector write raw objects"))
}

func (d *Document) member(into any) error {
	if into == nil {
		if err := d.dec.SkipValue(); err != nil {
			return malformed(err)
		}
		return nil
	}
	err := json.UnmarshalDecode(d.dec, into)
	if _, ok := errors.AsType[*json.SemanticError](err); ok {
		return reject("the envelope has a member of a wrong type ("+err.Error()+")", "let the collector write raw objects")
	}
	return malformed(err)
}

func (d *Document) check() error {
	switch {
	case d.Schema != rawSchema:
		return reject(fmt.Sprintf("schema %q is not %q", d.Schema, rawSchema), "deploy a release that knows it")
	case d.System.ID == "" || d.Run.ID == "" || d.Run.StartedAt.IsZero():
		return reject("the envelope names no system or no run", "let the collector write raw objects")
	}
	return nil
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
			return malformed(err)
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
	if err == nil && !d.bare {
		err = d.end()
	}
	return malformed(err)
}

// end reads what may follow the result: unknown members, the brace, nothing.
func (d *Document) end() error {
	for d.dec.PeekKind() != '}' {
		if err := d.dec.SkipValue(); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	return ended(d.dec)
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

// malformed names what a JSON error means; other errors come through.
func malformed(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err // the reader has said what it is
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return reject("the document is cut off", "upload it again, or let the next analysis replace it")
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return reject(fmt.Sprintf("the document is not valid JSON at byte %d", syntactic.ByteOffset), "look at what the appliance answered")
	}
	return err
}

func reject(what, cure string) error {
	return &fault.Error{Class: fault.Reject, What: what, Cure: cure}
}
