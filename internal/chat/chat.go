// Package chat makes text from other programs fit for a message to people. It promises
// that a name or a reason stays on one line, keeps the order of its letters, and has a
// bounded length.
package chat

import (
	"strings"
	"unicode"
)

const (
	// MaxText bounds the list in a message, in bytes: chat services take messages of
	// 8,000 characters (Amazon Q Developer, "Custom notifications").
	MaxText = 6500
	// maxName bounds a name, maxReason a reason, in bytes. The archive has the whole text.
	maxName   = 200
	maxReason = 400
)

// Name returns a name or an id as it may stand in a message: a line of at most 200 bytes.
func Name(s string) string { return Line(s, maxName) }

// Reason returns a sentence as it may stand in a message: a line of at most 400 bytes.
func Reason(s string) string { return Line(s, maxReason) }

// Line returns a text on one line, cut after most bytes at a whole letter, with an
// ellipsis if it was longer. Control characters, and characters that change the
// direction of text, become spaces; bytes that are not UTF-8 become U+FFFD.
func Line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
