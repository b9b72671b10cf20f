package appliance

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
)

// A catalogue that the appliance cannot give as a whole is joined from parts.
func TestIssuesByType(t *testing.T) {
	t.Parallel()
	results := ok(`{"results":[{"uid":"a","issues":[{"type":"KB"},{"type":"C I&S"},{"type":null},{"type":"KB"},{"type":"` + strings.Repeat("x", maxType+1) + `"}]}]}`)
	const kb, cis = getIssues + "?type=KB", getIssues + "?type=C+I%26S"
	cases := map[string]struct {
		kb, cis answer
		want    string // empty: the error of the whole
	}{
		"both":           {answer{code: 200, body: `{"issues":[ {"id":"1","x":1e400} , {"id":"2","id":3}]}`}, answer{code: 200, body: `{"x":1,"issues":[{"é":"\u00e9"}]}`}, `{"issues":[{"é":"\u00e9"},{"id":"1","x":1e400},{"id":"2","id":3}]}`},
		"one fails":      {answer{code: 500}, answer{code: 200, body: `{"issues":[{"id":"1"}]}`}, `{"issues":[{"id":"1"}]}`},
		"one is cut":     {answer{code: 200, body: `{"issues":[{"id":"1"},{"id`, cut: true}, answer{code: 200, body: `{"issues":[{"id":"0"}]}`}, `{"issues":[{"id":"0"},{"id":"1"}]}`},
		"one is no list": {answer{code: 200, body: `{"issues":null}`}, answer{code: 200, body: `{"issues":[1,{"id":"0"}]}`}, `{"issues":[{"id":"0"}]}`},
		"none at all":    {answer{code: 200, body: `{"issues":[]}`}, answer{code: 200, body: `{}`}, `{"issues":[]}`},
		"both fail":      {answer{code: 500}, answer{code: 404}, ""},
		"one too large":  {answer{code: 200, body: `{"issues":[{"t":"` + strings.Repeat("x", 1<<20) + `"}]}`}, answer{code: 200, body: `{"issues":[{"id":"0"}]}`}, `{"issues":[{"id":"0"}]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stub{answers: map[string][]answer{getDetected: results, getIssues: {{code: 500}}, kb: {c.kb}, cis: {c.cis}}}
			cl, _ := client(t, s, nil)
			if _, err := cl.Statuses(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			err := cl.Issues(t.Context(), &got)
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), "GET /rc2/api/v1/issues failed on the appliance (500)") || got.Len() > 0 {
					t.Errorf("error %v after %q", err, got.String())
				}
				return
			}
			if d := cmp.Diff(c.want, got.String()); d != "" || err != nil {
				t.Error(d, err)
			}
			requests, _ := s.requests()
			if d := cmp.Diff([]string{getDetected, getIssues, cis, kb}, requests); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestIssuesToAFullSink(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	s := &stub{answers: map[string][]answer{getDetected: ok(`{"results":[{"uid":"a","issues":[{"type":"KB"}]}]}`), getIssues: {{code: 503}, {code: 500}}, getIssues + "?type=KB": ok(`{"issues":[{}]}`)}}
	cl, _ := client(t, s, nil)
	if _, err := cl.Statuses(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := cl.Issues(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
		t.Errorf("error %v, want the sink's", err)
	}
}

func TestNoTypesNoCatalogue(t *testing.T) {
	t.Parallel()
	cl, _ := client(t, &stub{answers: map[string][]answer{getIssues: {{code: 500}}}}, nil)
	if err := cl.Issues(t.Context(), &bytes.Buffer{}); err == nil || fault.ClassOf(err) != fault.Retry {
		t.Errorf("error %v", err)
	}
}
