package runecast

import (
	"fmt"
	"strings"
	"testing"
)

func TestForetold(t *testing.T) {
	t.Parallel()
	const status = `"scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2026-11-22T02:00:00Z"}`
	scan := Scan{Status: "FINISHED_SUCCESSFULLY", Timestamp: "2026-11-22T02:00:00Z"}
	issues := func(bytes int) string {
		return `"issues":[{"type":"CIS","products":[{"name":"vSphere"}],"title":"` + strings.Repeat("x", bytes) + `"}]`
	}
	for name, c := range map[string]struct {
		element string
		want    Scan // zero: not known
	}{
		"before the uid":        {status + `,"uid":"u",` + issues(1), scan},
		"behind the uid":        {`"uid":"u",` + status + `,` + issues(1<<20), scan},
		"at the end":            {`"uid":"u",` + issues(100) + `,` + status, scan},
		"at the end, far away":  {`"uid":"u",` + issues(1<<20) + `,` + status, Scan{}},
		"without a time":        {`"uid":"u","scanStatus":{"status":"RUNNING"},` + issues(1), Scan{}},
		"null":                  {`"uid":"u","scanStatus":null,` + issues(1), Scan{}},
		"none":                  {`"uid":"u",` + issues(1), Scan{}},
		"a running analysis":    {`"uid":"u",` + strings.Replace(status, scan.Status, "RUNNING", 1) + `,` + issues(1), Scan{Status: "RUNNING", Timestamp: scan.Timestamp}},
		"cut in its status":     {`"uid":"u","x":"` + strings.Repeat("x", 5) + `","scanStatus":{"status":"FINISHED_SUCC`, Scan{}},
		"nothing of the kind":   {`"uid":"u","scanStatus":[],` + issues(1), Scan{}},
		"behind another member": {`"uid":"u","definitions":{"scanStatus":{"status":"A","timestamp":"B"}},` + status + `,` + issues(1), scan},
	} {
		for _, before := range []string{"", `{"uid":"v",` + status + `,"issues":[]},`} {
			t.Run(fmt.Sprintf("%s/%d", name, len(before)), func(t *testing.T) {
				t.Parallel()
				asked := false
				doc := `{"results":[` + before + `{` + c.element + `}]}`
				_ = ReadV1(strings.NewReader(doc), nil, func(e *Element) error { // some of them are cut
					if e.ID != "u" {
						return nil
					}
					asked = true
					looks := e.Scan.Status == "" // else it need not look ahead
					got, known := e.Foretold()
					if known != (c.want != Scan{}) || known && got != c.want {
						t.Errorf("%+v, %t; want %+v", got, known, c.want)
					}
					if saw := e.kind; looks && saw != e.foresee().kind {
						t.Errorf("of the type it keeps %+v", saw)
					}
					var whole strings.Builder
					if _, err := e.WriteTo(&whole); err == nil && whole.String() != `{`+c.element+`}` {
						t.Errorf("after it the element is %d bytes, not %d", whole.Len(), len(c.element)+2)
					}
					if again, _ := e.Foretold(); known && again != got {
						t.Errorf("%+v afterwards", again)
					}
					return nil
				})
				if !asked {
					t.Error("the element was not visited")
				}
			})
		}
	}
}
