package mapping

import (
	"fmt"
	"testing"

	"runecast-ingest/internal/securityevent"
)

// Rules beyond those kept by their ids are counted as exactly as the others: each once,
// by the worst status of its rows.
func TestSummaryOfVeryManyRules(t *testing.T) {
	t.Parallel()
	const rules, failed, manual = maxNamed + 10_000, 15_000, 20_000
	s := newSummary()
	row := func(i int, status securityevent.Status) {
		s.row(&securityevent.Rule{RuleID: fmt.Sprint("rule-", i), StandardShortName: []string{"CIS", "STIG"}[i%2], Severity: securityevent.Low, Status: status})
	}
	for i := range rules {
		row(i, securityevent.Passed)
	}
	for i := range manual { // the last, named and not, and the first
		row(rules-1-i, securityevent.Manual)
		row(rules-1-i, securityevent.Passed) // no better for that
	}
	for i := range failed {
		row(rules-1-i, securityevent.Failed)
	}
	out := s.close()
	var passed, manuals, failing, all int
	for _, std := range out.Standards {
		passed, manuals, failing, all = passed+std.Passed, manuals+std.Manual, failing+std.Failed, all+std.Rules
		if std.Rules != rules/2 {
			t.Errorf("%s has %d rules, want %d", std.StandardCode, std.Rules, rules/2)
		}
	}
	if failing != failed || manuals != manual-failed || passed != rules-manual || all != rules {
		t.Errorf("%d rules: %d failed, %d manual, %d passed; want %d: %d, %d, %d", all, failing, manuals, passed, rules, failed, manual-failed, rules-manual)
	}
	seen, nameless := map[string]bool{}, 0
	for id, status := range s.verdicts() {
		if id == "" {
			nameless++
			continue
		}
		if seen[id] || status == "" {
			t.Errorf("rule %q is %q, seen before: %t", id, status, seen[id])
		}
		seen[id] = true
	}
	if len(seen) != maxNamed || nameless != rules-maxNamed {
		t.Errorf("%d rules have ids and %d have not, want %d and %d", len(seen), nameless, maxNamed, rules-maxNamed)
	}
}
