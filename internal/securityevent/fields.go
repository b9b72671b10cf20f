package securityevent

import "cmp"

// Fields say how much of a finding is sent. Other events are few, and always whole.
type Fields string

// The values of Fields. AllFields sends all that is known. LeanFields leaves out of a
// finding every field that no reader in Dynatrace reads, that a reader reads only
// where another field is missing, or that follows from other fields.
// mapping/FIELDS.md lists what lean has and leaves out, with the readers.
const (
	AllFields  Fields = "all"
	LeanFields Fields = "lean"
)

// SetFields sets which fields the findings have. It must be called before the first
// SetRule. Without it the findings have all fields.
func (e *Encoder) SetFields(f Fields) { e.lean = f == LeanFields }

// leanRule writes what the findings of a rule share, for LeanFields. It leaves out
// event.name, event.category and event.version, product.version, finding.status and
// the appliance's own words, except for an unknown severity. Models with the fields
// of the dashboard also go without finding.result, finding.url and runecast.issue.id:
// the dashboard's fields hold the result, and its metadata the link and the id.
func (e *Encoder) leanRule(r *Rule) {
	o := object(append(e.shared[:0], '{'))
	o = o.text("event.kind", "SECURITY_EVENT")
	o = o.text("event.type", TypeFinding)
	o = o.text("event.provider", Provider)
	o = o.text("product.vendor", Provider)
	o = o.text("product.name", ProductName)
	o = o.scanOf(e.scan)
	o = o.text("finding.type", "CONFIGURATION_ISSUE")
	o = o.text("finding.title", r.Title)
	o = o.optional("finding.description", r.Reason)
	o = o.text("finding.severity", string(r.Severity))
	if e.model == External {
		o = o.optional("finding.result", r.Status.result())
		o = o.optional("finding.url", r.URL)
	}
	o = o.time("finding.time.created", e.created)
	o = o.risk(r)
	o = o.id("rule.id", r.RuleID)
	o = o.text("rule.name", r.Title)
	if e.model == External && r.IssueID != r.RuleID {
		o = o.id("runecast.issue.id", r.IssueID)
	}
	if !r.RiskKnown {
		o = o.optional("runecast.severity", r.VendorSeverity)
	}
	o = o.text("compliance.control", cmp.Or(r.Control, r.RuleID))
	o = o.optional("compliance.remediation.description", r.Remediation)
	if e.model != External {
		o = o.leanXSPM(r)
	}
	if e.model != XSPM {
		o = o.verdict(r)
		o = o.optional("rule.description", r.Description)
	}
	if e.model == External {
		o = o.id("rule.type", r.Profile)
	}
	e.shared = o
}

// leanXSPM leaves out compliance.standard.name and compliance.result.description.
func (o object) leanXSPM(r *Rule) object {
	o = o.dashboardRule(r)
	o = o.id("compliance.standard.short_name", r.StandardShortName)
	o = o.optional("compliance.standard.url", r.StandardURL)
	return o.dashboardResult(r)
}
