package receiver

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/dashboard"
)

// inspector looks for what is wrong with events that are accepted all the
// same. It is handed valid JSON objects only; the zero inspector is ready.
type inspector struct {
	dec  jsontext.Decoder
	name []byte
}

func (i *inspector) faults(event jsontext.Value) []string {
	i.dec.Reset(bytes.NewBuffer(event), jsontext.AllowDuplicateNames(true)) // repeated names were refused before
	_, _ = i.dec.ReadToken()
	var faults []string
	var hasType, hasKind bool
	for i.dec.PeekKind() == '"' {
		quoted, _ := i.dec.ReadValue()
		i.name, _ = jsontext.AppendUnquote(i.name[:0], quoted)
		value, _ := i.dec.ReadValue()
		switch string(i.name) {
		case "event.type":
			hasType = value.Kind() == '"'
		case "event.kind":
			hasKind = value.Kind() == '"'
		}
		if fault := memberFault(i.name, value); fault != "" {
			faults = append(faults, fmt.Sprintf("%q %s", i.name, fault))
		}
	}
	if !hasType {
		faults = append(faults, `"event.type" is missing`)
	}
	if !hasKind {
		faults = append(faults, `"event.kind" is missing`)
	}
	return faults
}

// memberFault returns what is wrong with a member for the dashboard; "" if nothing is.
func memberFault(name []byte, value jsontext.Value) string {
	kind := value.Kind()
	switch {
	case bytes.HasSuffix(name, []byte("_json")) && !holdsJSON(value):
		return "is not a string that holds JSON"
	case bytes.HasSuffix(name, []byte(".score")) && kind != '0':
		return "is not a number"
	case kind == '{':
		return "is an object, not flat keys"
	case kind == '[' && nests(value):
		return "is an array of objects or arrays"
	case string(name) == "timestamp" && unreadable(value):
		return "is not a readable time"
	}
	return ""
}

func nests(array jsontext.Value) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(array))
	_, _ = dec.ReadToken()
	for dec.PeekKind() != ']' {
		if kind := dec.PeekKind(); kind == '{' || kind == '[' {
			return true
		}
		_ = dec.SkipValue()
	}
	return false
}

func holdsJSON(value jsontext.Value) bool {
	if value.Kind() != '"' {
		return false
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return err == nil && jsontext.Value(text).IsValid()
}

func unreadable(value jsontext.Value) bool {
	var t dashboard.Timestamp
	err := t.UnmarshalJSONFrom(jsontext.NewDecoder(bytes.NewBuffer(value)))
	return err != nil || t.IsZero()
}
