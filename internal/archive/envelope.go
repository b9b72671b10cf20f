package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/jsonread"
)

// RawSchema is the schema of a raw object.
const RawSchema = "runecast-raw/1"

// Envelope is what a raw object says before the appliance's own words:
// {"schema":…,"run":…,"appliance":…,"system":…,"scan":…,"catalog":…,"result":…}.
type Envelope struct {
	Schema    string       `json:"schema"`
	Run       EnvelopeRun  `json:"run"`
	Appliance Appliance    `json:"appliance"`
	System    System       `json:"system"`
	Scan      EnvelopeScan `json:"scan"`
	// Catalog is the key of the catalogue that the same run archived; empty: none.
	Catalog string `json:"catalog"`
}

// EnvelopeRun is the run that archived the object.
type EnvelopeRun struct {
	ID      string `json:"id"`
	Trigger string `json:"trigger"` // schedule or console
	// Mode is analyze if the run had the system analysed, latest if it took what
	// the appliance had; empty in objects of older releases, and in hand-made
	// documents.
	Mode      string    `json:"mode,omitzero"`
	StartedAt time.Time `json:"startedAt"`
}

// EnvelopeScan is the scan's end as the appliance said it.
type EnvelopeScan struct {
	Status string `json:"status"`
	// CompletedAt is RFC 3339 where the appliance's text could be read as a
	// time, else its own text.
	CompletedAt string `json:"completedAt"`
}

// WriteHead writes the document up to and with `"result":`. The caller copies
// the appliance's bytes after it and closes the object with a brace.
func (e Envelope) WriteHead(w io.Writer) error {
	e.Schema = RawSchema
	head, err := json.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	head = append(bytes.TrimSuffix(head, []byte("}")), `,"result":`...)
	if _, err = w.Write(head); err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	return nil
}

// RawReader reads a raw object in three steps: ReadRaw reads the envelope, the
// caller reads the result, and End reads the rest.
type RawReader struct {
	Envelope
	// Result is where the value of the result is read from: its next value is the
	// result. Duplicate members and bytes that are not UTF-8 are accepted, since
	// appliances send them.
	Result *jsonread.Reader
}

// ErrNoEnvelope is in the error of ReadRaw if the document is an appliance's answer
// without an envelope.
var ErrNoEnvelope = errors.New("no envelope")

// ReadRaw reads a raw object up to its result. Members that are not known are
// skipped. Bad input is a fault of class Reject, which wraps ErrNoEnvelope if the
// document is a saved answer of an appliance; errors of the reader come through.
func ReadRaw(r io.Reader) (*RawReader, error) {
	d := &RawReader{Result: jsonread.New(r)}
	switch begin, err := d.Result.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil, unreadable("the document is cut off before it begins: it is empty", "save it again, and upload that")
	case err != nil:
		return nil, Malformed(err)
	case begin != '{':
		return nil, unreadable("the document is not a JSON object", cureEnvelope)
	}
	members := map[string]any{
		"schema": &d.Schema, "run": &d.Run, "appliance": &d.Appliance,
		"system": &d.System, "scan": &d.Scan, "catalog": &d.Catalog,
	}
	for d.Result.PeekKind() != '}' {
		text, err := d.Result.ReadName()
		if err != nil {
			return nil, Malformed(err)
		}
		name := string(text)
		switch name {
		case "result":
			return d, d.check()
		case "results", "scannedIssues", "createdTs", "configScanResultSummary": // an answer of API v1, or of v2
			if d.Schema == "" {
				return nil, &fault.Error{Class: fault.Reject, What: "it is what an appliance answered, not a raw object", Cure: "upload it under " + ManualPrefix, Err: ErrNoEnvelope}
			}
		}
		if err := d.member(members[name]); err != nil {
			return nil, fmt.Errorf("read envelope: %w", err)
		}
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return nil, unreadable("the document has no result", cureEnvelope)
}

const cureEnvelope = "let the collector write raw objects"

// member reads a member's value into a variable; nil: it skips the value.
func (r *RawReader) member(into any) error {
	if into == nil {
		return Malformed(r.Result.Skip())
	}
	value, err := r.Result.ReadValue()
	if err != nil {
		return Malformed(err)
	}
	err = json.Unmarshal(value, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, ok := errors.AsType[*json.SemanticError](err); ok {
		return unreadable("the envelope has a member of a wrong type ("+err.Error()+")", cureEnvelope)
	}
	return Malformed(err)
}

// check returns why the members before the result are not those of a raw object
// that can be read; nil: they are.
func (r *RawReader) check() error {
	switch {
	case r.Schema == "":
		return unreadable(`the document is neither a raw object, which has a "schema", nor results as an appliance answers them`,
			"take what it answers to /results, or to config-scans/latest of API v2, as it comes")
	case r.Schema != RawSchema:
		return unreadable(fmt.Sprintf("schema %q is not %q", r.Schema, RawSchema), "deploy a release that knows it")
	case r.System.ID == "" || r.Run.ID == "" || r.Run.StartedAt.IsZero():
		return unreadable("the envelope names no system or no run", cureEnvelope)
	}
	return nil
}

// End reads what follows the result. Members that are not known, the closing brace
// and white space may follow; anything else is a fault of class Reject.
func (r *RawReader) End() error {
	for r.Result.PeekKind() != '}' {
		if err := r.Result.Skip(); err != nil {
			return Malformed(err)
		}
	}
	if _, err := r.Result.ReadToken(); err != nil {
		return Malformed(err)
	}
	switch _, err := r.Result.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return Malformed(err)
	}
	return unreadable("something follows the document", "upload it again")
}

// Skip passes over the result and reads the rest, so that the whole object is checked.
func (r *RawReader) Skip() error {
	if err := r.Result.Skip(); err != nil {
		return Malformed(err)
	}
	return r.End()
}

// Malformed turns an error of reading a stored JSON document into one for a person:
// a fault of class Reject if the text is cut off or not JSON. A fault of the reader,
// and every other error, comes back unchanged; nil stays nil.
func Malformed(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return unreadable("the document is cut off", "upload it again, or let the next analysis replace it")
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return unreadable(fmt.Sprintf("the document is not valid JSON at byte %d", syntactic.ByteOffset), "look at what the appliance answered")
	}
	return err
}

func unreadable(what, cure string) error {
	return &fault.Error{Class: fault.Reject, What: what, Cure: cure}
}
