package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/jsonread"
)

// maxText bounds one text that is read into memory, in bytes; the rest is cut away.
const maxText = 1 << 20

// Walker reads one JSON document of an appliance from front to back. It
// tolerates what appliances may send (duplicate members, invalid UTF-8, numbers
// beyond any range, values of unexpected types) and refuses what is not JSON.
// Nothing larger than one text is held. Errors are those of the decoder and of
// the reader.
type Walker struct{ *jsonread.Reader }

// NewWalker reads r.
func NewWalker(r io.Reader) Walker { return Walker{jsonread.New(r)} }

// lenient are the options with which appliances' JSON is read.
func lenient() jsontext.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Members calls each with the name of every member of an object; each reads the
// value. A value that is no object is skipped.
func (w Walker) Members(each func(name []byte) error) error {
	if w.PeekKind() != '{' {
		return w.Skip()
	}
	if _, err := w.ReadToken(); err != nil {
		return err
	}
	for {
		name, ok, err := w.NextName()
		if err != nil || !ok {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
}

// Elements calls each before every element of an array; each reads it. A value
// that is no array is skipped.
func (w Walker) Elements(each func() error) error {
	if w.PeekKind() != '[' {
		return w.Skip()
	}
	if _, err := w.ReadToken(); err != nil {
		return err
	}
	for w.PeekKind() != ']' {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := w.ReadToken()
	return err
}

// AppendText appends a scalar as text: a string, cut at 1 MiB, or a number or
// boolean as it is written. Null, objects and arrays are skipped.
func (w Walker) AppendText(dst []byte) ([]byte, error) {
	switch w.PeekKind() {
	case '"':
		text, plain, err := w.ReadString()
		if err != nil {
			return dst, err
		}
		return appendText(dst, text, plain), nil
	case '0', 't', 'f':
		raw, err := w.ReadValue()
		return append(dst, raw...), err
	}
	return dst, w.Skip()
}

// appendText appends what a text says, see ReadString.
func appendText(dst, text []byte, plain bool) []byte {
	begin := len(dst)
	if plain {
		dst = append(dst, text...)
	} else {
		dst = jsonread.AppendSaid(dst, text)
	}
	return dst[:min(len(dst), begin+maxText)]
}

// Text reads a scalar as text, see AppendText; any other value is "".
func (w Walker) Text() (string, error) {
	text, err := w.AppendText(nil)
	return string(text), err
}

// rest passes over the rest of the object or array that the next token is in.
func (w Walker) rest() error { return w.Leave(w.StackDepth() - 1) }

// ErrFollowed is returned by End if a document is followed by anything but white
// space.
var ErrFollowed = errors.New("something follows the JSON document")

// End returns nil if nothing but white space follows up to the end of the source.
// Otherwise it returns ErrFollowed, or the decoder's or reader's error.
func (w Walker) End() error {
	if w.PeekKind() != 0 {
		return ErrFollowed
	}
	if _, err := w.ReadToken(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

const (
	otherService = "check with a browser what answers at the appliance's address"
	ownAddress   = "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login; a login page also means that the token is not valid"
)

// NotJSON returns the error for an answer that is made for people instead of
// programs; what names it, as "an HTML page".
func NotJSON(what string) *fault.Error {
	return &fault.Error{Class: fault.Config, What: "the answer is " + what + " instead of JSON", Cure: ownAddress}
}

// position reduces a decoding error to its place in the document, which its text
// could quote. Any other error comes back unchanged.
func position(err error) error {
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("at %s", s.JSONPointer)
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("at byte %d", s.ByteOffset)
	}
	return err
}

// maxSmall bounds the documents that are decoded at once: the lists of systems
// and of analyzers.
const maxSmall = 8 << 20

// small decodes a document of at most 8 MiB. A longer one is a fault of class Reject.
func small(r io.Reader, into any) error {
	var whole bytes.Buffer
	if err := CopyDocument(&limited{&whole, maxSmall, "the answer"}, r); err != nil {
		return err
	}
	err := json.Unmarshal(whole.Bytes(), into, lenient())
	if err != nil {
		return &fault.Error{Class: fault.Reject, What: "the answer has another shape than known", Err: position(err), Cure: otherService}
	}
	return nil
}

// text is a string or a number, which appliances mix for identifiers; null is empty.
type text string

// UnmarshalJSONFrom reads any scalar.
func (t *text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case '"', '0':
		*t = text(tok.String())
	case 'n':
		*t = ""
	default:
		return errors.New("neither text nor number")
	}
	return nil
}

// loose is a text that is only shown. A value that is no string and no number is
// read as empty.
type loose string

// UnmarshalJSONFrom reads any value.
func (l *loose) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '"', '0':
		return (*text)(l).UnmarshalJSONFrom(dec)
	}
	*l = ""
	return dec.SkipValue()
}
