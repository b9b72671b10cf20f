package appliance

// shape is one way in which an issue reports a check's outcome.
type shape struct {
	status string
	objects
	// rows is how many findings the default mapping sends for the issue. If scaled,
	// it is the least number: the number of objects follows Options.Findings.
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
	// blockVaries is how many checks of a block simply fail or pass; system.failing
	// says how many of them fail. The others have one shape each, so that every
	// system shows every shape.
	blockVaries = 26
)

// newBlock returns the shapes of one block of compliance checks. failing is how many
// of the blockVaries checks that simply fail or pass do fail. Every block holds every
// shape; schedule shuffles each block.
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

// knowledgeShapes are the shapes of issues that are not compliance. They do not
// count in Options.Findings.
var knowledgeShapes = []shape{
	{status: "FAIL", objects: objectsAll},
	{status: "PASS"},
	{status: "NOT_RELEVANT"},
	{status: "FAIL", objects: objectsUnlisted},
}

// statusPassed is the status of a single object that passed, in API v2.
const statusPassed = "PASS"

// passed returns how many passed objects an issue lists in addition to affected ones
// when API v2 is asked for all analysed objects. It is 0 for shapes whose objects
// are not listed or not told apart, and for checks that looked at none.
func (p *plannedIssue) passed() int {
	switch {
	case p.objects == objectsNone && (p.status == statusPassed || p.status == "M_PASS"),
		p.objects == objectsAll && detected(p.status) && p.status != unknownStatus,
		p.objects == objectsCut:
		return 1 + p.number%3
	}
	return 0
}

// tellsObjects reports whether each object of an issue has a status in API v2. The
// objects of a shape with objectsSurplus have none there either.
func (p *plannedIssue) tellsObjects() bool { return p.objects != objectsSurplus }

// detected reports whether /results?onlyDetectedIssues=true keeps an issue of this
// status: all but checks that passed or do not apply. This is inferred, not proven.
func detected(status string) bool {
	switch status {
	case "PASS", "M_PASS", "NOT_RELEVANT", "NOT_APPLICABLE", "FILTERED":
		return false
	}
	return true
}
