// Package display shows how far a run is: on a terminal by one line that is drawn
// over and over, elsewhere by plain lines. It promises that the drawn line never
// wraps, and that a log of the plain lines is readable.
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
	logEvery = 5 * time.Second
	// nameWidth is the width of a phase's name in columns: "analyse", "archive",
	// "deliver" and two spaces.
	nameWidth = 9
)

// Display draws phases. It is safe for concurrent use.
type Display struct {
	w     io.Writer
	width func() int // of the terminal in columns; 0: no terminal
	now   func() time.Time

	mu     sync.Mutex
	phase  string
	began  time.Time
	drawn  bool      // a line without a newline is on the screen
	shown  string    // the last progress text in a log
	logged time.Time // when that text was written, or when the phase began
}

// New makes a display on a file. It writes plain lines if plain is set, if the file
// is no terminal, or if TERM is "dumb".
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

// Interrupt removes the drawn line. Call it before other output, and when the
// phase fails.
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

// Shorten cuts a text to width characters, the last of which is then an ellipsis;
// a width below 1 does not cut. It replaces control characters, which would move
// the cursor, by question marks.
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
