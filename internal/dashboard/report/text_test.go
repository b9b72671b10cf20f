package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A text that does not have the known form is shown as it is, with nothing left out.
func TestEvidence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]proof{
		`[{"type":"AUTOMATIC","description":"SSH","value":"on"}]`:          {{"AUTOMATIC", "SSH", "on"}},
		`[{"type":"AUTOMATIC","description":"SSH","value":"on","more":1}]`: nil,
		`[{"type":"AUTOMATIC","description":"SSH","value":1}]`:             nil,
		`{"type":"AUTOMATIC"}`: nil,
		`[]x`:                  nil,
		``:                     nil,
	} {
		if d := cmp.Diff(want, evidence(text)); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]detail{
		`{"z":"last \"first\"","a":{"b":[1]},"n":null}`: {{"z", `last "first"`}, {"a", `{"b":[1]}`}, {"n", ""}},
		`{"a":"1"`:   nil,
		`{"a"`:       nil,
		`["a"]`:      nil,
		`{"a":1}{"b`: nil,
		``:           nil,
	} {
		if d := cmp.Diff(want, details(text)); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}
