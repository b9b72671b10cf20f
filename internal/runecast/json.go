package runecast

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// walker reads one JSON document token by token. It tolerates what appliances
// may send (duplicate members, invalid UTF-8, numbers beyond any range) and
// refuses what is not JSON. Nothing larger than one token is held.
type walker struct {
	tap *tap
	dec *jsontext.Decoder
	// profile is told the type of each check; may be nil.
	profile func(code string)
}

// newWalker reads r in chunks of a size in bytes.
func newWalker(r io.Reader, chunk int) *walker {
	t := newTap(r, chunk)
	return &walker{tap: t, dec: jsontext.NewDecoder(t, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// token reads the next token; it is valid until the next read.
func (w *walker) token() (jsontext.Token, error) {
	tok, err := w.dec.ReadToken()
	if err != nil {
		return tok, w.explain(err)
	}
	w.tap.consumed = w.dec.InputOffset()
	return tok, nil
}

// name reads a member's name, without its quotes; valid until the next read.
func (w *walker) name() ([]byte, error) {
	quoted, err := w.dec.ReadValue()
	if err != nil {
		return nil, w.explain(err)
	}
	w.tap.consumed = w.dec.InputOffset()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	name, _ := jsontext.AppendUnquote(nil, quoted) // invalid UTF-8 in it is replaced: no name that matters
	return name, nil
}

// skip passes over one value of any size.
func (w *walker) skip() error { return w.upTo(w.dec.StackDepth()) }

// rest passes over what is left of the object or array that was begun.
func (w *walker) rest() error { return w.upTo(w.dec.StackDepth() - 1) }

func (w *walker) upTo(depth int) error {
	for {
		if _, err := w.token(); err != nil {
			return err
		}
		if w.dec.StackDepth() <= depth {
			return nil
		}
	}
}

// text gives a string's or number's text; any other value is skipped and gives "".
func (w *walker) text() (string, error) {
	switch w.dec.PeekKind() {
	case '"', '0':
		tok, err := w.token()
		if err != nil {
			return "", err
		}
		return tok.String(), nil
	}
	return "", w.skip()
}

// members calls each with every name of an object; each reads the value. Any
// other value is skipped.
func (w *walker) members(each func(name []byte) error) error {
	if w.dec.PeekKind() != '{' {
		return w.skip()
	}
	_, err := w.token()
	for err == nil && w.dec.PeekKind() != '}' {
		var name []byte
		if name, err = w.name(); err == nil {
			err = each(name)
		}
	}
	if err != nil {
		return err
	}
	_, err = w.token()
	return err
}

// elements calls each for every element of an array; each reads it. Any other
// value is skipped.
func (w *walker) elements(each func() error) error {
	if w.dec.PeekKind() != '[' {
		return w.skip()
	}
	_, err := w.token()
	for err == nil && w.dec.PeekKind() != ']' {
		err = each()
	}
	if err != nil {
		return err
	}
	_, err = w.token()
	return err
}

// end checks that nothing but white space follows, up to a clean end.
func (w *walker) end() error {
	switch _, err := w.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return w.explain(err)
	}
	return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the answer goes on after its JSON document ended (byte %d)", w.tap.consumed), Cure: otherService}
}

// NotJSON is the error about an answer that is something for people instead.
func NotJSON(what string) *fault.Error {
	return &fault.Error{Class: fault.Config, What: "the answer is " + what + " instead of JSON",
		Cure: "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login; a login page also means that the token is not valid"}
}

const otherService = "check with a browser what answers at the appliance's address"

// explain tells a broken connection (the reader's own error) from a document
// that ends too early and from one that is not JSON.
func (w *walker) explain(err error) error {
	switch {
	case w.tap.err != nil && !errors.Is(w.tap.err, io.EOF):
		return w.tap.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &fault.Error{Class: fault.Retry, What: fmt.Sprintf("the answer was cut after %d bytes", w.tap.base+int64(len(w.tap.chunk))),
			Cure: "look whether the appliance, or something between, was restarted"}
	}
	if bytes.HasPrefix(bytes.TrimLeft(w.tap.chunk, " \t\r\n\ufeff"), []byte("<")) && w.tap.base == 0 {
		return NotJSON("text that begins like HTML")
	}
	return &fault.Error{Class: fault.Reject, What: "the answer is not valid JSON", Err: position(err), Cure: otherService}
}

// position keeps an error's place and kind; its text could quote the document.
func position(err error) error {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("at byte %d", s.ByteOffset)
	}
	return err
}
