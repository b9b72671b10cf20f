package runecast

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// Every element with a uid of a document that a person saved is seen, in whatever order a
// program has sorted its members.
func TestSavedV1(t *testing.T) {
	t.Parallel()
	much := `"issues":[` + strings.Repeat(`{"id":"1","type":"CIS","status":"PASS"},`, maxHead/30) + `{"id":"2","type":"CIS","status":"FAIL"}],"scanStatus":{"status":"DONE","timestamp":"t"}`
	for name, c := range map[string]struct {
		text string
		want []string // ids
		says string
	}{
		"as it came":       {`{"results":[{"uid":"a","issues":[]},{"uid":5}]}`, []string{"a", "5"}, ""},
		"sorted by name":   {`{"results":[{` + much + `,"uid":"a"},{` + much + `,"uid":"b"}]}`, []string{"a", "b"}, ""},
		"no elements":      {`{"results":[null,1,[]]}`, nil, ""},
		"no uid":           {`{"results":[{"uid":"a"},{"name":"b"},{"uid":"c"}]}`, []string{"a", "c"}, ""},
		"a uid of no kind": {`{"results":[{"uid":null}]}`, nil, ""},
		"cut":              {`{"results":[{"uid":"a"},{"ui`, []string{"a"}, "cut"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []*Element
			err := ReadSavedV1(strings.NewReader(c.text), func(e *Element) error {
				seen = append(seen, e)
				if _, err := e.WriteTo(io.Discard); !errors.Is(err, errTaken) {
					t.Errorf("half of %s was copied: %v", e.ID, err)
				}
				return nil
			})
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if len(seen) != len(c.want) {
				t.Fatalf("%d elements, want %q", len(seen), c.want)
			}
			for i, e := range seen {
				if e.ID != c.want[i] {
					t.Errorf("element %d is of %q, want %q", i, e.ID, c.want[i])
				}
			}
			if strings.HasPrefix(name, "sorted") && (seen[0].Scan.Status != "DONE" || seen[1].Assessment.Rules != maxHead/30+1) {
				t.Errorf("%+v, %d rules", seen[0].Scan, seen[1].Assessment.Rules)
			}
		})
	}
}
