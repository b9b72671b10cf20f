package dynatrace

import (
	"fmt"
	"regexp"
	"strings"
)

// token is a word, a text or a sign of DQL.
type token struct {
	kind tokenKind
	text string
}

type tokenKind int

const (
	word   tokenKind = iota // an identifier, dots included
	quoted                  // an identifier in backticks
	text                    // a string
	number                  // a number or a duration
	sign                    // anything else; == and its like are one
)

// lex splits a query into its tokens. Comments are left out.
func lex(query string) ([]token, error) {
	forms := []struct {
		kind tokenKind
		form *regexp.Regexp
	}{
		{text, regexp.MustCompile(`^"""(?s:.*?)"""|^"(?:[^"\\]|\\.)*"`)},
		{quoted, regexp.MustCompile("^`[^`]+`")},
		{word, regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*`)},
		{number, regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)?[a-zA-Z]*`)},
		{sign, regexp.MustCompile(`^(?:==|!=|<=|>=|[][(){}|,:=<>+*/-])`)},
	}
	blank := regexp.MustCompile(`^(?:\s+|//[^\n]*)+`)
	var tokens []token
next:
	for rest := query; ; {
		rest = rest[len(blank.FindString(rest)):]
		if rest == "" {
			return tokens, nil
		}
		for _, f := range forms {
			if found := f.form.FindString(rest); found != "" {
				tokens = append(tokens, token{f.kind, strings.Trim(found, "`\"")})
				rest = rest[len(found):]
				continue next
			}
		}
		return nil, fmt.Errorf("%.20q is no DQL", rest)
	}
}

func (t token) is(s string) bool { return t.kind == sign && t.text == s }

func (t token) isName() bool { return t.kind == word || t.kind == quoted }

// split cuts tokens at a sign that is not inside brackets.
func split(tokens []token, at string) [][]token {
	var parts [][]token
	depth, begin := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			depth--
		case depth == 0 && t.is(at):
			parts = append(parts, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(parts, tokens[begin:])
}

// bracketed returns what lies between the bracket at the beginning and the one
// that closes it, and what follows.
func bracketed(tokens []token) (inside, after []token) {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			depth--
		}
		if depth == 0 {
			if i == 0 {
				return nil, tokens
			}
			return tokens[1:i], tokens[i+1:]
		}
	}
	return nil, tokens
}

// at returns the token of an index, or none.
func at(tokens []token, i int) token {
	if i < 0 || i >= len(tokens) {
		return token{kind: sign}
	}
	return tokens[i]
}
