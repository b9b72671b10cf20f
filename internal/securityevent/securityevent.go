// Package securityevent is the Dynatrace event model of this project: findings,
// scan events, coverage and vulnerabilities, and their JSON. It promises flat dotted
// keys, constant types, numbers as numbers, valid UTF-8, and valid JSON text in the
// *_json members, whatever the values hold. events.schema.json says the same for other
// programs.
//
// Control characters, markup and right-to-left marks go through, escaped where
// JSON asks for it; bytes that are not UTF-8 become U+FFFD. Texts for people
// are cut at 4 KiB and end in "…", ids at 16 KiB and end in "#" and a hash, so
// that two different ids stay different. JSON in a string is never cut.
//
// The comments on fields name the members they become, their type and values,
// and the model that has them: xspm, external, or both for all models.
//
// Sources: the semantic dictionary's compliance tables (2025-08), its fields
// for permissions (2026-04), and the queries of the ready-made dashboard
// "Security Posture overview".
package securityevent

// Model says which generation of consumers the events are for.
type Model string

const (
	// Both has the fields of both generations; their names do not overlap.
	Both Model = "both"
	// XSPM is what the posture dashboard reads (compliance.rule.*, compliance.result.*).
	XSPM Model = "xspm"
	// External is the cross-vendor model (compliance.status, compliance.standards).
	External Model = "external"
)

// Names in every event, and the types of events.
const (
	Provider      = "Runecast"          // event.provider, equal to product.vendor
	ProductName   = "Runecast Analyzer" // product.name
	TypeFinding   = "COMPLIANCE_FINDING"
	TypeCompleted = "COMPLIANCE_SCAN_COMPLETED"
	TypeCoverage  = "COMPLIANCE_SCAN"

	TypeVulnerability     = "VULNERABILITY_FINDING"
	TypeVulnerabilityScan = "VULNERABILITY_SCAN"

	modelVersion = "1.309" // event.version: of the semantic dictionary
)

// Status is the verdict of one rule on one object.
type Status string

// The statuses that the dashboard knows.
const (
	Failed      Status = "FAILED"
	Manual      Status = "MANUAL"
	Passed      Status = "PASSED"
	NotRelevant Status = "NOT_RELEVANT"
)

// Score returns the number by which the dashboard sorts statuses
// (compliance.result.status.score).
func (s Status) Score() float64 {
	switch s {
	case Failed:
		return 10
	case Manual:
		return 7
	case Passed:
		return 4
	}
	return 1
}

// result returns finding.result, the cross-vendor word for a status; "" if there is none.
func (s Status) result() string {
	switch s {
	case Failed:
		return "FAIL"
	case Manual:
		return "MANUAL"
	case Passed:
		return "PASS"
	}
	return ""
}

// lifecycle returns finding.status, which says whether there is something to do; "" for
// a rule that is not relevant.
func (s Status) lifecycle() string {
	switch s {
	case Failed, Manual:
		return "OPEN"
	case Passed:
		return "RESOLVED"
	}
	return ""
}

// phrase returns the words between rule and object in event.description.
func (s Status) phrase() string {
	switch s {
	case Failed:
		return " failed on "
	case Manual:
		return " needs a manual check on "
	case Passed:
		return " passed on "
	}
	return " is not relevant to "
}

// Severity says how serious it is if a rule fails.
type Severity string

// The severities that the dashboard's filter offers. The filter drops a row with any
// other severity.
const (
	Critical Severity = "CRITICAL"
	High     Severity = "HIGH"
	Medium   Severity = "MEDIUM"
	Low      Severity = "LOW"
)

// RuleScore returns the number by which the dashboard sorts severities
// (compliance.rule.severity.score).
func (s Severity) RuleScore() float64 {
	switch s {
	case Critical:
		return 10
	case High:
		return 7
	case Medium:
		return 4
	}
	return 1
}

// RiskScore returns dt.security.risk.score, on a scale that all vendors share: the
// highest score of the severity's range.
func (s Severity) RiskScore() float64 {
	switch s {
	case Critical:
		return 10
	case High:
		return 8.9
	case Medium:
		return 6.9
	}
	return 3.9
}

// begin begins an event with the members that all events have.
func begin(dst []byte, eventType, eventName string) object {
	o := object(append(dst, '{'))
	o = o.text("event.kind", "SECURITY_EVENT")
	o = o.text("event.type", eventType)
	o = o.text("event.name", eventName)
	o = o.text("event.category", category(eventType))
	o = o.text("event.version", modelVersion)
	o = o.text("event.provider", Provider)
	o = o.text("product.vendor", Provider)
	return o.text("product.name", ProductName)
}

// category returns event.category of a type of event.
func category(eventType string) string {
	switch eventType {
	case TypeVulnerability, TypeVulnerabilityScan:
		return "VULNERABILITY_MANAGEMENT"
	}
	return "COMPLIANCE"
}
