package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// widest is the width of a cell, in characters, beyond which its text continues in
// the next line. Words, such as keys, stay whole.
const widest = 60

// page is the text that shows one document.
type page struct {
	strings.Builder
	// wide shows the seldom needed columns, too.
	wide bool
	// left has the names of the columns that were left out.
	left []string
}

// writeTables writes a document: each scalar on a line, then each array as a
// table, and at the very end its member "next", which says what to do. A document
// that is not JSON is written as it is.
func writeTables(w io.Writer, doc []byte, wide bool) error {
	v, name := jsontext.Value(doc), ""
	if !v.IsValid(lenient()) {
		_, err := fmt.Fprintln(w, plain(string(doc))) // no JSON: shown as it is
		return err
	}
	if v.Kind() != '{' {
		name = "answer"
	}
	fields, lists := flatten(name, v)
	p, next := page{wide: wide}, ""
	var rows [][]string
	for _, f := range fields {
		switch {
		case f.name == "next":
			next = f.text
		case f.text != "":
			rows = append(rows, []string{f.name, f.text})
		}
	}
	p.align(rows)
	for _, l := range lists {
		p.list(l)
	}
	if len(p.left) > 0 {
		fmt.Fprintf(&p, "left out: %s; --wide shows all\n", strings.Join(p.left, ", "))
	}
	if next != "" {
		fmt.Fprintf(&p, "next: %s\n", next)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// list writes an array as a table. The arrays in its elements follow as tables of
// their own.
func (p *page) list(l list) {
	if len(l.elements) == 0 {
		return
	}
	fmt.Fprintf(p, "%s:\n", l.name)
	var columns []string
	var records []map[string]string
	var inner []list
	for _, element := range l.elements {
		fields, lists := flatten("", element)
		record := map[string]string{}
		for _, f := range fields {
			if record[f.name] = f.text; f.text != "" && !slices.Contains(columns, f.name) && p.shows(f.name) {
				columns = append(columns, f.name)
			}
		}
		records = append(records, record)
		for _, in := range lists {
			if len(in.elements) == 0 || !p.shows(in.name) {
				continue
			}
			if len(fields) > 0 {
				in.name += " of " + fields[0].text
			}
			inner = append(inner, in)
		}
	}
	rows := [][]string{columns} // the head
	if slices.Equal(columns, []string{""}) {
		rows = nil
	}
	for _, record := range records {
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = record[name]
		}
		rows = append(rows, row)
	}
	p.align(rows)
	for _, in := range inner {
		p.list(in)
	}
}

// shows reports whether a column, or an array in a row, is shown.
func (p *page) shows(name string) bool {
	seldom := []string{"id", "committed.scanId", "committed.rawKey", "committed.completedAt", "committed.committedAt", "rows"}
	if p.wide || !slices.Contains(seldom, name) {
		return true
	}
	if !slices.Contains(p.left, name) {
		p.left = append(p.left, name)
	}
	return false
}

// align writes rows of cells in columns, indented. A row has as many lines as the
// cell with the most lines.
func (p *page) align(rows [][]string) {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells, height := make([][]string, len(row)), 0
		for i, cell := range row {
			cells[i] = wrap(cell)
			height = max(height, len(cells[i]))
		}
		for n := range height {
			for _, lines := range cells {
				if n < len(lines) {
					_, _ = io.WriteString(columns, lines[n])
				}
				_, _ = io.WriteString(columns, "\t")
			}
			_, _ = io.WriteString(columns, "\n")
		}
	}
	_ = columns.Flush() // into memory: nothing fails
	for line := range strings.Lines(text.String()) {
		p.WriteString("  " + strings.TrimRight(line, " \n") + "\n")
	}
}

// wrap returns the lines of a text: broken at its line breaks, and between words
// where a line would be wider than widest.
func wrap(text string) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line, length := "", 0
		for _, word := range strings.Fields(paragraph) {
			n := utf8.RuneCountInString(word)
			switch {
			case length == 0:
				line, length = word, n
			case length+1+n > widest:
				lines = append(lines, line)
				line, length = word, n
			default:
				line, length = line+" "+word, length+1+n
			}
		}
		lines = append(lines, line)
	}
	return lines
}
