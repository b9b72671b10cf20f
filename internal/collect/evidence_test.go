package collect

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/runecast"
)

// A system that passes all rules has none in the list of detected issues, so that its
// type is not known: it is found out before the raw object is written.
func TestTypeOfAHealthySystem(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		types map[string]string
		want  string
	}{
		"found out":  {nil, runecast.TypeNSXT},
		"overridden": {map[string]string{"A.EXAMPLE": "VCD"}, runecast.TypeVCD},
		"by its id":  {map[string]string{"a": "UNKNOWN", "2772": "UNKNOWN"}, runecast.TypeUnknown},
	}
	for name, c := range cases {
		for _, api := range []string{runecast.V1, runecast.V2} {
			t.Run(name+"/"+api, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWire(api, "a")
					w.options.SystemTypes = c.types
					m := w.machine("a")
					m.issues = `[{"type":"CIS","status":"PASS","products":[{"name":"VMware NSX-T"}]}]`
					w.wire.intercept = func(rec http.ResponseWriter, r *http.Request) bool {
						switch {
						case strings.HasSuffix(r.URL.Path, "/vcenters"):
							_, _ = rec.Write([]byte(`{"vcenters":[]}`))
							return true
						case r.URL.RawQuery == "onlyDetectedIssues=true":
							w.box.mu.Lock()
							defer w.box.mu.Unlock()
							w.box.settle()
							seen := *m
							seen.issues = "[]"
							_, _ = rec.Write([]byte(`{"results":[` + strings.Replace(w.box.element(&seen), `"uid"`, `"name":"a.example","uid"`, 1) + `]}`))
							return true
						}
						return false
					}
					w.must(t, nightly)
					w.wire.intercept = nil
					s := w.store.run(t, archive.ActiveRunKey).Systems[0]
					if s.State != archive.SystemArchived || s.Type != c.want || !strings.Contains(w.store.raw()[s.RawKey], `"name":"a.example","type":"`+c.want+`"`) {
						t.Errorf("%+v, want the type %s in\n%s", s, c.want, w.store.raw()[s.RawKey])
					}
				})
			})
		}
	}
}

// In mode latest, results of v2 that have grown since they were archived, under
// the time of the same analysis, are new.
func TestModeLatestOfV2(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(runecast.V2, "a", "new", "empty")
		w.machine("new").scan = runecast.Scan{}
		w.machine("empty").issues = `[]`
		a := w.must(t, `{"mode":"latest"}`)
		if a.Archived != 1 || a.Failed != 2 || !strings.Contains(a.Failures[0].Reason, "never analysed") || !strings.Contains(a.Failures[1].Reason, "no rule at all") {
			t.Errorf("first: %+v", a)
		}
		if a := w.must(t, `{"mode":"latest","systems":["a.example"]}`); a.Unchanged != 1 {
			t.Errorf("nothing new: %+v", a)
		}
		w.machine("a").issues = `[{"type":"CIS","status":"PASS"},{"type":"CIS","status":"PASS"}]`
		if a := w.must(t, `{"mode":"latest","systems":["A.example"]}`); a.Archived != 1 {
			t.Errorf("grown: %+v", a)
		}
		if posts := w.machine("a").posts; posts > 0 {
			t.Errorf("%d triggers", posts)
		}
	})
}
