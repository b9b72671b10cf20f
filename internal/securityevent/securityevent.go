// Package securityevent is the Dynatrace event model of this project: findings,
// completed scans and coverage, and their JSON. It promises flat dotted keys,
// constant types, numbers as numbers, valid UTF-8, and valid JSON text in the
// *_json members, whatever the values hold. Sources: the semantic dictionary's
// compliance tables (2025-08) and the queries of the ready-made dashboard
// "Security Posture overview".
package securityevent

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Model says which generation of consumers the events are for.
type Model string

const (
	// Both has the fields of both generations; their names do not overlap.
	Both Model = "both"
	// XSPM is what the posture dashboard reads (compliance.rule.*, compliance.result.*).
	XSPM Model = "xspm"
	// External is the cross-vendor model (rule.*, compliance.status, compliance.standards).
	External Model = "external"
)

// Names that every event carries.
const (
	Provider      = "Runecast"          // event.provider, equal to product.vendor
	ProductName   = "Runecast Analyzer" // product.name
	TypeFinding   = "COMPLIANCE_FINDING"
	TypeCompleted = "COMPLIANCE_SCAN_COMPLETED"
	TypeCoverage  = "COMPLIANCE_SCAN"

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

// Score orders statuses on the dashboard (compliance.result.status.score).
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

// Severity is how grave a rule is.
type Severity string

// The severities that the dashboard's filter offers; a row with another is dropped by it.
const (
	Critical Severity = "CRITICAL"
	High     Severity = "HIGH"
	Medium   Severity = "MEDIUM"
	Low      Severity = "LOW"
)

// RuleScore orders severities on the dashboard (compliance.rule.severity.score).
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

// RiskScore is the cross-vendor scale of dt.security.risk.score: the top of the
// severity's band.
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

// Context is one member that places an event: cloud.provider, vmware.vcenter.name …
type Context struct{ Key, Value string }

// Scan is what all events of one scan of one system share.
type Scan struct {
	// ID is new for every generation of a delivery; scan.id.
	ID string
	// Name is for people: the system and the time; scan.name.
	Name string
	// ProductVersion is the appliance's; may be empty.
	ProductVersion string
	// Started is when the analysis was started, Completed when it ended.
	// Zero: left out.
	Started, Completed time.Time
	// SystemID, SystemName and SystemType identify the analysed system, which
	// is the object of the scan events.
	SystemID, SystemName, SystemType string
	// Context are the members that depend on the system's type.
	Context []Context
}

// object is a JSON object under construction.
type object []byte

// begin starts an event with what all events share.
func begin(dst []byte, eventType, eventName string) object {
	o := object(append(dst, '{'))
	o = o.text("event.kind", "SECURITY_EVENT")
	o = o.text("event.type", eventType)
	o = o.text("event.name", eventName)
	o = o.text("event.category", "COMPLIANCE")
	o = o.text("event.version", modelVersion)
	o = o.text("event.provider", Provider)
	o = o.text("product.vendor", Provider)
	return o.text("product.name", ProductName)
}

// scan adds the members that all events of a scan share.
func (o object) scan(s *Scan) object {
	o = o.optional("product.version", s.ProductVersion)
	o = o.text("scan.id", s.ID)
	o = o.optional("scan.name", s.Name)
	for _, c := range s.Context {
		o = o.optional(c.Key, c.Value)
	}
	return o
}

// system adds the analysed system as the event's object.
func (o object) system(s *Scan) object {
	o = o.text("object.id", s.SystemID)
	o = o.text("object.name", s.SystemName)
	return o.text("object.type", s.SystemType)
}

// key adds a member's name; names are constants of this package and need no escaping.
func (o object) key(name string) object {
	if o[len(o)-1] != '{' {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o object) text(name, value string) object { return quote(o.key(name), value) }

func (o object) bytes(name string, value []byte) object { return quote(o.key(name), value) }

func (o object) optional(name, value string) object {
	if value == "" {
		return o
	}
	return o.text(name, value)
}

func (o object) number(name string, value float64) object {
	return strconv.AppendFloat(o.key(name), value, 'f', -1, 64)
}

func (o object) integer(name string, value int64) object {
	return strconv.AppendInt(o.key(name), value, 10)
}

func (o object) time(name string, t time.Time) object {
	if t.IsZero() {
		return o
	}
	o = append(o.key(name), '"')
	return append(AppendTime(o, t), '"')
}

func (o object) list(name string, values []string) object {
	o = append(o.key(name), '[')
	for i, v := range values {
		if i > 0 {
			o = append(o, ',')
		}
		o = quote(o, v)
	}
	return append(o, ']')
}

// quote appends a JSON string; bytes that are not UTF-8 become U+FFFD.
func quote[B ~string | ~[]byte](dst object, s B) object {
	out, _ := jsontext.AppendQuote(dst, s) // its error says that bytes were replaced
	return out
}

// AppendTime appends a time as OpenPipeline reads it: RFC 3339, UTC, milliseconds.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}
