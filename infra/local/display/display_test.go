package display

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func on(columns int) (*Display, *strings.Builder, *clock) {
	var out strings.Builder
	c := &clock{time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	return &Display{w: &out, width: func() int { return columns }, now: c.now}, &out, c
}

func TestATerminalGetsOneLineDrawnOver(t *testing.T) {
	t.Parallel()
	d, out, c := on(40)
	d.Begin("analyse")
	c.at = c.at.Add(1500 * time.Millisecond)
	d.Update("%d of %d systems", 3, 8)
	d.Update("%s", strings.Repeat("long ", 20))
	d.Done("8 systems")
	d.Begin("archive")
	d.Interrupt()
	const erase = "\r\x1b[K"
	want := "analyse  …" + erase + "analyse  3 of 8 systems  1.5 s" + erase +
		"analyse  long long long long long long…" + erase + "analyse  8 systems  1.5 s\n" + "archive  …" + erase
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestALogGetsPlainLines(t *testing.T) {
	t.Parallel()
	d, out, c := on(0)
	d.Begin("deliver")
	d.Update("at once: not worth a line")
	c.at = c.at.Add(logEvery)
	d.Update("1 finding sent")
	d.Update("2 findings sent")
	c.at = c.at.Add(logEvery)
	d.Update("1 finding sent") // nothing new
	d.Interrupt()
	d.Done("3 findings sent")
	want := "deliver  1 finding sent  5.0 s\ndeliver  3 findings sent  10.0 s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	d := New(f, false)
	d.Begin("build")
	d.Update("…")
	d.Done("2 functions")
	got, err := os.ReadFile(f.Name())
	if err != nil || strings.ContainsAny(string(got), "\r\x1b") || strings.Count(string(got), "\n") != 1 {
		t.Errorf("%q %v", got, err)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"fits":             {"vc1.example", 11, "vc1.example"},
		"cut":              {"vc1.example", 8, "vc1.exa…"},
		"no space at end":  {"a b c", 3, "a…"},
		"by character":     {"üüüü", 3, "üü…"},
		"no limit":         {"abc", 0, "abc"},
		"one column":       {"abc", 1, "…"},
		"terminal escapes": {"a\x1b[2Jb\r\nc", 20, "a?[2Jb??c"},
		"bad UTF-8":        {"a\xffb", 20, "a?b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Shorten(c.text, c.width); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
