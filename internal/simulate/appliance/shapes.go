package appliance

// shape is one way in which an issue reports a check's outcome.
type shape struct {
	status string
	objects
	// rows is how many the default mapping sends for it; if scaled, the least:
	// the number of objects follows Options.Findings.
	rows   int
	scaled bool
}

// objects says how the list of affected objects relates to their count.
type objects int

const (
	objectsNone     objects = iota // empty list, count 0
	objectsAll                     // as many as counted
	objectsCut                     // fewer than counted
	objectsUnlisted                // counted, but none listed
	objectsSurplus                 // more than counted: ambiguous
	objectsUnasked                 // listed although the count is 0
	objectsNull                    // null instead of a list
	objectsMissing                 // no member at all
)

// unknownStatus is made up; the other statuses are proven.
const unknownStatus = "PENDING_REVIEW"

const (
	// blockSize is how many compliance checks a block has.
	blockSize = 40
	// blockVaries is how many of them fail or pass as the system's share says:
	// the others are one of each kind, so that every system shows every kind.
	blockVaries = 26
)

// newBlock returns the shapes of one block of compliance checks, in which so
// many fail of those that vary. Every block holds every shape, in an order of
// its own.
func newBlock(failing int) []shape {
	block := []shape{
		{status: "FAIL", objects: objectsCut, scaled: true, rows: 1},
		{status: "FAIL", objects: objectsUnlisted, rows: 1},
		{status: "M_FAIL", objects: objectsAll, scaled: true, rows: 1},
		{status: "M_FAIL", objects: objectsSurplus, rows: 1},
		{status: "MANUAL", objects: objectsAll, scaled: true, rows: 1},
		{status: "MANUAL", rows: 1},
		{status: "MANUAL", objects: objectsUnlisted, rows: 1},
		{status: "PASS", objects: objectsUnasked, rows: 1},
		{status: "M_PASS", rows: 1},
		{status: "NOT_RELEVANT"},
		{status: "NOT_APPLICABLE", objects: objectsMissing},
		{status: "FILTERED"},
		{status: "UNLICENSED", objects: objectsNull},
		{status: unknownStatus, objects: objectsAll},
	}
	for i := range blockVaries {
		if i < failing {
			block = append(block, shape{status: "FAIL", objects: objectsAll, scaled: true, rows: 1})
		} else {
			block = append(block, shape{status: "PASS", rows: 1})
		}
	}
	return block
}

// knowledgeShapes are those of issues that are no compliance; they count for
// nothing in Options.Findings.
var knowledgeShapes = []shape{
	{status: "FAIL", objects: objectsAll},
	{status: "PASS"},
	{status: "NOT_RELEVANT"},
	{status: "FAIL", objects: objectsUnlisted},
}

// statusPassed is what an object of its own passes with.
const statusPassed = "PASS"

// passed is how many objects an issue lists beside affected ones when API v2 is
// asked for all that were analysed. It is none where no list could tell the
// objects apart, or none were looked at.
func (p *plannedIssue) passed() int {
	switch {
	case p.objects == objectsNone && (p.status == statusPassed || p.status == "M_PASS"),
		p.objects == objectsAll && detected(p.status) && p.status != unknownStatus,
		p.objects == objectsCut:
		return 1 + p.number%3
	}
	return 0
}

// tellsObjects says whether the objects of an issue have a status each. Those
// of an issue whose list and count disagree have none in API v2 either.
func (p *plannedIssue) tellsObjects() bool { return p.objects != objectsSurplus }

// detected says whether /results?onlyDetectedIssues=true keeps an issue: all
// but checks that passed or do not apply. That rule is inferred, not proven.
func detected(status string) bool {
	switch status {
	case "PASS", "M_PASS", "NOT_RELEVANT", "NOT_APPLICABLE", "FILTERED":
		return false
	}
	return true
}
