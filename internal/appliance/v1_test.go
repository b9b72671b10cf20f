package appliance

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

func TestIssues(t *testing.T) {
	t.Parallel()
	doc := `{"issues":[ {"id":"1","x":1e400}, {"id":"1"} ]}`
	cases := map[string]struct {
		answer answer
		class  fault.Class
	}{
		"verbatim": {answer{code: 200, body: doc}, ""},
		"500":      {answer{code: 500}, fault.Retry},
		"cut":      {answer{code: 200, body: doc[:20]}, fault.Retry},
		"HTML":     {answer{code: 200, kind: "text/html", body: "<html>"}, fault.Config},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, &stub{answers: map[string][]answer{getIssues: {c.answer}}}, nil)
			var got bytes.Buffer
			err := cl.Issues(t.Context(), &got)
			if c.class == "" {
				if err != nil || got.String() != doc {
					t.Errorf("got %q, %v", got.String(), err)
				}
			} else if err == nil || fault.ClassOf(err) != c.class {
				t.Errorf("error %v, want class %s", err, c.class)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	doc := `{"rcaInstances":[{"rcaInstanceInfo":{"instanceUuid":"u","longApplicationVersion":"6.9.12.0","definitionsVersion":6.9}}]}`
	full := runecast.Info{InstanceUUID: "u", Version: "6.9.12.0", Definitions: "6.9"}
	cases := map[string]struct {
		answers map[string][]answer
		want    runecast.Info
	}{
		"new path":  {map[string][]answer{getRCA: ok(doc)}, full},
		"old path":  {map[string][]answer{getRC2: ok(doc)}, full},
		"neither":   {nil, runecast.Info{}},
		"HTML":      {map[string][]answer{getRCA: {{code: 200, kind: "text/html"}}, getRC2: {{code: 302}}}, runecast.Info{}},
		"none":      {map[string][]answer{getRCA: ok(`{"rcaInstances":[]}`)}, runecast.Info{}},
		"odd shape": {map[string][]answer{getRCA: ok(`{"rcaInstances":"x"}`)}, runecast.Info{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, &stub{answers: c.answers}, nil)
			if d := cmp.Diff(c.want, cl.Info(t.Context())); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOddVCentersName(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"list": `{"vcenters":{"a":1}}`, "uid": `{"vcenters":[{"uid":{"hush":1}}]}`} {
		cl, _ := client(t, &stub{answers: map[string][]answer{getVCenters: ok(body)}}, nil)
		_, err := cl.Systems(t.Context())
		if err == nil || fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "/vcenters") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: error %v, want one that names the request", name, err)
		}
	}
}
