package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// maxSentences is the most differences that Diff returns; one more sentence says
// how many it left out.
const maxSentences = 40

// Diff returns a sentence for each difference between these tiles, which are shown,
// and the wanted ones, which are expected; empty means equal. It returns at most 40
// sentences, and one with the number of further differences. "Latest assessment",
// rule details and source URLs are not compared.
func (t Tiles) Diff(want Tiles) []string {
	var d diff
	d.number("Critical", "rules", t.Critical, want.Critical)
	d.number("High", "rules", t.High, want.High)
	d.number("Medium", "rules", t.Medium, want.Medium)
	d.number("Low", "rules", t.Low, want.Low)
	d.number("Manual", "rules", t.Manual, want.Manual)
	d.number("Passed", "rules", t.Passed, want.Passed)
	d.number("Assessed resources", "objects", t.Resources, want.Resources)
	d.number("Assessed configurations", "rows", t.Configurations, want.Configurations)
	for _, name := range keys(t.SystemTypes, want.SystemTypes) {
		d.number("System types, "+name, "systems", t.SystemTypes[name], want.SystemTypes[name])
	}
	pair(&d, "Assessed systems", t.Systems, want.Systems, systemID, d.system)
	pair(&d, "Compliance standards", t.Standards, want.Standards, func(s Standard) string { return s.Name },
		func(got, want Standard) { d.tally("standard "+got.Name, got.Tally, want.Tally) })
	pair(&d, "Compliance rules", t.Rules, want.Rules, func(r Rule) string { return r.ID }, d.rule)
	lines(&d, "Top 50 compliance findings", t.Findings, want.Findings)
	lines(&d, "Top 50 common misconfigurations", t.Misconfigurations, want.Misconfigurations)
	return d.capped()
}

// DiffSystem returns a sentence for each difference in the line of one system, by
// its object.id, and in its rows and resources; empty means equal, or absent from
// both tiles.
func (t Tiles) DiffSystem(id string, want Tiles) []string {
	only := func(systems []System) []System {
		return slices.DeleteFunc(slices.Clone(systems), func(s System) bool { return s.ID != id })
	}
	var d diff
	pair(&d, "Assessed systems", only(t.Systems), only(want.Systems), systemID, d.system)
	return d.capped()
}

func systemID(s System) string { return s.ID }

type diff struct{ sentences []string }

func (d *diff) say(format string, args ...any) {
	d.sentences = append(d.sentences, fmt.Sprintf(format, args...))
}

func (d *diff) capped() []string {
	if extra := len(d.sentences) - maxSentences; extra > 0 {
		return append(d.sentences[:maxSentences:maxSentences], fmt.Sprintf("… and %d more differences", extra))
	}
	return d.sentences
}

func (d *diff) number(what, unit string, got, want int) {
	if got != want {
		d.say("%s: %d %s shown, %d expected", what, got, unit, want)
	}
}

func (d *diff) text(what, member, got, want string) {
	if got != want {
		d.say("%s: %s %q shown, %q expected", what, member, got, want)
	}
}

func (d *diff) tally(what string, got, want Tally) {
	d.number(what, "failed rules", got.Failed, want.Failed)
	d.number(what, "manual rules", got.Manual, want.Manual)
	d.number(what, "passed rules", got.Passed, want.Passed)
}

func (d *diff) rows(what string, got, want Rows) {
	d.number(what, "failed rows", got.Failed, want.Failed)
	d.number(what, "manual rows", got.Manual, want.Manual)
	d.number(what, "passed rows", got.Passed, want.Passed)
	d.number(what, "not relevant rows", got.NotRelevant, want.NotRelevant)
}

func (d *diff) system(got, want System) {
	what := "system " + cmp.Or(got.Name, got.ID)
	d.text(what, "name", got.Name, want.Name)
	d.text(what, "type", got.Type, want.Type)
	d.tally(what, got.Tally, want.Tally)
	d.rows(what, got.Rows, want.Rows)
	d.number(what, "resources", got.Resources, want.Resources)
}

func (d *diff) rule(got, want Rule) {
	what := "rule " + got.ID
	d.text(what, "title", got.Title, want.Title)
	d.text(what, "severity", got.Severity, want.Severity)
	d.text(what, "standard", got.Standard, want.Standard)
	d.text(what, "status", got.Status, want.Status)
	d.text(what, "severity score", fmt.Sprint(got.SeverityScore), fmt.Sprint(want.SeverityScore))
	d.rows(what, got.Rows, want.Rows)
}

// pair compares the lines of two tables that have the same key.
func pair[T any](d *diff, table string, got, want []T, key func(T) string, compare func(got, want T)) {
	index := func(lines []T) map[string]T {
		byKey := make(map[string]T, len(lines))
		for _, line := range lines {
			byKey[key(line)] = line
		}
		return byKey
	}
	shown, expected := index(got), index(want)
	for _, k := range keys(shown, expected) {
		g, isShown := shown[k]
		w, isExpected := expected[k]
		switch {
		case !isShown:
			d.say("%s: the line of %q is missing", table, k)
		case !isExpected:
			d.say("%s: the line of %q is not expected", table, k)
		default:
			compare(g, w)
		}
	}
}

// lines compares two tables as multisets of lines. It does not compare their
// order, which follows from the lines themselves.
func lines[T comparable](d *diff, table string, got, want []T) {
	surplus := map[T]int{}
	for _, line := range got {
		surplus[line]++
	}
	for _, line := range want {
		surplus[line]--
	}
	report := func(from []T, sign int, verdict string) {
		for _, line := range from {
			if surplus[line]*sign > 0 {
				surplus[line] -= sign
				d.say("%s: a line %s: %.200s", table, verdict, fmt.Sprintf("%+v", line))
			}
		}
	}
	report(got, 1, "is not expected")
	report(want, -1, "is missing")
}

// keys returns the keys of both maps in order, each once.
func keys[V any](a, b map[string]V) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
