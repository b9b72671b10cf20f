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
		d := jsontext.NewDecoder(bytes.NewReader(v), lenient())
		_, _ = d.ReadToken() // of a valid value nothing fails
		for d.PeekKind() == '"' {
			token, _ := d.ReadToken()
			member := strings.TrimPrefix(name+"."+plain(token.String()), ".")
			value, _ := d.ReadValue()
			f, l := flatten(member, value)
			fields, lists = append(fields, f...), append(lists, l...)
		}
	case '[':
		l := list{name: name}
		_ = json.Unmarshal(v, &l.elements, lenient()) // it is valid
		lists = append(lists, l)
	default:
		fields = append(fields, field{name, scalar(v)})
	}
	return fields, lists
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
