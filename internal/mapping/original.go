package mapping

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// original is event.original_content: the appliance's issue, reduced to the one
// object of the finding, whose JSON is as it was sent.
type original struct {
	head, text []byte
}

// set begins the findings of an issue.
func (o *original) set(h *head) {
	o.head = append(o.head[:0], '{')
	for _, m := range [][2]string{{"id", h.id}, {"issueDisplayId", h.displayID}, {"type", h.profile}, {"severity", h.severity},
		{"title", h.title}, {"url", h.url}, {"appliesTo", h.appliesTo}, {"status", h.status}} {
		o.head = append(append(append(o.head, '"'), m[0]...), '"', ':')
		o.head, _ = jsontext.AppendQuote(o.head, m[1])
		o.head = append(o.head, ',')
	}
	o.head = append(o.head, `"affectedObjectsCount":`...)
	o.head = strconv.AppendInt(o.head, max(h.count, 0), 10)
	o.head = append(o.head, `,"affectedObjects":[`...)
}

// of gives the content for one object, nil for a finding on the system itself;
// empty if contents are not sent.
func (o *original) of(raw []byte) []byte {
	if len(o.head) == 0 {
		return nil
	}
	o.text = append(append(o.text[:0], o.head...), raw...)
	o.text = append(o.text, "]}"...)
	return o.text
}
