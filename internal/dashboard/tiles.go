package dashboard

import (
	"math"
	"time"
)

// The values of compliance.result.status.level. A rule's status is the first of
// these values, in this order, that any of its rows has.
const (
	Failed      = "FAILED"
	Manual      = "MANUAL"
	Passed      = "PASSED"
	NotRelevant = "NOT_RELEVANT"
)

// Tiles is the dashboard under its default filters: every system, standard
// and severity, results FAILED, MANUAL and PASSED, any rule.
type Tiles struct {
	// Rules with the status FAILED, by severity.
	Critical, High, Medium, Low int
	// Rules with the status MANUAL, and PASSED.
	Manual, Passed int
	// Systems is "Assessed systems", by name.
	Systems []System
	// SystemTypes is the number of systems by type label.
	SystemTypes map[string]int
	// Resources is "Assessed resources": the number of distinct objects.
	Resources int
	// Configurations is "Assessed configurations": the number of finding rows.
	Configurations int
	// Standards is "Compliance standards", by short name.
	Standards []Standard
	// Rules is "Compliance rules", in the dashboard's order, then by id.
	Rules []Rule
	// Findings is "Top 50 compliance findings", Misconfigurations "Top 50
	// common misconfigurations".
	Findings          []Finding
	Misconfigurations []Misconfiguration
}

// Tally is a number of rules by rule status.
type Tally struct{ Failed, Manual, Passed int }

// Rules returns the number of rules.
func (t Tally) Rules() int { return t.Failed + t.Manual + t.Passed }

// Posture returns the share of passed rules in percent, computed in floating point
// and rounded down as on the dashboard: 29 of 100 is 28. It is 0 without rules.
func (t Tally) Posture() int {
	if t.Rules() == 0 {
		return 0
	}
	return int(math.Floor(float64(t.Passed) / float64(t.Rules()) * 100))
}

func (t *Tally) add(status string) {
	switch status {
	case Failed:
		t.Failed++
	case Manual:
		t.Manual++
	case Passed:
		t.Passed++
	}
}

// Rows is a number of finding rows by result status.
type Rows struct{ Failed, Manual, Passed, NotRelevant int }

// Status returns the status of the rule that has these rows; NotRelevant if there
// are none.
func (r Rows) Status() string {
	switch {
	case r.Failed > 0:
		return Failed
	case r.Manual > 0:
		return Manual
	case r.Passed > 0:
		return Passed
	}
	return NotRelevant
}

func (r *Rows) add(status string) {
	switch status {
	case Failed:
		r.Failed++
	case Manual:
		r.Manual++
	case Passed:
		r.Passed++
	case NotRelevant:
		r.NotRelevant++
	}
}

// System is a line of "Assessed systems". Rows and Resources are not on the
// dashboard: they show findings that were lost or doubled on the way there.
type System struct {
	ID, Name string
	// Type is the label: "vCenter" for VCENTER.
	Type string
	Tally
	Rows      Rows
	Resources int
	// Latest is "Latest assessment", the time of the scan's commit.
	Latest time.Time
}

// Standard is a line of "Compliance standards".
type Standard struct {
	Name string
	Tally
}

// Rule is a line of "Compliance rules".
type Rule struct {
	ID, Title, Severity, Standard, Status string
	SeverityScore                         float64
	Rows                                  Rows
	// Details is the rule's metadata, URL the standard's address. Diff does not
	// compare them, because the appliance does not have them.
	Details, URL string
}

// Finding is a line of "Top 50 compliance findings".
type Finding struct {
	Status, Severity                 string
	ObjectName, ObjectID, ObjectType string
	Evidence                         string
	RuleTitle, RuleID, Standard      string
	StatusScore, SeverityScore       float64
}

// Misconfiguration is a line of "Top 50 common misconfigurations": a rule and an
// evidence, with the number of resources and of systems that have both.
type Misconfiguration struct {
	Resources, Systems                                                  int
	Evidence, ObjectType, Status, Severity, RuleTitle, RuleID, Standard string
}

// label returns the dashboard's word for a system's object.type.
func label(objectType string) string {
	switch objectType {
	case "AZURE":
		return "Azure"
	case "KUBERNETES_CLUSTER":
		return "Kubernetes"
	case "NSXT":
		return "NSX-T"
	case "VCENTER":
		return "vCenter"
	}
	return objectType
}
