package runecast

import (
	"fmt"
	"slices"
	"strings"

	"runecast-ingest/internal/fault"
)

const (
	// maxWords bounds how many unknown statuses are remembered, and maxWord the
	// bytes of each.
	maxWords = 10
	maxWord  = 40
)

// Assessment counts the rules in one system's results by class and status. It
// alone decides whether results have anything to show: the collector, the check
// and the forwarder all ask it. The zero value has counted nothing.
type Assessment struct {
	// Rules counts all rules, which an appliance calls issues.
	Rules int
	// Unlicensed counts the rules that were not assessed for want of a licence.
	Unlicensed int

	byClass [Vulnerability + 1]outcomes
}

// outcomes counts the rules of one class.
type outcomes struct {
	all, assessed, unlicensed, unknown int
	words                              []string // the unknown statuses, as they came
}

// Add counts one rule.
func (a *Assessment) Add(i *Issue) {
	by := &a.byClass[ClassOf(i.Profile)]
	a.Rules++
	by.all++
	switch status := ParseStatus(i.Status); {
	case status == StatusUnlicensed:
		a.Unlicensed++
		by.unlicensed++
	case status == StatusUnknown:
		by.unknown++
		by.note(i.Status[:min(len(i.Status), maxWord)])
	case i.ShownID() != "":
		by.assessed++
	}
}

func (o *outcomes) note(word string) {
	if len(o.words) < maxWords && !slices.Contains(o.words, word) {
		o.words = append(o.words, word)
	}
}

// Assessed returns how many rules of a class can be shown: rules with an id and
// with a known status other than UNLICENSED.
func (a *Assessment) Assessed(c Class) int { return a.byClass[c].assessed }

// UnlicensedOf returns how many rules of a class were not assessed for want of a
// licence.
func (a *Assessment) UnlicensedOf(c Class) int { return a.byClass[c].unlicensed }

// Empty returns why the results must not be archived, since they say nothing about
// their system: they hold no rule, or only UNLICENSED rules. Nil: they say something.
func (a *Assessment) Empty() *fault.Error {
	switch {
	case a.Rules == 0:
		return &fault.Error{Class: fault.Reject, What: "its results hold no rule at all",
			Cure: "enable security profiles for it, and look at its connection in the appliance"}
	case a.Unlicensed == a.Rules:
		return &fault.Error{Class: fault.Reject, What: "its results hold nothing but UNLICENSED rules",
			Cure: "license it in the appliance (add a licence, or assign one), then analyse it again"}
	}
	return nil
}

// Nothing returns why results have nothing to show, and what they hold instead.
// Nil: they have at least one assessed rule of a security profile, or of one of the
// additional classes that the caller shows.
func (a *Assessment) Nothing(additional ...Class) *fault.Error {
	shown := append([]Class{Security}, additional...)
	var sum outcomes
	for _, c := range shown {
		sum.all += a.byClass[c].all
		sum.assessed += a.byClass[c].assessed
		sum.unlicensed += a.byClass[c].unlicensed
		sum.unknown += a.byClass[c].unknown
		for _, word := range a.byClass[c].words {
			sum.note(word)
		}
	}
	empty := a.Empty()
	switch {
	case sum.assessed > 0:
		return nil
	case empty != nil:
		return empty
	case sum.all == 0:
		return &fault.Error{Class: fault.Reject, What: "no rule of a security profile is in its results, but only " + a.others(shown),
			Cure: "enable security profiles for it in the appliance (Settings > Knowledge Profiles), then analyse it again"}
	case sum.unknown > 0:
		return &fault.Error{Class: fault.Reject, What: sum.found() + "; not known is: " + sum.quoted(),
			Cure: "report these words and the appliance's version to the maintainers of this function, which knows " + KnownStatuses}
	case sum.unlicensed == sum.all:
		return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("all its rules of security profiles (%d) are UNLICENSED", sum.all),
			Cure: "license it in the appliance (add a licence, or assign one), then analyse it again"}
	}
	return &fault.Error{Class: fault.Reject, What: sum.found(), Cure: "report the appliance's version to the maintainers of this function"}
}

// found says for a person why the rules cannot be shown, with numbers.
func (o *outcomes) found() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{o.unknown, "have a status that is not known"}, {o.unlicensed, "are UNLICENSED"}, {o.all - o.unknown - o.unlicensed, "have no id"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return fmt.Sprintf("of %d rules that could be shown %s", o.all, strings.Join(parts, ", "))
}

// quoted returns the unknown statuses in quotes, separated by commas.
func (o *outcomes) quoted() string {
	quoted := make([]string, len(o.words))
	for i, word := range o.words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(quoted, ", ")
}

// others says how many rules each class has that is not shown: "3 of KB, 12 of VUL".
func (a *Assessment) others(shown []Class) string {
	var parts []string
	for c := range Vulnerability + 1 {
		if n := a.byClass[c].all; n > 0 && !slices.Contains(shown, c) {
			parts = append(parts, fmt.Sprintf("%d of %s", n, c))
		}
	}
	return strings.Join(parts, ", ")
}
