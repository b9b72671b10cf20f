package mapping

import (
	"slices"
	"strings"

	"runecast-ingest/internal/securityevent"
)

// summary computes the posture that the dashboard will show for this system.
type summary struct {
	rules map[string]ruleState
	rows  map[Row]int64
	// rule is that of the last row, and of its last rows so many are not in rows yet.
	rule    *securityevent.Rule
	pending int64
}

// Row is what the rows of a scan are counted by.
type Row struct {
	// Standard is the standard's short name, as the dashboard groups by it.
	Standard string
	Severity securityevent.Severity
	Status   securityevent.Status
}

type ruleState struct {
	standard string
	worst    securityevent.Status
}

func newSummary() *summary {
	return &summary{rules: map[string]ruleState{}, rows: map[Row]int64{}}
}

// row counts one finding. A rule's status is its worst row's: FAILED before
// MANUAL before PASSED.
func (s *summary) row(r *securityevent.Rule) {
	if r == s.rule {
		s.pending++
		return
	}
	s.settle()
	s.rule, s.pending = r, 1
	state, ok := s.rules[r.RuleID]
	if !ok || r.Status.Score() > state.worst.Score() {
		if !ok {
			state.standard = r.StandardShortName
		}
		state.worst = r.Status
		s.rules[r.RuleID] = state
	}
}

// settle counts the rows of the last rule.
func (s *summary) settle() {
	if r := s.rule; r != nil {
		s.rows[Row{r.StandardShortName, r.Severity, r.Status}] += s.pending
	}
	s.rule, s.pending = nil, 0
}

func (s *summary) close() securityevent.Summary {
	s.settle()
	var all securityevent.StandardSummary
	by := map[string]*securityevent.StandardSummary{}
	for _, r := range s.rules {
		std := by[r.standard]
		if std == nil {
			std = &securityevent.StandardSummary{StandardCode: r.standard}
			by[r.standard] = std
		}
		count(std, r.worst)
		count(&all, r.worst)
	}
	out := securityevent.Summary{CompliancePercentage: all.CompliancePercentage, Standards: []securityevent.StandardSummary{}, Rows: map[securityevent.Status]int64{}}
	for row, n := range s.rows {
		out.Rows[row.Status] += n
	}
	for _, std := range by {
		out.Standards = append(out.Standards, *std)
	}
	slices.SortFunc(out.Standards, func(a, b securityevent.StandardSummary) int {
		return strings.Compare(a.StandardCode, b.StandardCode)
	})
	return out
}

func (s *summary) verdicts() map[string]securityevent.Status {
	out := make(map[string]securityevent.Status, len(s.rules))
	for id, r := range s.rules {
		out[id] = r.worst
	}
	return out
}

func count(s *securityevent.StandardSummary, status securityevent.Status) {
	switch status {
	case securityevent.Failed:
		s.Failed++
	case securityevent.Manual:
		s.Manual++
	case securityevent.Passed:
		s.Passed++
	default:
		return // the dashboard leaves NOT_RELEVANT rules out
	}
	s.Rules++
	s.CompliancePercentage = securityevent.Posture(s.Passed, s.Manual, s.Failed)
}
