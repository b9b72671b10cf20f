// Package display shows how far a run is: one line that is drawn over and over
// on a terminal, plain lines elsewhere. It promises never to break a line of
// the terminal, and to stay readable in a log.
package display

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	// logEvery is the least time between two progress lines of one phase in a log.
	logEvery  = 5 * time.Second
	nameWidth = 9 // "analyse", "archive", "deliver" and two spaces
)

// Display draws phases. It is safe for concurrent use.
type Display struct {
	w     io.Writer
	width func() int // of the terminal in columns; 0: no terminal
	now   func() time.Time

	mu     sync.Mutex
	phase  string
	began  time.Time
	drawn  bool      // a line without an end is on the screen
	shown  string    // the last progress text
	logged time.Time // when it was written to a log
}

// New makes a display on a file; plain lines are forced if plain is set, and
// used anyway if the file is no terminal.
func New(f *os.File, plain bool) *Display {
	width := func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}
	if plain || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		width = func() int { return 0 }
	}
	return &Display{w: f, width: width, now: time.Now}
}

// Begin starts a phase.
func (d *Display) Begin(phase string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase, d.began, d.shown, d.logged = phase, d.now(), "", d.now()
	d.draw("…")
}

// Update shows how far the phase is.
func (d *Display) Update(format string, a ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprintf(format, a...)
	if d.width() > 0 {
		d.draw(text + "  " + d.elapsed())
		return
	}
	if text != d.shown && d.now().Sub(d.logged) >= logEvery {
		d.shown, d.logged = text, d.now()
		d.line(text + "  " + d.elapsed())
	}
}

// Done ends the phase with its result.
func (d *Display) Done(format string, a ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	d.line(fmt.Sprintf(format, a...) + "  " + d.elapsed())
}

// Interrupt removes the line that is being drawn, before other output or when
// the phase fails.
func (d *Display) Interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}

func (d *Display) elapsed() string {
	return fmt.Sprintf("%.1f s", d.now().Sub(d.began).Seconds())
}

func (d *Display) line(text string) {
	_, _ = fmt.Fprintf(d.w, "%-*s%s\n", nameWidth, d.phase, text) // nobody to tell if the terminal is gone
}

func (d *Display) draw(text string) {
	width := d.width()
	if width == 0 {
		return
	}
	d.clear()
	line := fmt.Sprintf("%-*s%s", nameWidth, d.phase, text)
	_, _ = io.WriteString(d.w, Shorten(line, width-1)) // the last column would wrap on some terminals
	d.drawn = true
}

func (d *Display) clear() {
	if d.drawn {
		_, _ = io.WriteString(d.w, "\r\x1b[K")
		d.drawn = false
	}
}

// Shorten cuts a text to so many characters, with an ellipsis at the end, and
// removes what would move the cursor.
func Shorten(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
	runes := []rune(text)
	if width < 1 || len(runes) <= width {
		return text
	}
	return strings.TrimRight(string(runes[:width-1]), " ") + "…"
}
