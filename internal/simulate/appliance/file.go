package appliance

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/fault"
)

// file is a saved document, plain or gzip. It is read anew for each answer,
// so that its size does not matter.
type file struct {
	path     string
	endpoint string // the last part of the path whose answer was saved, as "results"
}

// edit replaces the bytes from (inclusive) to to (exclusive) of a file by a text.
type edit struct {
	from, to int64
	text     string
}

// read calls use with the file's uncompressed bytes, and returns its error.
func (f file) read(use func(io.Reader) error) error {
	opened, err := os.Open(f.path)
	if err != nil {
		return &fault.Error{Class: fault.Config, Where: f.path, What: "the saved document cannot be opened", Cure: "name a readable file", Err: err}
	}
	defer opened.Close()
	buffered := bufio.NewReaderSize(opened, 1<<16)
	if magic, _ := buffered.Peek(2); string(magic) != "\x1f\x8b" {
		return use(buffered)
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		return f.unusable(err)
	}
	defer unpacked.Close()
	return use(unpacked)
}

// unusable returns the error about a document that has the wrong form.
func (f file) unusable(err error) error {
	return &fault.Error{
		Class: fault.Config, Where: f.path, What: "not an API v1 /" + f.endpoint + " document",
		Cure: "save the unchanged body of GET /rc2/api/v1/" + f.endpoint + " again, plain or gzip", Err: err,
	}
}

// index reads the whole document, which must be one JSON object, and calls member
// for each of its members; member has to read the value.
func (f file) index(member func(d *jsontext.Decoder, name string) error) error {
	return f.read(func(r io.Reader) error {
		d := jsontext.NewDecoder(r, lenient)
		err := eachMember(d, func(name string) error { return member(d, name) })
		if err == nil {
			if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
				return nil
			}
			err = errors.Join(errors.New("more than one JSON value"), err)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return f.unusable(err)
	})
}

// copy writes the file with its edits applied. They have to be in order, and must
// not overlap.
func (f file) copy(w io.Writer, edits []edit) error {
	return f.read(func(r io.Reader) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		at := int64(0)
		for _, e := range edits {
			if _, err := io.CopyN(buffered, r, e.from-at); err != nil {
				return err
			}
			if _, err := io.CopyN(io.Discard, r, e.to-e.from); err != nil {
				return err
			}
			if _, err := buffered.WriteString(e.text); err != nil {
				return err
			}
			at = e.to
		}
		if _, err := io.Copy(buffered, r); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// eachMember reads an object; visit has to read the value of each member.
func eachMember(d *jsontext.Decoder, visit func(name string) error) error {
	if err := begin(d, '{', "an object"); err != nil {
		return err
	}
	return members(d, visit)
}

// members reads the rest of an object after its opening brace.
func members(d *jsontext.Decoder, visit func(name string) error) error {
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := visit(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// eachValue reads an array; visit has to read each of its values.
func eachValue(d *jsontext.Decoder, visit func() error) error {
	if err := begin(d, '[', "a list"); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func begin(d *jsontext.Decoder, kind jsontext.Kind, wanted string) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != kind {
		return fmt.Errorf("%s is not %s", cmp.Or(d.StackPointer(), "the whole"), wanted)
	}
	return nil
}

// readText reads any value, and returns it if it is a string, else "".
func readText(d *jsontext.Decoder) (string, error) {
	if d.PeekKind() != '"' {
		return "", d.SkipValue()
	}
	token, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

// orSkip calls read for a value of this kind, and passes over any other: every member
// of a real document may be null.
func orSkip(d *jsontext.Decoder, kind jsontext.Kind, read func() error) error {
	if d.PeekKind() != kind {
		return d.SkipValue()
	}
	return read()
}
