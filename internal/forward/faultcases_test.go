package forward_test

import (
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/securityevent"
)

// place is where in a delivery a trouble begins.
type place int

const (
	atFirst place = iota
	atMiddle
	atLast
	atScan
	places
)

func (p place) String() string {
	return [...]string{"first batch", "middle", "last batch", "scan event"}[p]
}

// markOf returns a text that only the body at this place of the scan troubled holds.
func markOf(p place) string {
	return [...]string{`"vc-a/host-0"`, `"vc-a/host-30"`, `"CIS-P2"`, securityevent.TypeCompleted}[p]
}

// repetition is which requests meet a trouble, from its place on.
type repetition int

const (
	once repetition = iota
	everyThird
	untilHealed
	repetitions
)

func (o repetition) String() string { return [...]string{"once", "every third", "until healed"}[o] }

// faultCase is a line of the fault table.
type faultCase struct {
	trouble *trouble
	at      place
	often   repetition
}

func (c faultCase) String() string {
	return fmt.Sprintf("%s, %s, %s", c.trouble.name, c.at, c.often)
}

// allCases is the whole table.
func allCases() []faultCase {
	var cases []faultCase
	for _, t := range troubles() {
		for at := range places {
			for often := range repetitions {
				cases = append(cases, faultCase{t, at, often})
			}
		}
	}
	return cases
}

// pairwise is a part of the table that holds every pair of a trouble, a place
// and a repetition: the repetition shifts by one with each place.
func pairwise() []faultCase {
	var cases []faultCase
	for i, t := range troubles() {
		for at := range places {
			cases = append(cases, faultCase{t, at, repetition((i + int(at)) % int(repetitions))})
		}
	}
	return cases
}

// meets returns the function that decides which requests meet the trouble.
func (c faultCase) meets() func(body string) *trouble {
	reached, could, mark := false, 0, markOf(c.at)
	return func(body string) *trouble {
		reached = reached || strings.Contains(body, mark)
		if !reached || c.trouble.applies != nil && !c.trouble.applies(body, mark) {
			return nil
		}
		could++
		if c.often == once && could > 1 || c.often == everyThird && could%3 != 1 {
			return nil
		}
		return c.trouble
	}
}

func TestPairwiseHoldsEveryPair(t *testing.T) {
	t.Parallel()
	pairs := func(cases []faultCase) map[string]bool {
		held := map[string]bool{}
		for _, c := range cases {
			for _, pair := range []string{
				fmt.Sprint(c.trouble.name, "/", c.at), fmt.Sprint(c.trouble.name, "/", c.often), fmt.Sprint(c.at, "/", c.often),
			} {
				held[pair] = true
			}
		}
		return held
	}
	held := pairs(pairwise())
	for pair := range pairs(allCases()) {
		if !held[pair] {
			t.Errorf("no case has %s", pair)
		}
	}
}
