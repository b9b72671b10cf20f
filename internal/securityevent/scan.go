package securityevent

import (
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Scan is what all events of one scan of one system share.
type Scan struct {
	// ID is new for every generation of a delivery; a UUID.
	// scan.id (both): string, what findings and scan events are joined on.
	ID string
	// Name is for people: the system and the time; may be empty.
	// scan.name (both): string.
	Name string
	// ProductVersion is the appliance's: "6.9.12.0"; may be empty.
	// product.version (both): string.
	ProductVersion string
	// Started is when the analysis began, if that is known, and never after
	// Completed. Completed is when the analysis ended. Zero: left out.
	// scan.time.started, scan.time.completed (scan events, both): timestamp.
	Started, Completed time.Time
	// Archived is the start of the run that archived the results.
	// finding.time.created (both): timestamp, never left out: Completed, else
	// Archived, else the time of sending.
	Archived time.Time
	// SystemID, SystemName and SystemType identify the analysed system.
	// object.id, object.name, object.type of the scan events (both): string,
	// never empty; types that the dashboard names are AWS, AZURE, GCP,
	// KUBERNETES_CLUSTER, NSXT and VCENTER, others it shows as they are.
	// runecast.system.id of the findings (both): string.
	SystemID, SystemName, SystemType string
	// Platform is what the system runs on, as far as ids of objects depend on it.
	Platform Platform
	// Findings is how many findings of the scan were sent; 0: left out.
	// scan.findings.total (external, coverage of the system): integer.
	Findings int64
	// Original is the appliance's own JSON about the scan; empty: left out.
	// event.original_content (scan events of the system, both): string.
	Original []byte
	// Context are the members that say where the system is and who may read its rows.
	Context []Context
}

// Context is one member that places an event: cloud.provider, aws.account.id,
// azure.tenant.name, gcp.organization.name, hypervisor.type,
// vmware.vcenter.name, k8s.cluster.uid … (both): string; an empty value is left out.
type Context struct{ Key, Value string }

// has reports whether the scan's context has a member.
func (s *Scan) has(key string) bool {
	for _, c := range s.Context {
		if c.Key == key && c.Value != "" {
			return true
		}
	}
	return false
}

// created returns finding.time.created of a finding that is sent at a time.
func (s *Scan) created(at time.Time) time.Time {
	switch {
	case !s.Completed.IsZero():
		return s.Completed
	case !s.Archived.IsZero():
		return s.Archived
	}
	return at
}

// ScanName returns the name of a scan for people: the system, and when the scan was
// completed, if that is known.
func ScanName(system string, completed time.Time) string {
	if completed.IsZero() {
		return system
	}
	return strings.TrimSpace(system + " " + completed.UTC().Format(time.RFC3339))
}

// Summary is the posture of one scan: scan.result.summary_json. Its figures are those
// that the dashboard computes from the rows sent.
type Summary struct {
	// CompliancePercentage is the posture over all standards, in per cent: 0 to 100.
	CompliancePercentage int `json:"compliancePercentage"`
	// Standards is the posture by standard.
	Standards []StandardSummary `json:"standardResultSummaries"`
	// Rows is the number of findings sent, per status: a query can compare it
	// with what was indexed, since a 202 is given before the indexing.
	Rows map[Status]int64 `json:"rows"`
	// Unlicensed is the number of rules that the appliance has not assessed for
	// want of a licence, by standard. No other figure includes these rules. Nil:
	// there are none.
	Unlicensed map[string]int `json:"unlicensed,omitzero"`
}

// UnlicensedRules returns the number of rules of all standards that were not assessed
// for want of a licence.
func (s *Summary) UnlicensedRules() int {
	all := 0
	for _, n := range s.Unlicensed {
		all += n
	}
	return all
}

// StandardSummary is the posture by one standard. Its numbers count rules, not rows;
// rules that are not relevant are not counted.
type StandardSummary struct {
	// StandardCode is the standard's short name, as "DISA STIG".
	StandardCode         string `json:"standardCode"`
	CompliancePercentage int    `json:"compliancePercentage"`
	Passed               int    `json:"passed"`
	Manual               int    `json:"manual"`
	Failed               int    `json:"failed"`
	// Rules is the sum of Passed, Manual and Failed.
	Rules int `json:"rules"`
}

// Posture returns floor(passed / (passed + manual + failed) * 100) in floating point,
// as the dashboard computes it: 29 of 100 are 28 %. Without rules it returns 0.
func Posture(passed, manual, failed int) int {
	if all := passed + manual + failed; all > 0 {
		return int(math.Floor(float64(passed) / float64(all) * 100))
	}
	return 0
}

// AppendCompleted appends the scan event, COMPLIANCE_SCAN_COMPLETED, which makes the
// findings of its scan visible: of each system the dashboard shows only the findings of
// the newest scan event. An error means that the summary could not be encoded.
func AppendCompleted(dst []byte, s *Scan, sum Summary, at time.Time) ([]byte, error) {
	text, err := json.Marshal(sum, json.Deterministic(true))
	if err != nil {
		return dst, err
	}
	o := begin(dst, TypeCompleted, "Compliance scan completed event")
	o = o.scan(s)
	o = o.uuid("event.id", named("completed", s.ID))
	o = o.time("timestamp", at)
	o = o.times(s)
	o = o.json("scan.result.summary_json", text)
	// The number is also in the summary, but not every reader opens that JSON.
	// runecast.rules.unlicensed (both): integer. 0 is sent, too: without it a query for
	// the last value of a system would find the value of an older scan.
	o = o.integer("runecast.rules.unlicensed", int64(sum.UnlicensedRules()))
	o = o.system(s)
	return append(o, '}'), nil
}

// AppendCoverage appends a COMPLIANCE_SCAN event of the external model. It says that
// the object of f was looked at, or the system itself if f is nil. key names the scan;
// the event's id is made of it and does not depend on the generation, so that a
// repeated event is recognised.
func AppendCoverage(dst []byte, s *Scan, f *Finding, key string, at time.Time) []byte {
	o := begin(dst, TypeCoverage, "Compliance scan event")
	o = o.scan(s)
	o = o.time("timestamp", at)
	o = o.times(s)
	o = o.text("scan.status", "COMPLETED")
	if f == nil {
		o = o.uuid("event.id", named("coverage", s.SystemID, key))
		if s.Findings > 0 {
			o = o.integer("scan.findings.total", s.Findings)
		}
		o = o.system(s)
	} else {
		o = o.uuid("event.id", named("coverage", s.SystemID, key, string(f.ObjectID)))
		o = quoteID(o.key("object.id"), f.ObjectID)
		o = o.bytes("object.name", f.shownName())
		o = o.bytes("object.type", f.ObjectType)
		o = o.original(f).place(s, f)
	}
	return append(o, '}')
}

// scan adds the members that all events of a scan share.
func (o object) scan(s *Scan) object {
	return o.optional("product.version", s.ProductVersion).scanOf(s)
}

// scanOf adds the members that name an event's scan and its place.
func (o object) scanOf(s *Scan) object {
	o = o.text("scan.id", s.ID)
	o = o.optional("scan.name", s.Name)
	for _, c := range s.Context {
		o = o.optional(c.Key, c.Value)
	}
	return o
}

func (o object) times(s *Scan) object {
	o = o.time("scan.time.started", s.Started)
	return o.time("scan.time.completed", s.Completed)
}

// system adds the analysed system as the event's object.
func (o object) system(s *Scan) object {
	o = o.id("object.id", s.SystemID)
	o = o.text("object.name", s.SystemName)
	o = o.text("object.type", s.SystemType)
	if len(s.Original) > 0 {
		o = o.json("event.original_content", s.Original)
	}
	return o
}
