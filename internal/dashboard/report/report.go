// Package report shows the tiles of the dashboard to people: as one HTML page
// that needs no other file. It promises that a page fetches nothing, runs
// nothing, and takes no text that it shows for markup.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"
	"unicode"

	"runecast-ingest/internal/dashboard"
)

//go:embed *.html style.css
var files embed.FS

// Page is one report.
type Page struct {
	// Title is the file or the run that the tiles were computed from.
	Title string
	Tiles dashboard.Tiles
	// Run is the run from which the tiles come; nil if it is not known.
	Run *Run
}

// Run is one run of the product, from the analysis to the dashboard.
type Run struct {
	// Figures are the run's counts and sizes, in the order in which they are shown.
	Figures []Figure
	// Problems says in one sentence each what is wrong with the dashboard;
	// empty means that it shows what the appliance shows.
	Problems []string
	// Notes says in one sentence each what went wrong in the run, but does not make
	// the dashboard wrong.
	Notes []string
	// Spans are in the order in which they are shown. More is the number of
	// spans that arrived, but were not kept.
	Spans []Span
	More  int
}

// Figure is a number with its unit, and what it counts.
type Figure struct{ Name, Value string }

// Span is a piece of work, as X-Ray records it.
type Span struct {
	// Trace is the id of its trace. Subject is the raw object or the system that it
	// worked on, or "".
	Trace, Name, Subject string
	Start, End           time.Time
	// Depth is the number of spans that it is nested in.
	Depth int
	// Failure is X-Ray's word for how it failed, "" if it did not.
	Failure string
}

// Write writes the page as HTML that is also well-formed XML. It fails only if w
// does.
func (p Page) Write(w io.Writer) error {
	page, err := template.New("page.html").Funcs(functions()).ParseFS(files, "*.html")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	style, err := files.ReadFile("style.css")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	hash := sha256.Sum256(style)
	var text bytes.Buffer
	if err := page.Execute(&text, struct {
		Page
		Style     template.CSS
		StyleHash string
	}{p, template.CSS(style), base64.StdEncoding.EncodeToString(hash[:])}); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.Write(bytes.Map(visible, text.Bytes())); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// visible replaces characters that are not seen, but change how the text around
// them is read: control characters, and those that turn the direction of the text.
func visible(r rune) rune {
	switch {
	case r == '\n', r == '\r', r == '\t':
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r&0xFFFE == 0xFFFE: // no character ends in FFFE or FFFF
		return unicode.ReplacementChar
	}
	return r
}
