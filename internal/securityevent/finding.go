package securityevent

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"
)

// space is the namespace of finding ids; a constant, so that ids are the same for ever.
var space = uuid.MustParse("b3a3f2a0-7f0e-5d52-9a55-6d6f6e646179")

// Check is what all findings of one rule in one scan share.
type Check struct {
	// RuleID is unique per standard and the same on every system:
	// rule.id (external), compliance.rule.id (xspm).
	RuleID string
	// Title: finding.title, rule.name, compliance.rule.title. Never empty: the
	// dashboard drops rows without.
	Title string
	// Severity: compliance.rule.severity.*; sets the risk of failed and manual findings.
	Severity Severity
	// RiskKnown is false where the vendor's word is unknown: the risk level is then NOT_AVAILABLE.
	RiskKnown bool
	// VendorSeverity is the appliance's own word: finding.severity.
	VendorSeverity string
	// Standard: compliance.standard.* (xspm), compliance.standards (external).
	StandardShortName, StandardName, StandardURL string
	// Control is the place in the standard: compliance.control (external); may be empty.
	Control string
	// MetadataJSON is a JSON object as text: compliance.rule.metadata_json (xspm); may be empty.
	MetadataJSON string
	// URL leads to the explanation: finding.url; may be empty.
	URL string
	// IssueID and Profile are the appliance's own: runecast.issue.id, runecast.profile.
	IssueID, Profile string
	// VendorStatus is the appliance's own word: runecast.status.
	VendorStatus string
	// Status of the findings of this check.
	Status Status
	// Affected is how many objects the appliance counted: runecast.objects.affected.
	Affected int64
}

// Finding is one rule on one object.
type Finding struct {
	// ObjectID, ObjectName and ObjectType are the resource's; the name may be empty.
	ObjectID, ObjectName, ObjectType []byte
	// Evidence is a JSON array as text: compliance.result.object.evidence_json
	// (xspm); empty: "[]".
	Evidence []byte
	// Original is the appliance's own JSON as text: event.original_content;
	// empty: left out.
	Original []byte
}

// Encoder writes the findings of one scan, rule by rule. What the findings of
// a rule share is encoded once. It is not safe for concurrent use.
type Encoder struct {
	model  Model
	scan   *Scan
	scanID uuid.UUID

	check []byte // the members that do not change within the check, without the closing brace
	rule  string
	id    []byte // scratch
}

// NewEncoder begins the findings of a scan, whose ID must be a UUID.
func NewEncoder(model Model, scan *Scan) *Encoder {
	id, err := uuid.Parse(scan.ID)
	if err != nil {
		id = uuid.NewSHA1(space, []byte(scan.ID))
	}
	return &Encoder{model: model, scan: scan, scanID: id}
}

// SetCheck begins the findings of a rule.
func (e *Encoder) SetCheck(c *Check) {
	e.rule = c.RuleID
	o := begin(e.check[:0], TypeFinding, "Compliance finding event")
	o = o.scan(e.scan)
	o = o.text("finding.type", "CONFIGURATION_ISSUE")
	o = o.text("finding.title", c.Title)
	o = o.text("finding.severity", c.VendorSeverity)
	o = o.optional("finding.url", c.URL)
	o = o.time("finding.time.created", e.scan.Completed)
	level, score := c.risk()
	o = o.text("dt.security.risk.level", level)
	o = o.number("dt.security.risk.score", score)
	o = o.text("rule.id", c.RuleID)
	o = o.text("rule.name", c.Title)
	o = o.text("runecast.issue.id", c.IssueID)
	o = o.text("runecast.profile", c.Profile)
	o = o.text("runecast.status", c.VendorStatus)
	o = o.integer("runecast.objects.affected", c.Affected)
	o = o.text("runecast.system.id", e.scan.SystemID)
	if e.model != External {
		o = o.xspm(c)
	}
	if e.model != XSPM {
		o = o.external(c)
	}
	e.check = o
}

// risk of a finding; an unknown severity is shown as such.
func (c *Check) risk() (string, float64) {
	switch {
	case c.Status != Failed && c.Status != Manual:
		return "NONE", 0
	case !c.RiskKnown:
		return "NOT_AVAILABLE", 0
	}
	return string(c.Severity), c.Severity.RiskScore()
}

func (o object) xspm(c *Check) object {
	o = o.text("compliance.rule.id", c.RuleID)
	o = o.text("compliance.rule.title", c.Title)
	o = o.text("compliance.rule.severity.level", string(c.Severity))
	o = o.number("compliance.rule.severity.score", c.Severity.RuleScore())
	o = o.optional("compliance.rule.metadata_json", c.MetadataJSON)
	o = o.text("compliance.standard.short_name", c.StandardShortName)
	o = o.optional("compliance.standard.name", c.StandardName)
	o = o.optional("compliance.standard.url", c.StandardURL)
	o = o.text("compliance.result.status.level", string(c.Status))
	return o.number("compliance.result.status.score", c.Status.Score())
}

func (o object) external(c *Check) object {
	if c.Status != Manual { // the vocabulary of compliance.status has no MANUAL
		o = o.text("compliance.status", string(c.Status))
	}
	o = o.optional("compliance.control", c.Control)
	name := c.StandardName
	if name == "" {
		name = c.StandardShortName
	}
	return o.list("compliance.standards", []string{name})
}

// Append appends one finding of the current check to dst, stamped with the
// time it is sent: Dynatrace drops records over 24 hours old.
func (e *Encoder) Append(dst []byte, f *Finding, at time.Time) []byte {
	o := object(append(dst, e.check...))
	finding := e.findingID(f.ObjectID)
	o = o.uuid("finding.id", finding)
	o = o.uuid("event.id", uuid.NewSHA1(e.scanID, finding[:]))
	o = o.time("timestamp", at)
	o = o.resource(f)
	if len(f.Original) > 0 {
		o = o.bytes("event.original_content", f.Original)
	}
	if e.model != External {
		o = o.result(f)
	}
	return append(o, '}')
}

func (o object) resource(f *Finding) object {
	o = o.bytes("object.id", f.ObjectID)
	if len(f.ObjectName) > 0 {
		o = o.bytes("object.name", f.ObjectName)
	}
	return o.bytes("object.type", f.ObjectType)
}

func (o object) result(f *Finding) object {
	if len(f.ObjectName) > 0 {
		o = o.bytes("compliance.result.object.name", f.ObjectName)
	}
	o = o.bytes("compliance.result.object.type", f.ObjectType)
	if len(f.Evidence) == 0 {
		return o.text("compliance.result.object.evidence_json", "[]")
	}
	return o.bytes("compliance.result.object.evidence_json", f.Evidence)
}

// findingID is the same for the same system, object and rule, for ever.
func (e *Encoder) findingID(objectID []byte) uuid.UUID {
	e.id = append(e.id[:0], e.scan.SystemID...)
	e.id = append(e.id, 0)
	e.id = append(e.id, objectID...)
	e.id = append(e.id, 0)
	e.id = append(e.id, e.rule...)
	return uuid.NewSHA1(space, e.id)
}

func (o object) uuid(name string, id uuid.UUID) object {
	o = append(o.key(name), '"')
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			o = append(o, '-')
		}
		o = hex.AppendEncode(o, part)
	}
	return append(o, '"')
}

// ScanName is the name of a scan for people.
func ScanName(system string, completed time.Time) string {
	return strings.TrimSpace(system + " " + completed.UTC().Format(time.RFC3339))
}
