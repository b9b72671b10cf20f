// Package dashboard computes what Dynatrace's ready-made dashboard "Security
// Posture overview" shows. It promises that its figures follow the
// dashboard's own queries, with their default filters, and that the same events
// give the same tiles, whatever the order of the events.
package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The event types that the dashboard reads.
const (
	TypeFinding       = "COMPLIANCE_FINDING"
	TypeScanCompleted = "COMPLIANCE_SCAN_COMPLETED"
)

// Text is a field of an event: a string, or null, which is the zero value.
// Texts are compared with ==.
type Text string

// empty stands for the string "", which is not null; it is no valid UTF-8, so
// no event can hold it.
const empty Text = "\xff"

// NewText returns the non-null Text of s.
func NewText(s string) Text {
	if s == "" {
		return empty
	}
	return Text(s)
}

// Null reports whether the field is null, which it also is when it is absent.
func (t Text) Null() bool { return t == "" }

// String returns the text; "" for null.
func (t Text) String() string {
	if t == empty {
		return ""
	}
	return string(t)
}

// UnmarshalJSONFrom reads a string. Any other value becomes null, because no
// filter of the dashboard matches it.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = ""
	if dec.PeekKind() != '"' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err == nil {
		*t = NewText(token.String())
	}
	return err
}

// Number is a numeric field; 0 when it is absent or not a JSON number.
type Number float64

// UnmarshalJSONFrom reads a number. Any other value becomes 0, because the
// dashboard cannot sort by it.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*n = 0
	if dec.PeekKind() != '0' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	value, _ := token.Float() // a number out of range becomes the nearest float64, and sorts as that
	*n = Number(value)
	return nil
}

// Timestamp is the time of an event; zero when it is absent or unreadable
// (OpenPipeline then takes the time of ingest).
type Timestamp struct{ time.Time }

// UnmarshalJSONFrom reads the forms that OpenPipeline documents: a number is
// seconds up to 1e11, milliseconds up to 1e14, else microseconds; a string is
// RFC 3339, or digits in seconds or milliseconds. RFC 3164 names no year and
// is treated as unreadable.
func (t *Timestamp) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = Timestamp{}
	kind := dec.PeekKind()
	if kind != '"' && kind != '0' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	text := token.String()
	if kind == '0' {
		t.Time = epoch(text, 9_999_999_999_999_999)
	} else if t.Time, err = time.Parse(time.RFC3339Nano, text); err != nil {
		t.Time = epoch(text, 1e14)
	}
	return nil
}

// epoch reads a number of seconds, milliseconds or microseconds since 1970, told apart
// by its size; zero if the number is negative or over the limit.
func epoch(digits string, limit int64) time.Time {
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n < 0 || n > limit:
		return time.Time{}
	case n <= 1e11:
		return time.Unix(n, 0).UTC()
	case n <= 1e14:
		return time.UnixMilli(n).UTC()
	}
	return time.UnixMicro(n).UTC()
}

// Event is one security event, reduced to the fields that the tiles read, and
// to the ids by which duplicates are found. Most texts repeat from event to
// event: a Pool makes them share their memory.
type Event struct {
	Type      Text      `json:"event.type"`
	ID        Text      `json:"event.id"`
	Timestamp Timestamp `json:"timestamp"`
	ScanID    Text      `json:"scan.id"`
	FindingID Text      `json:"finding.id"`

	// The object of a finding; the system of a completed scan.
	ObjectID   Text `json:"object.id"`
	ObjectName Text `json:"object.name"`
	ObjectType Text `json:"object.type"`

	RuleID        Text   `json:"compliance.rule.id"`
	RuleTitle     Text   `json:"compliance.rule.title"`
	RuleDetails   Text   `json:"compliance.rule.metadata_json"`
	Severity      Text   `json:"compliance.rule.severity.level"`
	SeverityScore Number `json:"compliance.rule.severity.score"`
	Standard      Text   `json:"compliance.standard.short_name"`
	StandardURL   Text   `json:"compliance.standard.url"`
	Status        Text   `json:"compliance.result.status.level"`
	StatusScore   Number `json:"compliance.result.status.score"`

	// The dashboard shows these where object.name and object.type are null.
	ResultObjectName Text `json:"compliance.result.object.name"`
	ResultObjectType Text `json:"compliance.result.object.type"`
	// Evidence is in the canonical form that the function Evidence returns.
	Evidence Text `json:"compliance.result.object.evidence_json"`
}

// Decode reads one event from a JSON object with flat dotted keys. Unknown
// fields are passed over; a field of the wrong type counts as absent. It fails
// only if the text is not one JSON object.
func Decode(jsonObject []byte) (Event, error) {
	var e Event
	if jsontext.Value(jsonObject).Kind() != '{' {
		return e, errors.New("decode security event: not a JSON object")
	}
	if err := json.Unmarshal(jsonObject, &e); err != nil {
		return e, fmt.Errorf("decode security event: %w", err)
	}
	if !e.Evidence.Null() {
		e.Evidence = Evidence(e.Evidence.String())
	}
	return e, nil
}

// Pool keeps one copy of each text. The zero Pool is ready; it is not safe for
// concurrent use.
type Pool struct{ texts map[Text]Text }

// Share replaces the event's texts by the pool's copies, but for event.id and
// finding.id, which seldom repeat. An event then takes some 500 bytes.
func (p *Pool) Share(e *Event) {
	if p.texts == nil {
		p.texts = map[Text]Text{}
	}
	for _, t := range []*Text{
		&e.Type, &e.ScanID, &e.ObjectID, &e.ObjectName, &e.ObjectType, &e.RuleID, &e.RuleTitle, &e.RuleDetails, &e.Severity,
		&e.Standard, &e.StandardURL, &e.Status, &e.ResultObjectName, &e.ResultObjectType, &e.Evidence,
	} {
		known, there := p.texts[*t]
		if !there {
			p.texts[*t], known = *t, *t
		}
		*t = known
	}
}

// Evidence returns the evidence_json text in canonical form (RFC 8785), so that
// texts that differ only in escapes or in the order of members compare as equal.
// Text that is not JSON stays as it is. So does an empty array that is not spelled
// "[]", because the dashboard leaves out that spelling only.
func Evidence(text string) Text {
	canonical := jsontext.Value(text)
	if text == "[]" || canonical.Canonicalize() != nil || string(canonical) == "[]" {
		return NewText(text)
	}
	return NewText(string(canonical))
}

// resource returns what "Assessed resources" counts: the object's id, else its name.
func (e *Event) resource() Text { return coalesce(e.ObjectID, e.ObjectName) }

func coalesce(first, second Text) Text {
	if first.Null() {
		return second
	}
	return first
}

// compareEvents is a total order over everything that the tiles show of a
// finding. It first compares as the dashboard sorts its findings. Where the
// dashboard leaves the order open, the texts decide, so that the same events give
// the same tables.
func compareEvents(a, b *Event) int {
	if rank := cmp.Or(cmp.Compare(b.StatusScore, a.StatusScore), cmp.Compare(b.SeverityScore, a.SeverityScore)); rank != 0 {
		return rank
	}
	return cmp.Or(
		cmp.Compare(a.RuleID, b.RuleID),
		cmp.Compare(a.ObjectID, b.ObjectID),
		cmp.Compare(a.Evidence, b.Evidence),
		cmp.Compare(a.ObjectName, b.ObjectName),
		cmp.Compare(a.ResultObjectName, b.ResultObjectName),
		cmp.Compare(a.ObjectType, b.ObjectType),
		cmp.Compare(a.ResultObjectType, b.ResultObjectType),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.RuleTitle, b.RuleTitle),
		cmp.Compare(a.Standard, b.Standard),
		cmp.Compare(a.StandardURL, b.StandardURL),
		cmp.Compare(a.RuleDetails, b.RuleDetails),
	)
}
