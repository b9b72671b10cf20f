package expect

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
)

// longestValue is the number of characters to which an evidence value is cut.
const longestValue = 3000

// issue is one element of results[].issues[].
type issue struct {
	ID        word         `json:"id"`
	DisplayID word         `json:"issueDisplayId"`
	Severity  word         `json:"severity"`
	Type      word         `json:"type"`
	Title     word         `json:"title"`
	Status    word         `json:"status"`
	Affected  count        `json:"affectedObjectsCount"`
	Objects   list[object] `json:"affectedObjects"`
}

type object struct {
	VCUID  word        `json:"vcUid"`
	MOID   word        `json:"moid"`
	Name   word        `json:"name"`
	Type   word        `json:"type"`
	Values list[value] `json:"resultValues"`
}

type value struct {
	Description word `json:"description"`
	Value       word `json:"value"`
}

// row is a finding whose system is not known yet. Without an object it is about the
// system itself.
type row struct {
	event  dashboard.Event
	object *object
}

// rows returns what the dashboard counts of an issue: nothing for knowledge,
// best practices and vulnerabilities, for a rule without an id or a verdict,
// and for a status that is unknown.
func (i *issue) rows() []row {
	std, compliance := standardOf(string(i.Type))
	id := cmp.Or(i.DisplayID, i.ID)
	status, score := i.verdict()
	if !compliance || id == "" || status == "" {
		return nil
	}
	severity, severityScore := i.severity()
	ruleID := std.ruleID(string(id))
	rule := dashboard.Event{
		RuleID: dashboard.NewText(ruleID), RuleTitle: dashboard.NewText(cmp.Or(string(i.Title), ruleID)),
		Severity: dashboard.NewText(severity), SeverityScore: severityScore,
		Standard: dashboard.NewText(std.name),
		Status:   dashboard.NewText(status), StatusScore: score,
		Evidence: dashboard.Evidence("[]"),
	}
	if status == dashboard.Passed || !i.namesItsObjects() {
		return []row{{event: rule}}
	}
	rows := make([]row, len(i.Objects))
	for n := range i.Objects {
		rows[n] = row{rule, &i.Objects[n]}
		rows[n].event.Evidence = i.evidence(i.Objects[n].Values)
	}
	return rows
}

// namesItsObjects reports whether the list holds affected objects only. A list that
// is longer than the count does not tell which of its objects are affected.
func (i *issue) namesItsObjects() bool {
	n := float64(len(i.Objects))
	return n > 0 && (!i.Affected.known || n <= i.Affected.objects)
}

// status returns the issue's status in upper case: "Fail" can only mean FAIL.
func (i *issue) status() string { return strings.ToUpper(string(i.Status)) }

// verdict returns the dashboard's status and its score; "" if the issue has no verdict.
func (i *issue) verdict() (string, dashboard.Number) {
	switch i.status() {
	case "FAIL", "M_FAIL":
		return dashboard.Failed, 10
	case "MANUAL":
		return dashboard.Manual, 7
	case "PASS", "M_PASS":
		return dashboard.Passed, 4
	}
	return "", 0
}

func (i *issue) severity() (string, dashboard.Number) {
	switch strings.ToUpper(string(i.Severity)) {
	case "CRITICAL":
		return "CRITICAL", 10
	case "MAJOR":
		return "HIGH", 7
	case "MEDIUM":
		return "MEDIUM", 4
	}
	return "LOW", 1
}

func (i *issue) evidence(values []value) dashboard.Text {
	type item struct {
		Type        string `json:"type"`
		Description string `json:"description"`
		Value       string `json:"value"`
	}
	kind := "MANUAL" // also for M_FAIL, in which a person has a part
	if i.status() == "FAIL" {
		kind = "AUTOMATIC"
	}
	items := make([]item, len(values))
	for n, v := range values {
		items[n] = item{kind, string(v.Description), cut(string(v.Value))}
	}
	text, err := json.Marshal(items)
	if err != nil {
		return "" // strings that were decoded always encode
	}
	return dashboard.Evidence(string(text))
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > longestValue {
		return string(runes[:longestValue])
	}
	return text
}

// on returns the row's event with its object, or with the system if it has none.
func (r row) on(s appliance.System) dashboard.Event {
	e := r.event
	if r.object == nil || r.object.id(s.ID) == "" {
		e.ObjectID, e.ObjectName, e.ObjectType = dashboard.NewText(s.ID), dashboard.NewText(s.Name), dashboard.NewText(s.Type)
		return e
	}
	e.ObjectID = dashboard.NewText(r.object.id(s.ID))
	e.ObjectName = dashboard.Text(r.object.Name) // null if the object has no name
	e.ObjectType = dashboard.NewText(cmp.Or(string(r.object.Type), s.Type))
	return e
}

// id returns an id that is unique across systems, unlike a moid: every vCenter has a
// host-81. It is "" if the object has neither moid nor name.
func (o *object) id(systemID string) string {
	own := string(cmp.Or(o.MOID, o.Name))
	if own == "" || strings.HasPrefix(own, "arn:") || strings.HasPrefix(own, "/subscriptions/") {
		return own
	}
	return cmp.Or(string(o.VCUID), systemID) + "/" + own
}
