package mapping

import (
	"crypto/sha256"
	"iter"
	"slices"
	"strings"

	"runecast-ingest/internal/securityevent"
)

// summary computes the posture that the dashboard will show for this system.
type summary struct {
	rules map[string]ruleState // by id
	// more are the rules beyond maxNamed, by a digest of their ids.
	more map[ruleDigest]ruleState
	// standards are the short names of the rules' standards; known has the index of
	// each name in standards.
	standards []string
	known     map[string]uint32
	rows      map[Row]int64
	// rule is the rule of the last row; pending is how many rows of it are not counted
	// in rows yet.
	rule    *securityevent.Rule
	pending int64
	// unlicensed counts the rules that were not assessed, by standard.
	unlicensed map[string]int
}

// Row says by what the rows of a scan are counted.
type Row struct {
	// Standard is the standard's short name, as the dashboard groups by it.
	Standard string
	Severity securityevent.Severity
	Status   securityevent.Status
}

// maxNamed bounds how many rules are kept by their ids. An appliance knows about 3,000.
// Rules beyond it are only counted, which takes less memory.
const maxNamed = 50_000

// ruleDigest is the beginning of the SHA-256 of a rule's id. 96 bits are enough that
// among a million rules no two have the same.
type ruleDigest [12]byte

func digestOf(id string) ruleDigest {
	sum := sha256.Sum256([]byte(id))
	return ruleDigest(sum[:len(ruleDigest{})])
}

// ruleState is the verdict on a rule: in the lower 8 bits its worst status (see rankOf),
// above them the index of its standard. There may be a million rules, so it has no texts.
type ruleState uint32

func stateOf(standard uint32, worst uint8) ruleState { return ruleState(standard<<8 | uint32(worst)) }

func (r ruleState) standard() uint32 { return uint32(r) >> 8 }

func (r ruleState) worst() uint8 { return uint8(r) }

// statuses returns all statuses, from the best to the worst.
func statuses() [4]securityevent.Status {
	return [4]securityevent.Status{securityevent.NotRelevant, securityevent.Passed, securityevent.Manual, securityevent.Failed}
}

// rankOf returns the index of a status in statuses; 0 for any other word.
func rankOf(status securityevent.Status) uint8 {
	for i, s := range statuses() {
		if s == status {
			return uint8(i)
		}
	}
	return 0
}

func newSummary() *summary {
	return &summary{rules: map[string]ruleState{}, rows: map[Row]int64{}, more: map[ruleDigest]ruleState{}, known: map[string]uint32{}, unlicensed: map[string]int{}}
}

// place returns the index of a standard in standards, and adds a new one.
func (s *summary) place(standard string) uint32 {
	at, ok := s.known[standard]
	if !ok {
		at = uint32(len(s.standards))
		s.known[standard], s.standards = at, append(s.standards, standard)
	}
	return at
}

// row counts one finding. The status of a rule is that of its worst row.
func (s *summary) row(r *securityevent.Rule) {
	if r == s.rule {
		s.pending++
		return
	}
	s.settle()
	s.rule, s.pending = r, 1
	worst := rankOf(r.Status)
	if state, named := s.rules[r.RuleID]; named || len(s.rules) < maxNamed {
		s.rules[r.RuleID] = s.worse(state, named, r, worst)
		return
	}
	digest := digestOf(r.RuleID)
	state, ok := s.more[digest]
	s.more[digest] = s.worse(state, ok, r, worst)
}

// worse returns the state of a rule after one more row of the status worst. known: the
// rule had rows before, and was in that state.
func (s *summary) worse(state ruleState, known bool, r *securityevent.Rule, worst uint8) ruleState {
	switch {
	case !known:
		return stateOf(s.place(r.StandardShortName), worst)
	case worst > state.worst():
		return stateOf(state.standard(), worst)
	}
	return state
}

// states returns the states of all rules, with their ids. An id that is not kept is
// empty.
func (s *summary) states() iter.Seq2[string, ruleState] {
	return func(yield func(string, ruleState) bool) {
		for id, r := range s.rules {
			if !yield(id, r) {
				return
			}
		}
		for _, r := range s.more {
			if !yield("", r) {
				return
			}
		}
	}
}

// settle adds the pending rows of the last rule to rows.
func (s *summary) settle() {
	if r := s.rule; r != nil {
		s.rows[Row{r.StandardShortName, r.Severity, r.Status}] += s.pending
	}
	s.rule, s.pending = nil, 0
}

// close returns the posture over all rows.
func (s *summary) close() securityevent.Summary {
	s.settle()
	var all securityevent.StandardSummary
	by := map[string]*securityevent.StandardSummary{}
	for _, r := range s.states() {
		std := by[s.standards[r.standard()]]
		if std == nil {
			std = &securityevent.StandardSummary{StandardCode: s.standards[r.standard()]}
			by[std.StandardCode] = std
		}
		count(std, statuses()[r.worst()])
		count(&all, statuses()[r.worst()])
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

// verdicts returns the worst status of each rule's rows, by rule id, in no order; see
// Result.Rules.
func (s *summary) verdicts() iter.Seq2[string, securityevent.Status] {
	return func(yield func(string, securityevent.Status) bool) {
		for id, r := range s.states() {
			if !yield(id, statuses()[r.worst()]) {
				return
			}
		}
	}
}

// count adds a rule to a posture.
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
