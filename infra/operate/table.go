package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// widest is where the text of a cell goes on in the next line, in
	// characters. Words, such as keys, stay whole.
	widest = 60
	gap    = "  "
)

// page is one document on its way to the reader.
type page struct {
	strings.Builder
	// wide shows the columns, too, that few want and all would have to scroll past.
	wide bool
	// left are the columns that were left out.
	left []string
}

// field is a scalar by its name; a member of an object is named by both.
type field struct{ name, text string }

// list is an array by its name.
type list struct {
	name string
	rows []tree
}

// writeTables shows a document: its scalars a line each, then each array as a
// table, and at the very end what its member "next" says to do.
func writeTables(w io.Writer, doc []byte, wide bool) error {
	t, err := parseTree(doc)
	if err != nil {
		_, err := fmt.Fprintln(w, plain(string(doc))) // no JSON: shown as it is
		return err
	}
	if t.kind != '{' {
		t = tree{kind: '{', names: []string{"answer"}, children: []tree{t}}
	}
	fields, lists := t.flatten("")
	b := page{wide: wide}
	next := ""
	fields = slices.DeleteFunc(fields, func(f field) bool {
		if f.name == "next" {
			next = f.text
		}
		return f.name == "next" || f.text == ""
	})
	writeFields(&b, fields)
	for _, l := range lists {
		l.write(&b)
	}
	if len(b.left) > 0 {
		fmt.Fprintf(&b, "left out: %s; -wide, or make with WIDE=1, shows all\n", strings.Join(b.left, ", "))
	}
	if next != "" {
		fmt.Fprintf(&b, "next: %s\n", next)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// flatten gives an object's scalars and arrays, at any depth of objects.
func (t tree) flatten(prefix string) (fields []field, lists []list) {
	for i, child := range t.children {
		name := prefix + t.names[i]
		switch child.kind {
		case '{':
			f, l := child.flatten(name + ".")
			fields, lists = append(fields, f...), append(lists, l...)
		case '[':
			lists = append(lists, list{name, child.children})
		default:
			fields = append(fields, field{name, child.text})
		}
	}
	return fields, lists
}

func writeFields(b *page, fields []field) {
	var rows [][]string
	for _, f := range fields {
		rows = append(rows, []string{f.name, f.text})
	}
	writeAligned(b, rows)
}

// write shows an array; the arrays in its rows follow as tables of their own.
func (l list) write(b *page) {
	if len(l.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", l.name)
	var columns []string
	var records []map[string]string
	var inner []list
	for _, row := range l.rows {
		if row.kind != '{' {
			row = tree{kind: '{', names: []string{""}, children: []tree{row}}
		}
		fields, lists := row.flatten("")
		record := map[string]string{}
		for _, f := range fields {
			if record[f.name] = f.text; f.text != "" && !slices.Contains(columns, f.name) && b.shows(f.name) {
				columns = append(columns, f.name)
			}
		}
		records = append(records, record)
		for _, in := range lists {
			if len(in.rows) == 0 || !b.shows(in.name) {
				continue
			}
			if len(fields) > 0 {
				in.name += " of " + fields[0].text
			}
			inner = append(inner, in)
		}
	}
	writeAligned(b, grid(columns, records))
	for _, in := range inner {
		in.write(b)
	}
}

// shows tells whether a column, or an array in a row, is shown.
func (b *page) shows(name string) bool {
	seldom := []string{"id", "committed.scanId", "committed.rawKey", "committed.completedAt", "committed.committedAt", "rows"}
	if b.wide || !slices.Contains(seldom, name) {
		return true
	}
	if !slices.Contains(b.left, name) {
		b.left = append(b.left, name)
	}
	return false
}

// grid is a table with a head, where the columns have names.
func grid(columns []string, records []map[string]string) [][]string {
	var rows [][]string
	if len(columns) != 1 || columns[0] != "" {
		rows = append(rows, columns)
	}
	for _, record := range records {
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = record[name]
		}
		rows = append(rows, row)
	}
	return rows
}

// writeAligned writes rows of cells, indented.
func writeAligned(b *page, rows [][]string) {
	var widths []int
	wrapped := make([][][]string, len(rows))
	for i, row := range rows {
		for c, cell := range row {
			lines := wrap(cell)
			wrapped[i] = append(wrapped[i], lines)
			if c == len(widths) {
				widths = append(widths, 0)
			}
			for _, line := range lines {
				widths[c] = max(widths[c], utf8.RuneCountInString(line))
			}
		}
	}
	for _, cells := range wrapped {
		writeRow(b, cells, widths)
	}
}

// writeRow writes as many lines as the row's longest cell has.
func writeRow(b *page, cells [][]string, widths []int) {
	height := 0
	for _, lines := range cells {
		height = max(height, len(lines))
	}
	for n := range height {
		line := ""
		for c, lines := range cells {
			text := ""
			if n < len(lines) {
				text = lines[n]
			}
			line += gap + text + strings.Repeat(" ", widths[c]-utf8.RuneCountInString(text))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// wrap breaks a text at its line breaks, and between words into lines of the
// widest cell.
func wrap(text string) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line, length := "", 0
		for _, word := range strings.Fields(paragraph) {
			n := utf8.RuneCountInString(word)
			if length > 0 && length+1+n > widest {
				lines = append(lines, line)
				line, length = "", 0
			}
			if length > 0 {
				line, length = line+" ", length+1
			}
			line, length = line+word, length+n
		}
		lines = append(lines, line)
	}
	return lines
}
