// Package chat makes text of others fit to be shown in a message to people. It
// promises that a name or a reason stays on its line, in its order of letters,
// and within its length.
package chat

import (
	"strings"
	"unicode"
)

const (
	// MaxText bounds the list of a message in bytes: chat services take messages
	// of 8,000 characters (Amazon Q Developer, "Custom notifications").
	MaxText = 6500
	// maxName bounds a name, maxReason a reason, in bytes. The archive has all of them.
	maxName   = 200
	maxReason = 400
)

// Name returns a name or an id as it may stand in a message: a line of at most 200 bytes.
func Name(s string) string { return Line(s, maxName) }

// Reason returns a sentence as it may stand in a message: a line of at most 400 bytes.
func Reason(s string) string { return Line(s, maxReason) }

// Line returns the first bytes of a text, whole letters only, and an ellipsis
// where there were more. Control characters, and those that change the
// direction of text, become spaces, and what is not UTF-8 a replacement character.
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
