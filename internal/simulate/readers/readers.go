// Package readers holds events against what reads them in Dynatrace: its public
// rules for mappings of security events (the skill dt-sec-semantic-mapping of
// Dynatrace's repository for agents, 2026), its queries of findings of other
// vendors, the Compliance Assistant, and conditions of permissions. It promises
// that an event without a fault here is one that all of them can use. The rules
// are restated; their source is the authority.
package readers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Expect is what the settings promise of every event.
type Expect struct {
	// Texts: a rule's texts are in fields of their own (RULE_TEXTS is not off).
	Texts bool
	// Originals: every event carries the appliance's own JSON (ORIGINAL_CONTENT=on).
	Originals bool
	// SecurityContext is on every event; empty: none is set.
	SecurityContext string
}

// event is an event's members.
type event map[string]any

// check is one thing that a reader looks for.
type check struct {
	name string
	// fault says what is wrong with an event; empty: nothing, or it is not meant.
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
		{"analysis ends after it starts", order},
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
		{"vendor's words beside the dictionary's", vendor},
		{"original content", original},
		{"security context", securityContext},
	}
}

func (e event) text(name string) string {
	text, _ := e[name].(string)
	return text
}

// lacks names the members that are missing, empty or no text.
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

func (e event) of(kind string, names ...string) string {
	if e.text("event.type") != kind {
		return ""
	}
	return e.lacks(names...)
}

func (e event) isFinding() bool { return strings.HasSuffix(e.text("event.type"), "_FINDING") }

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

// riskScore holds the score against the range of its level: from the first
// figure to the second.
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

func order(e event, _ Expect) string {
	started, _ := time.Parse(time.RFC3339, e.text("scan.time.started"))
	completed, err := time.Parse(time.RFC3339, e.text("scan.time.completed"))
	if err == nil && started.After(completed) {
		return fmt.Sprintf("from %s to %s", e["scan.time.started"], e["scan.time.completed"])
	}
	return ""
}

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

// models: what only Dynatrace's own scanner may send is either there for the
// dashboard, with the results it reads, or not at all.
func models(e event, _ Expect) string {
	if e.text("event.type") != "COMPLIANCE_FINDING" {
		return ""
	}
	dashboard := e["compliance.result.status.level"] != nil
	for _, name := range []string{"compliance.standard.short_name", "compliance.rule.severity.level", "compliance.rule.id"} {
		if there := e[name] != nil; there != dashboard {
			return fmt.Sprintf("%s %v, results %v", name, e[name], e["compliance.result.status.level"])
		}
	}
	if !dashboard && e["compliance.standards"] == nil {
		return "no compliance.standards"
	}
	return ""
}

// texts: what the appliance says to do must not be found in a JSON text alone,
// which some readers do not open.
func texts(e event, expect Expect) string {
	metadata := e.text("compliance.rule.metadata_json")
	switch {
	case !expect.Texts:
		return ""
	case strings.Contains(metadata, `"Fix":`) && e.text("compliance.remediation.description") == "":
		return "no compliance.remediation.description"
	case strings.Contains(metadata, `"Check":`) && e.text("compliance.rule.description") == "":
		return "no compliance.rule.description"
	}
	return ""
}

// vendor: a field of the vendor with no counterpart of the dictionary is a
// mapping that was missed.
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
