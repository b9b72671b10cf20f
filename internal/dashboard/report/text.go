package report

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// proof is one value that led to a result.
type proof struct {
	Type        string `json:"type"`
	Description string `json:"description"`
	Value       string `json:"value"`
}

// evidence reads compliance.result.object.evidence_json. It returns nil if the text
// has another form; the page then shows the text as it is.
func evidence(text string) []proof {
	var proofs []proof
	if json.Unmarshal([]byte(text), &proofs, json.RejectUnknownMembers(true)) != nil {
		return nil
	}
	return proofs
}

// detail is a member of a rule's metadata.
type detail struct{ Name, Value string }

// details reads the members of compliance.rule.metadata_json, in their order. It
// returns nil if the text is no JSON object; the page then shows the text as it is.
func details(text string) []detail {
	dec := jsontext.NewDecoder(strings.NewReader(text))
	if begin, err := dec.ReadToken(); err != nil || begin.Kind() != '{' || !jsontext.Value(text).IsValid() {
		return nil
	}
	var out []detail
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		d := detail{Name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if json.Unmarshal(value, &d.Value) != nil {
			d.Value = string(value) // not a string: shown as JSON
		}
		out = append(out, d)
	}
	return out
}
