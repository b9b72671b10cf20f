package runecast

import (
	"fmt"
	"slices"
	"strings"

	"runecast-ingest/internal/fault"
)

const (
	// maxWords and maxWord bound the unknown statuses that are remembered: how
	// many, and the bytes of each.
	maxWords = 10
	maxWord  = 40
)

// Assessment counts the rules in one system's results by what they say. It is
// the one judge of whether results have anything to show: the collector, the
// check and the forwarder all ask it.
type Assessment struct {
	// Rules counts all rules: what an appliance calls issues.
	Rules int
	// Unlicensed counts those that were left out for want of a licence.
	Unlicensed int

	by [Vulnerability + 1]outcomes
}

// outcomes counts the rules of one class.
type outcomes struct {
	all, assessed, unlicensed, unknown int
	words                              []string // statuses that are not known, as they came
}

// Add counts one rule.
func (a *Assessment) Add(i *Issue) {
	by := &a.by[ClassOf(i.Profile)]
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

// Assessed counts the rules of a class that can be shown: they have an id and a
// result, that is a status which is known and not UNLICENSED.
func (a *Assessment) Assessed(c Class) int { return a.by[c].assessed }

// UnlicensedOf counts the rules of a class that were left out for want of a licence.
func (a *Assessment) UnlicensedOf(c Class) int { return a.by[c].unlicensed }

// Empty returns why results say nothing at all about their system, so that they
// are not worth to be kept: no rule, or nothing but UNLICENSED. Nil: they do.
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

// Nothing returns why results have nothing to show, and what was found instead.
// Nil: a rule of a security profile, or of a class asked for beside these, was
// assessed.
func (a *Assessment) Nothing(beside ...Class) *fault.Error {
	wanted := append([]Class{Security}, beside...)
	var sum outcomes
	for _, c := range wanted {
		sum.all += a.by[c].all
		sum.assessed += a.by[c].assessed
		sum.unlicensed += a.by[c].unlicensed
		sum.unknown += a.by[c].unknown
		for _, word := range a.by[c].words {
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
		return &fault.Error{Class: fault.Reject, What: "no rule of a security profile is in its results, but only " + a.others(wanted),
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

// found says what the rules are that cannot be shown.
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

// quoted lists the statuses that are not known.
func (o *outcomes) quoted() string {
	quoted := make([]string, len(o.words))
	for i, word := range o.words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(quoted, ", ")
}

// others counts the rules of all other classes: "3 of KB, 12 of VUL".
func (a *Assessment) others(wanted []Class) string {
	var parts []string
	for c := range Vulnerability + 1 {
		if n := a.by[c].all; n > 0 && !slices.Contains(wanted, c) {
			parts = append(parts, fmt.Sprintf("%d of %s", n, c))
		}
	}
	return strings.Join(parts, ", ")
}
