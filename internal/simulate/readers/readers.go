// Package readers checks events for what reads them in Dynatrace: its public
// rules for mappings of security events (the skill dt-sec-semantic-mapping of
// Dynatrace's repository for agents, 2026), its queries of findings of other
// vendors, the Compliance Assistant, and conditions of permissions. It promises
// that all of these can use an event that has no fault here. It restates their
// rules; where it differs from the source of a rule, the source is right.
package readers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Expect says what every event has under the settings of the mapping.
type Expect struct {
	// Texts means that a rule's texts are in fields of their own (RULE_TEXTS is not
	// off). Without it no event has such a field.
	Texts bool
	// Described says which texts the catalogue has of a rule, by runecast.issue.id.
	// Texts that an event's metadata shows are expected in any case.
	Described map[string]Described
	// Originals means that every event carries the appliance's own JSON
	// (ORIGINAL_CONTENT=on). Without it no event does.
	Originals bool
	// SecurityContext is the value of dt.security_context; empty: no event has one.
	SecurityContext string
	// Lean means that a finding may lack its link, its id at the appliance and its
	// result if the fields of the dashboard hold them (FIELDS=lean).
	Lean bool
}

// Described says which texts the catalogue has of a rule.
type Described struct{ Description, Remediation bool }

// event is an event's members.
type event map[string]any

// check is one thing that a reader looks for.
type check struct {
	name string
	// fault returns what is wrong with an event; empty: nothing is, or the check does
	// not apply to it.
	fault func(event, Expect) string
}

// Faults returns what is wrong with an event, each as "check: what".
func Faults(text []byte, expect Expect) []string {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return []string{"JSON: " + err.Error()}
	}
	var faults []string
	for _, c := range checks() {
		if what := c.fault(e, expect); what != "" {
			faults = append(faults, c.name+": "+what)
		}
	}
	return faults
}

// checks returns all checks; Readers says which reader needs which.
func checks() []check {
	return []check{
		{"kind and type", kindAndType},
		{"provider", provider},
		{"affected object", func(e event, _ Expect) string { return e.lacks("object.id", "object.name", "object.type") }},
		{"identity of a finding", func(e event, _ Expect) string {
			return e.ofFindings("finding.id", "finding.title", "finding.type", "finding.time.created")
		}},
		{"severity in the dictionary's words", severity},
		{"risk level", riskLevel},
		{"score fits the level", riskScore},
		{"scan of a finding", func(e event, _ Expect) string { return e.ofFindings("scan.id", "scan.name") }},
		{"times", times},
		{"analysis ends after it starts", analysisTimes},
		{"scan events hold no findings", coverage},
		{"component of a vulnerability", func(e event, _ Expect) string {
			return e.of("VULNERABILITY_FINDING", "component.name", "vulnerability.id")
		}},
		{"rule", func(e event, _ Expect) string { return e.of("COMPLIANCE_FINDING", "rule.id", "rule.name") }},
		{"control", func(e event, _ Expect) string { return e.of("COMPLIANCE_FINDING", "compliance.control") }},
		{"status of the external model", externalStatus},
		{"lists", lists},
		{"models do not mix", models},
		{"texts in the dictionary's fields", texts},
		{"facts beside their JSON", besideJSON},
		{"vendor's words beside the dictionary's", vendor},
		{"original content", original},
		{"security context", securityContext},
		{"status and result", externalResult},
		{"standard and severity of a finding", assessed},
	}
}

func (e event) text(name string) string {
	text, _ := e[name].(string)
	return text
}

// lacks returns the names of the members that are missing, empty or no text.
func (e event) lacks(names ...string) string {
	var missing []string
	for _, name := range names {
		if e.text(name) == "" {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return ""
	}
	return "no " + strings.Join(missing, ", ")
}

// of returns which members an event of this event.type lacks; "" for other events.
func (e event) of(kind string, names ...string) string {
	if e.text("event.type") != kind {
		return ""
	}
	return e.lacks(names...)
}

// dashboard reports whether a finding has the fields of the posture dashboard,
// external whether it has those of other vendors' findings.
func (e event) dashboard() bool { return e["compliance.result.status.level"] != nil }
func (e event) external() bool  { return e["compliance.standards"] != nil }

func (e event) isFinding() bool { return strings.HasSuffix(e.text("event.type"), "_FINDING") }

// ofFindings returns which members a finding lacks; "" for other events.
func (e event) ofFindings(names ...string) string {
	if !e.isFinding() {
		return ""
	}
	return e.lacks(names...)
}

func kindAndType(e event, _ Expect) string {
	known := []string{"COMPLIANCE_FINDING", "COMPLIANCE_SCAN", "COMPLIANCE_SCAN_COMPLETED", "VULNERABILITY_FINDING", "VULNERABILITY_SCAN"}
	if e.text("event.kind") != "SECURITY_EVENT" || !slices.Contains(known, e.text("event.type")) {
		return fmt.Sprintf("kind %q, type %q", e.text("event.kind"), e.text("event.type"))
	}
	return ""
}

func provider(e event, _ Expect) string {
	if missing := e.lacks("event.provider", "product.vendor", "product.name"); missing != "" {
		return missing
	}
	if e.text("event.provider") != e.text("product.vendor") {
		return fmt.Sprintf("provider %q, vendor %q", e.text("event.provider"), e.text("product.vendor"))
	}
	return ""
}

func severity(e event, _ Expect) string {
	if s := e.text("finding.severity"); e.isFinding() && !slices.Contains([]string{"CRITICAL", "HIGH", "MEDIUM", "LOW"}, s) {
		return fmt.Sprintf("%q", s)
	}
	return ""
}

func riskLevel(e event, _ Expect) string {
	levels := []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "NONE", "NOT_AVAILABLE"}
	if l := e.text("dt.security.risk.level"); e.isFinding() && !slices.Contains(levels, l) {
		return fmt.Sprintf("%q", l)
	}
	return ""
}

// riskScore checks that the score lies in the range of its level, from the first
// figure to the second, both included.
func riskScore(e event, _ Expect) string {
	value, there := e["dt.security.risk.score"]
	score, number := value.(float64)
	level := e.text("dt.security.risk.level")
	bounds := map[string][2]float64{"CRITICAL": {9, 10}, "HIGH": {7, 8.9}, "MEDIUM": {4, 6.9}, "LOW": {0.1, 3.9}, "NONE": {0, 0}}
	b, scored := bounds[level]
	switch {
	case !e.isFinding():
		return ""
	case there && !number:
		return "it is not a number"
	case scored != there, scored && (score < b[0] || score > b[1]):
		return fmt.Sprintf("%v beside %s", value, level)
	}
	return ""
}

func times(e event, _ Expect) string {
	for _, name := range []string{"timestamp", "finding.time.created", "scan.time.started", "scan.time.completed"} {
		value, there := e[name]
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(value)); there && err != nil || !there && name == "timestamp" {
			return fmt.Sprintf("%s is %v", name, value)
		}
	}
	return ""
}

func analysisTimes(e event, _ Expect) string {
	started, _ := time.Parse(time.RFC3339, e.text("scan.time.started"))
	completed, err := time.Parse(time.RFC3339, e.text("scan.time.completed"))
	if err == nil && started.After(completed) {
		return fmt.Sprintf("from %s to %s", e["scan.time.started"], e["scan.time.completed"])
	}
	return ""
}

// coverage checks that an event about the scan of an object has no field of a finding.
func coverage(e event, _ Expect) string {
	if !strings.HasSuffix(e.text("event.type"), "_SCAN") {
		return ""
	}
	for name := range e {
		for _, prefix := range []string{"finding.", "vulnerability.", "component.", "dt.security.risk.", "compliance.", "rule."} {
			if strings.HasPrefix(name, prefix) {
				return name
			}
		}
		if strings.HasPrefix(name, "scan.findings.") && name != "scan.findings.total" {
			return name
		}
	}
	return ""
}

func externalStatus(e event, _ Expect) string {
	status, there := e["compliance.status"]
	if there && !slices.Contains([]any{"FAILED", "PASSED", "NOT_RELEVANT"}, status) {
		return fmt.Sprint(status)
	}
	return ""
}

// lists checks that the fields that are lists hold at least one text, and texts only.
func lists(e event, _ Expect) string {
	for _, name := range []string{"compliance.standards", "compliance.requirements", "vulnerability.references.cve"} {
		value, there := e[name]
		list, ok := value.([]any)
		if there && (!ok || len(list) == 0 || slices.ContainsFunc(list, func(v any) bool { _, text := v.(string); return !text })) {
			return fmt.Sprintf("%s is %v", name, value)
		}
	}
	return ""
}

// models checks that a finding has all fields of the dashboard's model or none of
// them, since only Dynatrace's own scanner may send some of them, and that it has
// the fields of at least one model.
func models(e event, _ Expect) string {
	if e.text("event.type") != "COMPLIANCE_FINDING" {
		return ""
	}
	dashboard := e.dashboard()
	for _, name := range []string{"compliance.standard.short_name", "compliance.rule.severity.level", "compliance.rule.id"} {
		if there := e[name] != nil; there != dashboard {
			return fmt.Sprintf("%s %v, results %v", name, e[name], e["compliance.result.status.level"])
		}
	}
	if !dashboard && !e.external() {
		return "no compliance.standards"
	}
	return ""
}

// texts checks that a rule's description and remediation are in fields of their own,
// since some readers do not open the JSON text that also holds them. Without
// expect.Texts it checks that these fields are absent.
func texts(e event, expect Expect) string {
	metadata, of := e.text("compliance.rule.metadata_json"), expect.Described[e.text("runecast.issue.id")]
	has := map[string]bool{}
	if e.dashboard() {
		has["compliance.rule.description"] = strings.Contains(metadata, `"Check":`) || of.Description
	}
	if e.external() {
		has["rule.description"] = of.Description || e.dashboard() && has["compliance.rule.description"]
	}
	has["compliance.remediation.description"] = strings.Contains(metadata, `"Fix":`) || of.Remediation
	if e.text("event.type") != "COMPLIANCE_FINDING" {
		clear(has)
	}
	for _, name := range []string{"compliance.rule.description", "rule.description", "compliance.remediation.description"} {
		switch there := e.text(name) != ""; {
		case there && !expect.Texts:
			return name + " was not asked for"
		case !there && expect.Texts && has[name]:
			return "no " + name
		}
	}
	return ""
}

// besideJSON checks that what JSON texts say of a rule's identity, and of the number of
// unlicensed rules, is in fields of its own, too.
func besideJSON(e event, expect Expect) string {
	if e.text("event.type") == "COMPLIANCE_SCAN_COMPLETED" {
		if _, number := e["runecast.rules.unlicensed"].(float64); !number {
			return "no runecast.rules.unlicensed"
		}
	}
	metadata := map[string]any{}
	if text := e.text("compliance.rule.metadata_json"); text != "" {
		if err := json.Unmarshal([]byte(text), &metadata); err != nil {
			return "the metadata is no JSON"
		}
	}
	for shown, field := range map[string]string{"Runecast ID": "runecast.issue.id", "Reference": "finding.url", "STIG ID": "compliance.control"} {
		if expect.Lean && e[field] == nil && field != "compliance.control" {
			continue
		}
		if said := metadata[shown]; said != nil && said != e[field] {
			return fmt.Sprintf("%s %v, but %s %v", shown, said, field, e[field])
		}
	}
	return ""
}

// vendor checks that no field of the vendor lacks its counterpart in the dictionary,
// or repeats it.
func vendor(e event, _ Expect) string {
	for ours, theirs := range map[string]string{"runecast.severity": "finding.severity", "runecast.status": "finding.id", "runecast.issue.id": "finding.title"} {
		if e.text(ours) != "" && e.text(theirs) == "" {
			return ours + " without " + theirs
		}
	}
	if s := e.text("runecast.severity"); s != "" && s == e.text("finding.severity") {
		return "runecast.severity says what finding.severity says"
	}
	return ""
}

// original checks that the appliance's own JSON is there, or is absent, as expected.
func original(e event, expect Expect) string {
	var content any
	switch err := json.Unmarshal([]byte(e.text("event.original_content")), &content); {
	case !expect.Originals && e["event.original_content"] != nil:
		return "it was not asked for"
	case expect.Originals && err != nil:
		return "there is none, or it is no JSON"
	}
	return ""
}

func securityContext(e event, expect Expect) string {
	if got := e.text("dt.security_context"); got != expect.SecurityContext {
		return fmt.Sprintf("%q, not %q", got, expect.SecurityContext)
	}
	return ""
}
