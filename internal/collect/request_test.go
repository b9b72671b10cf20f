package collect

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
)

func TestPayloads(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"action":"scan"}`:                     `"scan" is not known`,
		`{"mode":"fast"}`:                       `"fast" is not known`,
		`{"system":"vc1"}`:                      "not understood",
		`{"systems":"vc1"}`:                     "not understood",
		`{"scheduledTime":"today"}`:             "RFC 3339",
		`{"scheduledTime":"<aws.scheduler.x>"}`: "RFC 3339",
		`{"action":"cancel","systems":["vc1"]}`: "belong to a start, and cancel has none of them",
		`{"action":"cancel","systems":[]}`:      "belong to a start",
		`{"action":"tick","mode":"latest"}`:     "belong to a start",
		`{"action":"status","force":true}`:      "belong to a start",
		`[]`:                                    "not understood",
		`x`:                                     "not understood",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("a")
			_, err := w.handle(t, text)
			if err == nil || fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: error %v, want %q", text, err, says)
			}
			for _, action := range []string{payload.Start, payload.Tick, payload.Status, payload.Cancel, payload.Check, payload.Capture} {
				if err != nil && !strings.Contains(err.Error(), `"`+action+`"`) {
					t.Errorf("%s: error %v does not name the action %s", text, err, action)
				}
			}
			if w.calls > 0 {
				t.Errorf("%s: %d calls were made", text, w.calls)
			}
		})
	}
	for _, text := range []string{"", " ", "null", "{}", `{"action":"","mode":""}`} {
		req, err := parsed(text)
		if err != nil || req.Action != payload.Start || req.Mode != payload.Analyze || req.trigger() != triggerConsole {
			t.Errorf("%q: %+v, %v", text, req, err)
		}
	}
}

// The sample payloads in events/, which people copy, are valid.
func TestSamplePayloads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../events/collector-*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample payloads: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("vc1", "aws")
				w.machine("aws").name = "prod-aws"
				w.options.Preflight = looked{}
				answer, err := New(w.options).Handle(t.Context(), text)
				if err != nil {
					t.Fatal(err)
				}
				if a, run := answer.(payload.RunAnswer); !run {
					if shown, err := json.Marshal(answer); err != nil || !strings.Contains(string(shown), `"next":"looked"`) || strings.Contains(string(shown), "archived") {
						t.Errorf("%s, %v", shown, err)
					}
				} else if a.State != archive.RunDone && a.State != archive.RunIdle || a.Failed+a.TimedOut > 0 {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// parsed reads a request as Handle does.
func parsed(text string) (request, error) {
	req, err := payload.ParseRun([]byte(text))
	if err != nil {
		return request{}, err
	}
	return requestOf(req)
}

// looked is a Preflight whose answers only say that it was asked.
type looked struct{}

func (looked) Check(context.Context) preflight.Report { return preflight.Report{Next: "looked"} }

func (looked) Capture(context.Context) (appliance.Recording, error) {
	return appliance.Recording{Next: "looked"}, nil
}

func TestRunID(t *testing.T) {
	t.Parallel()
	id := func(text string) string {
		req, err := parsed(text)
		if err != nil {
			t.Fatal(err)
		}
		return req.runID(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	same := id(nightly)
	if id(nightly) != same || id(`{"scheduledTime":"2026-11-22T03:00:00+01:00"}`) != same {
		t.Error("one event gives two ids")
	}
	if id(`{"scheduledTime":"2026-11-22T02:00:00Z","systems":["a"]}`) == same || id(`{"scheduledTime":"2026-11-22T02:00:00Z","mode":"latest"}`) == same {
		t.Error("two schedules of one time give one id")
	}
	if a, b := id(`{}`), id(`{}`); !strings.HasPrefix(a, "20300101T000000Z-") || a == b && id(`{}`) == a {
		t.Errorf("console starts give %s and %s", a, b)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []runecast.System{{ID: "1", Name: "vc1.example"}, {ID: "2", Name: "aws"}, {ID: "3", Name: "aws"}, {ID: "vc1.EXAMPLE", Name: "odd"}}
	cases := map[string]struct {
		names []string
		want  []string
		says  string
	}{
		"all":            {nil, []string{"1", "2", "3", "vc1.EXAMPLE"}, ""},
		"name":           {[]string{"VC1.example"}, []string{"1"}, ""},
		"id before name": {[]string{"vc1.EXAMPLE"}, []string{"vc1.EXAMPLE"}, ""},
		"ids, own order": {[]string{"3", "1", "3"}, []string{"1", "3"}, ""},
		"unknown":        {[]string{"1", "vc9"}, nil, `no system is named "vc9": take one of these names, or its id: vc1.example, aws, aws, odd`},
		"ambiguous":      {[]string{"aws"}, nil, `2 systems are named "aws": take their ids: 2, 3`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := choose(all, c.names)
			if c.says != "" {
				if err == nil || err.Error() != c.says || fault.ClassOf(err) != fault.Config {
					t.Errorf("error %v, want %q", err, c.says)
				}
				return
			}
			var ids []string
			for _, s := range got {
				ids = append(ids, s.ID)
			}
			if d := cmp.Diff(c.want, ids); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
	if _, err := choose(nil, nil); err == nil || fault.ClassOf(err) != fault.Config {
		t.Errorf("no system at all: %v", err)
	}
}

func TestSystemTypes(t *testing.T) {
	t.Parallel()
	c := New(Options{SystemTypes: map[string]string{"id": "GCP", "By Name": "LINUX"}})
	before := []archive.RunSystem{{ID: "seen", Type: "AWS"}, {ID: "changed", Type: "AWS"}}
	for want, s := range map[string]runecast.System{
		"GCP":     {ID: "id", Name: "by name", Type: "AWS"},
		"LINUX":   {ID: "x", Name: "by name", Type: "AWS"},
		"AWS":     {ID: "seen", Name: "y", Type: "UNKNOWN"},
		"NSXT":    {ID: "changed", Name: "y", Type: "NSXT"},
		"UNKNOWN": {ID: "new", Name: "y", Type: "UNKNOWN"},
	} {
		if got := c.typeOf(s, before); got != want {
			t.Errorf("%+v is %s, want %s", s, got, want)
		}
	}
}
