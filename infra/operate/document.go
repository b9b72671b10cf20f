package main

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// field is a scalar by its name; a member of an object is named by both.
type field struct{ name, text string }

// list is an array by its name.
type list struct {
	name     string
	elements []jsontext.Value
}

// lenient are the options for what a function may answer.
func lenient() json.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// flatten returns the scalars and arrays of a valid value, at any depth of
// objects, in the order in which they came.
func flatten(name string, v jsontext.Value) (fields []field, lists []list) {
	switch v.Kind() {
	case '{':
		each(v, func(member string, v jsontext.Value) {
			f, l := flatten(strings.TrimPrefix(name+"."+member, "."), v)
			fields, lists = append(fields, f...), append(lists, l...)
		})
	case '[':
		l := list{name: name}
		each(v, func(_ string, v jsontext.Value) { l.elements = append(l.elements, v) })
		lists = append(lists, l)
	default:
		fields = append(fields, field{name, scalar(v)})
	}
	return fields, lists
}

// each hands over the members of a valid object, or the elements of a valid
// array, which have no names.
func each(v jsontext.Value, do func(name string, v jsontext.Value)) {
	d := jsontext.NewDecoder(bytes.NewReader(v), lenient())
	open, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' && d.PeekKind() != ']' {
		var name string
		if open.Kind() == '{' {
			token, _ := d.ReadToken()
			name = plain(token.String())
		}
		var value jsontext.Value
		value, err = d.ReadValue()
		do(name, value.Clone())
	}
}

// scalar is a value for people. Fractions are shortened: nobody reads sixteen
// digits. Line breaks stay: a cell's lines are indented, so that they look like
// nothing else.
func scalar(v jsontext.Value) string {
	token, err := jsontext.NewDecoder(bytes.NewReader(v), lenient()).ReadToken()
	switch {
	case err != nil || token.Kind() == 'n':
		return ""
	case token.Kind() == '0' && bytes.ContainsAny(v, ".eE"):
		if f, err := token.Float(); err == nil {
			return strconv.FormatFloat(f, 'g', 4, 64)
		}
	}
	lines := strings.Split(strings.TrimSpace(token.String()), "\n")
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
