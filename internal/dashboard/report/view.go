package report

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"runecast-ingest/internal/dashboard"
)

// titleFrom is a length in characters: a longer text gets a tooltip, because the
// page may cut it.
const titleFrom = 40

// functions returns the functions that the templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"bar": bar, "count": Thousands[int], "details": details, "donut": donut, "evidence": evidence, "level": levelOf,
		"long":     func(text string) bool { return utf8.RuneCountInString(text) > titleFrom },
		"moment":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"statuses": statuses, "severities": severities, "timeline": newTimeline,
	}
}

// Thousands returns a number with a comma between each three digits: "-1,234".
func Thousands[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// level is a severity or a result: Class is the CSS class that gives it a symbol
// and a colour, Word the word that is shown.
type level struct{ Class, Word string }

func levelOf(value string) level {
	class := "other"
	switch value {
	case "CRITICAL", "HIGH", "MEDIUM", "LOW", dashboard.Failed, dashboard.Manual, dashboard.Passed:
		class = strings.ToLower(value)
	}
	if value == "" {
		return level{class, "None"}
	}
	_, first := utf8.DecodeRuneInString(value)
	return level{class, value[:first] + strings.ToLower(strings.ReplaceAll(value[first:], "_", " "))}
}

// tile is a number with its level.
type tile struct {
	level
	N    int
	Unit string
}

// severities are the tiles of failed rules.
func severities(t dashboard.Tiles) []tile {
	return []tile{
		{levelOf("CRITICAL"), t.Critical, unit(t.Critical, "failed rule")},
		{levelOf("HIGH"), t.High, unit(t.High, "failed rule")},
		{levelOf("MEDIUM"), t.Medium, unit(t.Medium, "failed rule")},
		{levelOf("LOW"), t.Low, unit(t.Low, "failed rule")},
	}
}

// statuses are the tiles of rules that did not fail.
func statuses(t dashboard.Tiles) []tile {
	return []tile{
		{levelOf(dashboard.Manual), t.Manual, unit(t.Manual, "rule")},
		{levelOf(dashboard.Passed), t.Passed, unit(t.Passed, "rule")},
	}
}

// unit returns the unit of a number: one is its singular.
func unit(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// piece is a part of a bar or a ring.
type piece struct {
	Class, Name string
	N           int
	At, Share   string // where it begins and how long it is, in percent of the whole
}

// bar returns the parts of the bar of rules that passed, are manual, and failed.
func bar(t dashboard.Tally) []piece {
	return pieces(t.Rules(), []piece{
		{Class: "passed", Name: "passed", N: t.Passed}, {Class: "manual", Name: "manual", N: t.Manual}, {Class: "failed", Name: "failed", N: t.Failed},
	})
}

// donut returns the parts of the ring of systems by type, the most frequent first.
func donut(types map[string]int) []piece {
	const hues = 8
	names := slices.SortedFunc(maps.Keys(types), func(a, b string) int { return cmp.Or(cmp.Compare(types[b], types[a]), cmp.Compare(a, b)) })
	all, parts := 0, make([]piece, 0, len(names))
	for i, name := range names {
		parts = append(parts, piece{Class: "hue" + strconv.Itoa(i%hues), Name: name, N: types[name]})
		all += types[name]
	}
	return pieces(all, parts)
}

// pieces lays the parts of a whole side by side, and leaves out empty ones. all is
// the sum of the parts.
func pieces(all int, parts []piece) []piece {
	var out []piece
	before := 0
	for _, p := range parts {
		if p.N == 0 {
			continue
		}
		p.At, p.Share = percent(float64(before)/float64(all)), percent(float64(p.N)/float64(all))
		before += p.N
		out = append(out, p)
	}
	return out
}

// percent returns a share, from 0 to 1, in percent with two decimals and no unit.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) }
