package main

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// field is a scalar with its name; the name of a member of an object has the
// object's name before it, as in committed.run.
type field struct{ name, text string }

// list is an array with its name.
type list struct {
	name     string
	elements []jsontext.Value
}

// lenient returns options that accept duplicate names and invalid UTF-8, since an
// answer is shown whatever a function sends.
func lenient() json.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// flatten returns the scalars and arrays of a valid value, from all depths of
// nested objects, in the order in which they came. It leaves arrays as they are.
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

// scalar returns the text of a value for people. Fractions are shortened to four
// digits. Line breaks stay: all lines of a cell are indented, so that a line from
// outside cannot look like a line of the program.
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

// plain returns a text with spaces in place of characters that do not print. Text
// from outside can then neither move the cursor nor colour the terminal, nor look
// like a line of the program.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
