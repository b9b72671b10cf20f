package mapping

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
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
func (e *Envelope) CompletedAt() time.Time {
	at, _ := runecast.ParseTime(e.Scan.CompletedAt)
	return at
}

// rawSchema is the schema of a raw object that this reader understands.
const rawSchema = "runecast-raw/1"

// Document is a raw object that is being read: first its envelope, then the
// result's issues one after the other.
type Document struct {
	Envelope
	w runecast.Walker
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
	d := &Document{Envelope: e, w: runecast.NewWalker(r), atResult: true, bare: true}
	if index < 0 {
		return d, nil
	}
	if _, err := d.w.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	for d.w.PeekKind() != '}' {
		name, err := d.w.Name()
		if err != nil {
			return nil, malformed(err)
		}
		if string(name) == "results" && d.w.PeekKind() == '[' {
			_, err = d.w.ReadToken()
			for ; err == nil && index > 0; index-- {
				err = d.w.Skip()
			}
			return d, malformed(err)
		}
		if err := d.w.Skip(); err != nil {
			return nil, malformed(err)
		}
	}
	return nil, reject("the document has no results", "save what the appliance answers to /results")
}

// Open reads a raw object up to its result. Bad input is a fault of class
// Reject; errors of the reader come through.
func Open(r io.Reader) (*Document, error) {
	d := &Document{w: runecast.NewWalker(r)}
	switch begin, err := d.w.ReadToken(); {
	case err != nil:
		return nil, malformed(err)
	case begin.Kind() != '{':
		return nil, reject("the document is not a JSON object", "let the collector write raw objects")
	}
	members := map[string]any{
		"schema": &d.Schema, "run": &d.Run, "appliance": &d.Appliance,
		"system": &d.System, "scan": &d.Scan, "catalog": &d.Catalog,
	}
	for d.w.PeekKind() != '}' {
		quoted, err := d.w.Name()
		if err != nil {
			return nil, malformed(err)
		}
		name := string(quoted)
		switch name {
		case "result":
			d.atResult = true
			return d, d.check()
		case "results", "scannedIssues", "createdTs", "configScanResultSummary":
			if d.Schema == "" {
				return nil, &fault.Error{Class: fault.Reject, What: "it is what an appliance answered, not a raw object", Cure: "upload it under raw/manual/", Err: ErrBare}
			}
		}
		if err := d.member(members[name]); err != nil {
			return nil, fmt.Errorf("read envelope: %w", err)
		}
	}
	return nil, errors.Join(d.check(), reject("the document has no result", "let the collector write raw objects"))
}

func (d *Document) member(into any) error {
	if into == nil {
		if err := d.w.Skip(); err != nil {
			return malformed(err)
		}
		return nil
	}
	err := json.UnmarshalDecode(d.w.Decoder, into)
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
	if d.w.PeekKind() != '{' {
		if err := d.w.Skip(); err != nil {
			return malformed(err)
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
	if err == nil && !d.bare {
		err = d.end()
	}
	return malformed(err)
}

// end reads what may follow the result: unknown members, the brace, nothing.
func (d *Document) end() error {
	for d.w.PeekKind() != '}' {
		if err := d.w.Skip(); err != nil {
			return err
		}
	}
	if _, err := d.w.ReadToken(); err != nil {
		return err
	}
	return d.w.End()
}

// malformed names what a JSON error means; other errors come through.
func malformed(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err // the reader has said what it is
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, runecast.ErrFollowed):
		return reject("something follows the document", "upload it again")
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
