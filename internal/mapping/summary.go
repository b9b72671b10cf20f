package mapping

import (
	"iter"
	"slices"
	"strings"

	"runecast-ingest/internal/securityevent"
)

// summary computes the posture that the dashboard will show for this system.
type summary struct {
	rules map[string]ruleState
	// standards are those of the rules, by their place in known.
	standards []string
	known     map[string]uint32
	rows      map[Row]int64
	// rule is that of the last row, and of its last rows so many are not in rows yet.
	rule    *securityevent.Rule
	pending int64
	// unlicensed counts the rules that were not assessed, by standard.
	unlicensed map[string]int
}

// Row is what the rows of a scan are counted by.
type Row struct {
	// Standard is the standard's short name, as the dashboard groups by it.
	Standard string
	Severity securityevent.Severity
	Status   securityevent.Status
}

// ruleState is the verdict on a rule. Rules can be a million: it holds no texts.
type ruleState struct {
	standard uint32 // its place
	worst    uint8  // of statuses
}

// statuses are all, the worse the later: a rule's status is its worst row's.
func statuses() [4]securityevent.Status {
	return [4]securityevent.Status{securityevent.NotRelevant, securityevent.Passed, securityevent.Manual, securityevent.Failed}
}

// rankOf is the place of a status among statuses; of one that is none, the first.
func rankOf(status securityevent.Status) uint8 {
	for i, s := range statuses() {
		if s == status {
			return uint8(i)
		}
	}
	return 0
}

func newSummary() *summary {
	return &summary{rules: map[string]ruleState{}, rows: map[Row]int64{}, known: map[string]uint32{}, unlicensed: map[string]int{}}
}

// place returns the place of a standard.
func (s *summary) place(standard string) uint32 {
	at, ok := s.known[standard]
	if !ok {
		at = uint32(len(s.standards))
		s.known[standard], s.standards = at, append(s.standards, standard)
	}
	return at
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
	if worst := rankOf(r.Status); !ok || worst > state.worst {
		if !ok {
			state.standard = s.place(r.StandardShortName)
		}
		state.worst = worst
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
		std := by[s.standards[r.standard]]
		if std == nil {
			std = &securityevent.StandardSummary{StandardCode: s.standards[r.standard]}
			by[std.StandardCode] = std
		}
		count(std, statuses()[r.worst])
		count(&all, statuses()[r.worst])
	}
	out := securityevent.Summary{CompliancePercentage: all.CompliancePercentage, Standards: []securityevent.StandardSummary{}, Rows: map[securityevent.Status]int64{}}
	for row, n := range s.rows {
		out.Rows[row.Status] += n
	}
	if len(s.unlicensed) > 0 {
		out.Unlicensed = s.unlicensed
	}
	for _, std := range by {
		out.Standards = append(out.Standards, *std)
	}
	slices.SortFunc(out.Standards, func(a, b securityevent.StandardSummary) int {
		return strings.Compare(a.StandardCode, b.StandardCode)
	})
	return out
}

// verdicts are the worst status of each rule's rows, by rule id, in no order.
func (s *summary) verdicts() iter.Seq2[string, securityevent.Status] {
	return func(yield func(string, securityevent.Status) bool) {
		for id, r := range s.rules {
			if !yield(id, statuses()[r.worst]) {
				return
			}
		}
	}
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
