package securityevent

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Rule is what all findings of one rule in one scan share. Texts over 4 KiB
// are cut, see the package comment.
type Rule struct {
	// RuleID is unique per standard and the same on every system: "CIS-66577".
	// rule.id (both), compliance.rule.id (xspm): string, never empty.
	RuleID string
	// Title is the rule in a sentence.
	// finding.title, rule.name (both), compliance.rule.title (xspm): string,
	// never empty: the dashboard drops rows without.
	Title string
	// Description is what the rule asks for, Remediation what to do about it; may be empty.
	// compliance.rule.description (xspm), rule.description (external),
	// compliance.remediation.description (both): string.
	Description, Remediation string
	// Severity is the rule's; with the status it makes the risk.
	// finding.severity (both),
	// compliance.rule.severity.level (xspm): CRITICAL, HIGH, MEDIUM or LOW;
	// compliance.rule.severity.score (xspm): 10, 7, 4 or 1;
	// dt.security.risk.level (both): the same words, or NONE for what is not
	// failed or manual; dt.security.risk.score (both): 10, 8.9, 6.9, 3.9 or 0.
	Severity Severity
	// RiskKnown is false where the vendor's word is unknown.
	// dt.security.risk.level (both) is then NOT_AVAILABLE, and there is no score.
	RiskKnown bool
	// VendorSeverity is the appliance's own word; may be empty.
	// runecast.severity (both): string, open.
	VendorSeverity string
	// StandardShortName is what the dashboard groups by: "DISA STIG".
	// compliance.standard.short_name (xspm): string, one value, never empty.
	StandardShortName string
	// StandardName is the name with its version; empty: the short name.
	// compliance.standard.name (xspm): string; compliance.standards (external): string[] of one.
	StandardName string
	// StandardURL leads to the standard; may be empty.
	// compliance.standard.url (xspm): string.
	StandardURL string
	// Control is the place in the standard: the STIG id, a section's number; may be
	// empty.
	// compliance.control (both): string, never empty: without a place the rule's
	// own id; compliance.requirements (external): string[] of one,
	// "<standard>/<control>", left out without a place.
	Control string
	// MetadataJSON is a JSON object as text; may be empty.
	// compliance.rule.metadata_json (xspm): string that holds JSON.
	MetadataJSON string
	// URL leads to the explanation; may be empty.
	// finding.url (both): string.
	URL string
	// IssueID is the appliance's id of the rule.
	// runecast.issue.id (both): string.
	IssueID string
	// Profile is the appliance's code of the profile, as it was sent.
	// runecast.profile (both), rule.type (external): string, open.
	Profile string
	// VendorStatus is the appliance's own word.
	// runecast.status (both): string: FAIL, M_FAIL, MANUAL, PASS, M_PASS,
	// NOT_RELEVANT, NOT_APPLICABLE or FILTERED.
	VendorStatus string
	// Status of the findings of this rule.
	// compliance.result.status.level (xspm): FAILED, MANUAL, PASSED or NOT_RELEVANT;
	// compliance.result.status.score (xspm): 10, 7, 4 or 1;
	// compliance.status (external): FAILED, PASSED or NOT_RELEVANT, left out for MANUAL;
	// finding.result (both): FAIL, MANUAL or PASS, left out for NOT_RELEVANT;
	// finding.status (both): OPEN for FAILED and MANUAL, RESOLVED for PASSED, left out for NOT_RELEVANT.
	Status Status
	// Reason says why the status is what it is, where its word alone does not; may be empty.
	// finding.description (both), compliance.result.description (xspm): string.
	Reason string
	// Affected is how many objects the appliance counted.
	// runecast.objects.affected (both): integer, 0 or more.
	Affected int64
}

// Finding is one rule on one object.
type Finding struct {
	// ObjectID, ObjectName and ObjectType describe the object. An object without a
	// name is shown by its id within the system. The id is "<system>/<id within it>",
	// or an ARN or Azure resource id as it is; what the id proves about the object's
	// place becomes aws.*, azure.*, gcp.* and k8s.* members (both).
	// object.id, object.name, object.type (both),
	// compliance.result.object.name and .type (xspm): string, types are open.
	ObjectID, ObjectName, ObjectType []byte
	// Evidence is a JSON array as text; empty: "[]".
	// compliance.result.object.evidence_json (xspm): string that holds
	// [{"type":"AUTOMATIC" or "MANUAL","description":…,"value":…}].
	Evidence []byte
	// QuotedEvidence is the evidence encoded as a JSON string. It is used instead of
	// Evidence unless it is empty.
	QuotedEvidence []byte
	// Original is the appliance's own JSON as text; empty: left out.
	// event.original_content (both): string.
	Original []byte
	// Plain reports whether the object's id, name and type are known to be ASCII
	// without a control, a quote or a backslash. False: they are checked.
	Plain bool
}

// Encoder writes the findings of one scan, rule by rule. What the findings of
// a rule share is encoded once; Append does not allocate beyond what dst needs.
// It is not safe for concurrent use.
type Encoder struct {
	model  Model
	scan   *Scan
	scanID uuid.UUID
	// created is finding.time.created; zero: the time of sending.
	created time.Time
	lean    bool

	shared []byte // the members that do not change within the rule, without the closing brace
	phrase []byte // the beginning of event.description, encoded
	ruleID string

	id         []byte // what a finding id is the hash of: namespace, system, object, rule
	system     int    // length of the part of id that is the same for the whole system
	name, kind []byte // of the object, encoded
	milli      int64  // the time in stamp, in milliseconds since 1970
	stamp      []byte // the time of sending, encoded
}

// NewEncoder makes an encoder for the findings of a scan, whose ID should be a UUID:
// the ids of events are made of it, or else of a UUID derived from it.
func NewEncoder(model Model, scan *Scan) *Encoder {
	scanID, err := uuid.Parse(scan.ID)
	if err != nil {
		scanID = named(scan.ID)
	}
	e := &Encoder{model: model, scan: scan, scanID: scanID, created: scan.created(time.Time{})}
	s := space()
	e.id = append(append(append(e.id, s[:]...), scan.SystemID...), 0)
	e.system = len(e.id)
	return e
}

// SetRule begins the findings of a rule. It must be called before Append.
func (e *Encoder) SetRule(r *Rule) {
	e.ruleID = r.RuleID
	if e.lean {
		e.leanRule(r)
		return
	}
	e.phrase = quoteText(e.phrase[:0], "Rule "+r.RuleID+r.Status.phrase())
	o := begin(e.shared[:0], TypeFinding, "Compliance finding event")
	o = o.scan(e.scan)
	o = o.text("finding.type", "CONFIGURATION_ISSUE")
	o = o.text("finding.title", r.Title)
	o = o.optional("finding.description", r.Reason)
	o = o.text("finding.severity", string(r.Severity))
	o = o.optional("finding.result", r.Status.result())
	o = o.optional("finding.status", r.Status.lifecycle())
	o = o.optional("finding.url", r.URL)
	o = o.time("finding.time.created", e.created)
	o = o.risk(r)
	o = o.id("rule.id", r.RuleID)
	o = o.text("rule.name", r.Title)
	o = o.id("runecast.issue.id", r.IssueID)
	o = o.id("runecast.profile", r.Profile)
	o = o.text("runecast.status", r.VendorStatus)
	o = o.optional("runecast.severity", r.VendorSeverity)
	o = o.integer("runecast.objects.affected", r.Affected)
	o = o.id("runecast.system.id", e.scan.SystemID)
	o = o.text("compliance.control", cmp.Or(r.Control, r.RuleID))
	o = o.optional("compliance.remediation.description", r.Remediation)
	if e.model != External {
		o = o.xspm(r)
	}
	if e.model != XSPM {
		o = o.external(r)
	}
	e.shared = o
}

// risk adds the risk of a finding. If the severity is unknown, the level is
// NOT_AVAILABLE and there is no score, since readers compare the score with the level.
func (o object) risk(r *Rule) object {
	switch {
	case r.Status != Failed && r.Status != Manual:
		return o.text("dt.security.risk.level", "NONE").number("dt.security.risk.score", 0)
	case !r.RiskKnown:
		return o.text("dt.security.risk.level", "NOT_AVAILABLE")
	}
	return o.text("dt.security.risk.level", string(r.Severity)).number("dt.security.risk.score", r.Severity.RiskScore())
}

// xspm adds what the findings of a rule share in the model of the dashboard.
func (o object) xspm(r *Rule) object {
	o = o.dashboardRule(r)
	o = o.id("compliance.standard.short_name", r.StandardShortName)
	o = o.optional("compliance.standard.name", r.StandardName)
	o = o.optional("compliance.standard.url", r.StandardURL)
	o = o.dashboardResult(r)
	return o.optional("compliance.result.description", r.Reason)
}

func (o object) dashboardRule(r *Rule) object {
	o = o.id("compliance.rule.id", r.RuleID)
	o = o.text("compliance.rule.title", r.Title)
	o = o.optional("compliance.rule.description", r.Description)
	o = o.text("compliance.rule.severity.level", string(r.Severity))
	o = o.number("compliance.rule.severity.score", r.Severity.RuleScore())
	if r.MetadataJSON != "" {
		o = quote(o.key("compliance.rule.metadata_json"), r.MetadataJSON)
	}
	return o
}

func (o object) dashboardResult(r *Rule) object {
	o = o.text("compliance.result.status.level", string(r.Status))
	return o.number("compliance.result.status.score", r.Status.Score())
}

// external adds what the findings of a rule share in the external model.
func (o object) external(r *Rule) object {
	o = o.verdict(r)
	o = o.optional("rule.description", r.Description)
	return o.id("rule.type", r.Profile)
}

// verdict adds what the external model says of a rule's result.
func (o object) verdict(r *Rule) object {
	if r.Status != Manual { // the vocabulary of compliance.status has no MANUAL
		o = o.text("compliance.status", string(r.Status))
	}
	standard := r.StandardName
	if standard == "" {
		standard = r.StandardShortName
	}
	o = o.list("compliance.standards", standard)
	if r.Control != "" {
		o = o.list("compliance.requirements", standard+"/"+r.Control)
	}
	return o
}

// Append appends one finding of the current rule to dst, stamped with the
// time it is sent: Dynatrace drops records over 24 hours old.
func (e *Encoder) Append(dst []byte, f *Finding, at time.Time) []byte {
	return e.AppendOwn(append(dst, e.shared...), f, at)
}

// Shared returns the beginning that all findings of the current rule have in common.
// It is valid until the next SetRule.
func (e *Encoder) Shared() []byte { return e.shared }

// AppendOwn appends the part of a finding that follows Shared; see Append.
func (e *Encoder) AppendOwn(dst []byte, f *Finding, at time.Time) []byte {
	finding := e.findingID(f.ObjectID)
	o := appendUUID(append(dst, `,"finding.id":`...), finding)
	if !e.lean {
		o = o.uuid("event.id", e.eventID(finding))
	}
	e.stampOf(at)
	o = o.quoted("timestamp", e.stamp)
	if e.created.IsZero() {
		o = o.quoted("finding.time.created", e.stamp)
	}
	o = e.resource(o, f)
	o = o.place(e.scan, f)
	o = o.original(f)
	if e.model != External {
		o = e.result(o, f)
	}
	return append(o, '}')
}

// resource adds the finding's object, and the description that names it.
func (e *Encoder) resource(o object, f *Finding) object {
	if f.isPlain() {
		return e.plainResource(o, f)
	}
	o = o.key("object.id")
	begin := len(o)
	o = quoteID(o, f.ObjectID)
	label := o[begin:]
	e.name = quoteText(e.name[:0], f.shownName())
	o = o.quoted("object.name", e.name)
	if len(f.ObjectName) > 0 {
		label = e.name
	}
	e.kind = quoteText(e.kind[:0], f.ObjectType)
	o = o.quoted("object.type", e.kind)
	if e.lean {
		return o
	}
	o = o.quoted("event.description", e.phrase[:len(e.phrase)-1])
	return append(o, label[1:]...)
}

// isPlain reports whether the texts of the object need neither escapes nor cuts.
func (f *Finding) isPlain() bool {
	return f.Plain && len(f.ObjectID) <= maxText && len(f.ObjectName) <= maxText && len(f.ObjectType) <= maxText
}

// plainResource does what resource does, for an object whose texts are plain.
func (e *Encoder) plainResource(o object, f *Finding) object {
	name := f.shownName()
	o = append(append(o, `,"object.id":"`...), f.ObjectID...)
	o = append(append(o, `","object.name":"`...), name...)
	o = append(append(o, `","object.type":"`...), f.ObjectType...)
	if !e.lean {
		label := f.ObjectName
		if len(label) == 0 {
			label = f.ObjectID
		}
		o = append(append(o, `","event.description":`...), e.phrase[:len(e.phrase)-1]...)
		o = append(o, label...)
	}
	return append(o, '"')
}

// plainResult adds the name and type of an object whose texts are plain.
func (o object) plainResult(f *Finding) object {
	o = append(append(o, `,"compliance.result.object.name":"`...), f.shownName()...)
	o = append(append(o, `","compliance.result.object.type":"`...), f.ObjectType...)
	return append(o, '"')
}

// result adds what the model of the dashboard says of the finding's object.
func (e *Encoder) result(o object, f *Finding) object {
	switch {
	case e.lean:
	case f.isPlain():
		o = o.plainResult(f)
	default:
		o = o.quoted("compliance.result.object.name", e.name)
		o = o.quoted("compliance.result.object.type", e.kind)
	}
	if len(f.QuotedEvidence) > 0 {
		return o.quoted("compliance.result.object.evidence_json", f.QuotedEvidence)
	}
	if len(f.Evidence) == 0 {
		return o.quoted("compliance.result.object.evidence_json", []byte(`"[]"`))
	}
	return o.json("compliance.result.object.evidence_json", f.Evidence)
}

// shownName returns the object's name. An object without a name is shown by its id
// within the system, since readers need a name.
func (f *Finding) shownName() []byte {
	if len(f.ObjectName) > 0 {
		return f.ObjectName
	}
	return f.native()
}

// findingID returns an id that is the same for the same system, object and rule, for
// ever.
func (e *Encoder) findingID(objectID []byte) uuid.UUID {
	e.id = append(e.id[:e.system], objectID...)
	e.id = append(append(e.id, 0), e.ruleID...)
	return version5(e.id)
}

// eventID returns an id that is another one in every generation of a delivery.
func (e *Encoder) eventID(finding uuid.UUID) uuid.UUID {
	var b [32]byte
	copy(b[:], e.scanID[:])
	copy(b[16:], finding[:])
	return version5(b[:])
}

// stampOf encodes the time at into stamp, unless stamp holds it already, as it does
// for most events.
func (e *Encoder) stampOf(at time.Time) {
	if milli := at.UnixMilli(); milli != e.milli || len(e.stamp) == 0 {
		e.milli = milli
		e.stamp = append(AppendTime(append(e.stamp[:0], '"'), at), '"')
	}
}
