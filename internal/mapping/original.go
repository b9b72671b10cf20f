package mapping

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/runecast"
)

// original writes event.original_content: the appliance's issue with only the object of
// the finding, whose JSON is as the appliance sent it.
type original struct {
	head []byte // the issue up to its objects; empty: the settings do not send the content
	text []byte // memory of the last content
}

// set begins the findings of an issue.
func (o *original) set(h *runecast.Issue) {
	o.head = append(o.head[:0], '{')
	for _, m := range [][2]string{{"id", h.ID}, {"issueDisplayId", h.DisplayID}, {"type", h.Profile}, {"severity", h.Severity},
		{"title", h.Title}, {"url", h.URL}, {"appliesTo", h.AppliesTo}, {"status", h.Status}} {
		o.head = append(append(append(o.head, '"'), m[0]...), '"', ':')
		o.head, _ = jsontext.AppendQuote(o.head, m[1])
		o.head = append(o.head, ',')
	}
	o.head = append(o.head, `"affectedObjectsCount":`...)
	o.head = strconv.AppendInt(o.head, max(h.Count, 0), 10)
	o.head = append(o.head, `,"affectedObjects":[`...)
}

// of returns the content for a finding on the object whose JSON is raw; raw is nil for
// a finding on the system. Empty: the settings do not send the content.
func (o *original) of(raw []byte) []byte {
	if len(o.head) == 0 {
		return nil
	}
	o.text = append(append(o.text[:0], o.head...), raw...)
	o.text = append(o.text, "]}"...)
	return o.text
}
