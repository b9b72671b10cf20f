package securityevent

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// maxMinimal bounds a text of a minimal event in bytes.
const maxMinimal = 512

// Minimal returns an event in minimal form, in which a refused event is sent once
// more. It keeps what is needed to count the event: ids, scan, severity, status,
// standard, object id and type, and times; and dt.security_context, which says who may
// read it. No free text is left but the component's name. The title is the id of the
// rule or of the vulnerability. Texts are ASCII and at most 512 bytes long, except for
// dt.security_context, which stays as it is because policies compare it. Nil: the
// event is no JSON object.
func Minimal(event []byte) []byte {
	return reduce(event, func(name string, value jsontext.Value) (jsontext.Value, bool) {
		switch name {
		case "finding.title", "rule.name", "compliance.rule.title", "vulnerability.title":
			return nil, true // the id of the rule or of the vulnerability, see reduce
		case "compliance.result.object.evidence_json":
			return jsontext.Value(`"[]"`), true
		case "event.kind", "event.type", "event.id", "event.provider", "product.vendor", "product.name", "timestamp", "scan.id",
			"finding.id", "finding.type", "finding.severity", "finding.time.created", "dt.security.risk.level", "dt.security.risk.score",
			"rule.id", "compliance.rule.id", "compliance.rule.severity.level", "compliance.rule.severity.score", "compliance.standard.short_name",
			"compliance.result.status.level", "compliance.result.status.score", "compliance.status", "compliance.result.object.type",
			"vulnerability.id", "component.name", "scan.status", "scan.time.started", "scan.time.completed",
			"scan.findings.total", "object.id", "object.type":
			return plain(value), true
		case "dt.security_context":
			return value, true
		}
		return nil, false
	})
}

// WithoutEvidence returns a finding that was too large without its evidence and
// without the appliance's own JSON. Nil: the event is no JSON object.
func WithoutEvidence(event []byte) []byte {
	return reduce(event, func(name string, value jsontext.Value) (jsontext.Value, bool) {
		switch name {
		case "event.original_content":
			return nil, false
		case "compliance.result.object.evidence_json":
			return jsontext.Value(`"[]"`), true
		}
		return value, true
	})
}

// reduce copies the members for which keep returns true, with the values that keep
// returns. A nil value stands for the id of the rule or of the vulnerability.
func reduce(event []byte, keep func(string, jsontext.Value) (jsontext.Value, bool)) []byte {
	type member struct {
		name  string
		value jsontext.Value
	}
	var members []member
	id := jsontext.Value(`"unknown"`)
	dec := jsontext.NewDecoder(bytes.NewReader(event))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		n := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if n == "rule.id" || n == "vulnerability.id" {
			id = plain(value)
		}
		if v, ok := keep(n, value); ok {
			members = append(members, member{n, v.Clone()})
		}
	}
	o := object{'{'}
	for _, m := range members {
		if m.value == nil {
			m.value = id
		}
		o = append(o.key(m.name), m.value...)
	}
	return append(o, '}')
}

// plain returns a text as ASCII, cut at 512 bytes; other values stay as they are.
func plain(v jsontext.Value) jsontext.Value {
	if v.Kind() != '"' {
		return v.Clone()
	}
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		text = nil
	}
	for i, b := range text {
		if b < ' ' || b > '~' {
			text[i] = '?'
		}
	}
	out, _ := jsontext.AppendQuote(nil, text[:min(len(text), maxMinimal)])
	return out
}
