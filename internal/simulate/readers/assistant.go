package readers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// assistantStandard is the one standard that the Compliance Assistant knows.
const assistantStandard = "DORA"

// Assistant computes what the Compliance Assistant shows of events. In its preview
// it reads Runecast's findings of DORA, and the severity of the worst failed finding
// bounds the score (Dynatrace docs, Compliance Assistant, 2026).
type Assistant struct {
	// Findings counts the findings of DORA.
	Findings int
	// Failed are the ids of the rules that failed.
	Failed map[string]bool

	worst string // the highest severity of a failed finding; "": none failed
}

// Add counts an event. It fails only if the text is not a JSON object.
func (a *Assistant) Add(text []byte) error {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if e.text("event.type") != "COMPLIANCE_FINDING" || e.text("event.provider") != "Runecast" || !e.isOf(assistantStandard) {
		return nil
	}
	a.Findings++
	if e.text("finding.result") != "FAIL" {
		return nil
	}
	if a.Failed == nil {
		a.Failed = map[string]bool{}
	}
	a.Failed[e.text("rule.id")] = true
	if s := e.text("finding.severity"); ceiling(s) < ceiling(a.worst) {
		a.worst = s
	}
	return nil
}

// Ceiling returns the highest possible score, in per cent: 100 if nothing failed.
func (a *Assistant) Ceiling() int { return ceiling(a.worst) }

func ceiling(worst string) int {
	switch worst {
	case "CRITICAL":
		return 34
	case "HIGH":
		return 59
	case "MEDIUM":
		return 79
	case "LOW":
		return 99
	}
	return 100
}

// isOf reports whether a finding is of a standard, by the field of either model.
func (e event) isOf(standard string) bool {
	listed, _ := e["compliance.standards"].([]any)
	return e.text("compliance.standard.short_name") == standard || slices.ContainsFunc(listed, func(v any) bool {
		name, _ := v.(string)
		return name == standard || strings.HasPrefix(name, standard+" ")
	})
}

// assessed checks that the standard, the severity and the result of a finding are the
// same in all fields that hold them, so that it does not matter which a reader takes.
func assessed(e event, expect Expect) string {
	if e.text("event.type") != "COMPLIANCE_FINDING" {
		return ""
	}
	if e.dashboard() && e.text("compliance.rule.severity.level") != e.text("finding.severity") {
		return fmt.Sprintf("severity %v and %v", e["compliance.rule.severity.level"], e["finding.severity"])
	}
	told := !expect.Lean || e["finding.result"] != nil
	if e.dashboard() && told && (e.text("compliance.result.status.level") == "FAILED") != (e.text("finding.result") == "FAIL") {
		return fmt.Sprintf("status %v, result %v", e["compliance.result.status.level"], e["finding.result"])
	}
	name := e.text("compliance.standard.name")
	if listed, _ := e["compliance.standards"].([]any); name != "" && len(listed) > 0 && listed[0] != name {
		return fmt.Sprintf("standard %q, listed %v", name, listed)
	}
	return ""
}

// externalResult checks that a finding of the external model has the status that fits
// its result. Queries of other vendors' findings and the samples of workflows select by
// the status. A finding that needs a manual check must have none: that model has no
// status for it.
func externalResult(e event, expect Expect) string {
	if e.text("event.type") != "COMPLIANCE_FINDING" || !e.external() || expect.Lean && e["finding.result"] == nil {
		return ""
	}
	want := map[string]string{"FAIL": "FAILED", "PASS": "PASSED"}[e.text("finding.result")]
	status, there := e["compliance.status"]
	unknown := status == "MANUAL" // which externalStatus reports
	if manual := e.text("finding.result") == "MANUAL"; manual == there || want != "" && status != want && !unknown {
		return fmt.Sprintf("status %v, result %v", status, e["finding.result"])
	}
	return ""
}
