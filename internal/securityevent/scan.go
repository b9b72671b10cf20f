package securityevent

import (
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Summary is the posture of one scan: scan.result.summary_json. Its figures
// are those that the dashboard shows over the rows sent.
type Summary struct {
	CompliancePercentage int               `json:"compliancePercentage"`
	Standards            []StandardSummary `json:"standardResultSummaries"`
	// Rows is the number of findings sent, per status: a query can compare it
	// with what was indexed, since a 202 is given before the indexing.
	Rows map[Status]int64 `json:"rows"`
}

// StandardSummary is the posture by one standard: rules, not rows.
type StandardSummary struct {
	StandardCode         string `json:"standardCode"`
	CompliancePercentage int    `json:"compliancePercentage"`
	Passed               int    `json:"passed"`
	Manual               int    `json:"manual"`
	Failed               int    `json:"failed"`
	Rules                int    `json:"rules"`
}

// Posture is floor(passed / (passed + manual + failed) * 100) in floating point,
// as the dashboard computes it: 29 of 100 are 28 %. 0 without rules.
func Posture(passed, manual, failed int) int {
	if all := passed + manual + failed; all > 0 {
		return int(math.Floor(float64(passed) / float64(all) * 100))
	}
	return 0
}

// AppendCompleted appends the COMPLIANCE_SCAN_COMPLETED event: the commit of a
// scan. The dashboard shows the findings of the newest one per system only.
func AppendCompleted(dst []byte, s *Scan, sum Summary, at time.Time) ([]byte, error) {
	text, err := json.Marshal(sum, json.Deterministic(true))
	if err != nil {
		return dst, err
	}
	o := begin(dst, TypeCompleted, "Compliance scan completed event")
	o = o.scan(s)
	o = o.text("event.id", uuid.NewSHA1(space, []byte("completed\x00"+s.ID)).String())
	o = o.time("timestamp", at)
	o = o.time("scan.time.started", s.Started)
	o = o.time("scan.time.completed", s.Completed)
	o = o.bytes("scan.result.summary_json", text)
	o = o.system(s)
	return append(o, '}'), nil
}

// AppendCoverage appends a COMPLIANCE_SCAN event of the external model: this
// object was looked at; nil: the system itself. Its id does not depend on the
// scan's generation, so that a repetition can be told: key names the scan.
func AppendCoverage(dst []byte, s *Scan, f *Finding, key string, at time.Time) []byte {
	id := append([]byte("coverage\x00"), s.SystemID...)
	id = append(append(id, 0), key...)
	o := begin(dst, TypeCoverage, "Compliance scan event")
	o = o.scan(s)
	o = o.time("timestamp", at)
	o = o.time("scan.time.started", s.Started)
	o = o.time("scan.time.completed", s.Completed)
	o = o.text("scan.status", "COMPLETED")
	if f == nil {
		o = o.system(s)
	} else {
		id = append(append(id, 0), f.ObjectID...)
		o = o.resource(f)
	}
	return append(o.uuid("event.id", uuid.NewSHA1(space, id)), '}')
}
