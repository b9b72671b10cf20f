package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// tree is a JSON value with its members in the order in which they came.
type tree struct {
	kind     jsontext.Kind
	text     string // of a scalar, for people
	names    []string
	children []tree
}

// parseTree reads one JSON document.
func parseTree(doc []byte) (tree, error) {
	d := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	t, err := readTree(d)
	if err != nil {
		return tree{}, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return tree{}, errors.New("there is more than one document")
	}
	return t, nil
}

func readTree(d *jsontext.Decoder) (tree, error) {
	token, err := d.ReadToken()
	if err != nil {
		return tree{}, fmt.Errorf("read JSON: %w", err)
	}
	t := tree{kind: token.Kind()}
	switch t.kind {
	case '{', '[':
		return t, t.readChildren(d)
	case 'n':
	case '0':
		t.text = number(token.String())
	default:
		t.text = paragraphs(token.String())
	}
	return t, nil
}

// readChildren reads up to the end of an object or an array.
func (t *tree) readChildren(d *jsontext.Decoder) error {
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		if t.kind == '{' {
			name, err := d.ReadToken()
			if err != nil {
				return fmt.Errorf("read JSON: %w", err)
			}
			t.names = append(t.names, plain(name.String()))
		}
		child, err := readTree(d)
		if err != nil {
			return err
		}
		t.children = append(t.children, child)
	}
	_, err := d.ReadToken()
	return err
}

// number shortens fractions: nobody reads sixteen digits.
func number(text string) string {
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, ".eE") {
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	return text
}

// paragraphs keeps line breaks: a cell's lines are indented, so that they look
// like nothing else.
func paragraphs(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// plain keeps what comes from outside from moving the cursor, colouring the
// terminal, or looking like lines of ours.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
