package mapping_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
)

func TestBadDocumentsAreRejectedWithAReason(t *testing.T) {
	t.Parallel()
	good := raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "PASS", 0))
	for name, c := range map[string]struct{ text, says string }{
		"empty":               {"", "cut off"},
		"html":                {"<html>", "not valid JSON"},
		"array":               {"[]", "not a JSON object"},
		"cut in result":       {good[:len(good)-30], "cut off"},
		"cut at the end":      {good[:len(good)-1], "cut off"},
		"something follows":   {good + "{}", "follows"},
		"other schema":        {strings.Replace(good, "runecast-raw/1", "runecast-raw/9", 1), "runecast-raw/9"},
		"no system":           {strings.Replace(good, `"id":"s-1"`, `"id":""`, 1), "no system"},
		"system of no type":   {strings.Replace(good, `"id":"s-1"`, `"id":{}`, 1), "wrong type"},
		"time of no type":     {strings.Replace(good, "2026-11-22T02:00:00Z", "yesterday", 1), "wrong type"},
		"neither":             {`{"event.kind":"SECURITY_EVENT"}`, "neither a raw object, which has a \"schema\", nor results"},
		"no result":           {`{"schema":"runecast-raw/1","run":{"id":"r","startedAt":"2026-11-22T02:00:00Z"},"system":{"id":"s"}}`, "no result"},
		"result is no object": {good[:strings.Index(good, `"result":`)] + `"result":null}`, "not a JSON object"},
		"bad escape":          {strings.Replace(good, "Title", `\q`, 1), "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := mapDocument(t, settings(nil), c.text, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v does not say %q", err, c.says)
			}
			if fault.ClassOf(err) != fault.Reject {
				t.Errorf("class %s of %v", fault.ClassOf(err), err)
			}
		})
	}
}

func TestErrorsOfReaderAndEmitComeThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	good := raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "PASS", 0))
	if _, err := mapping.Open(io.MultiReader(strings.NewReader(good[:40]), iotestErr{broken})); !errors.Is(err, broken) {
		t.Errorf("Open: %v", err)
	}
	d, err := mapping.Open(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	_, err = mapping.New(settings(nil)).Map(mapping.Input{Document: d, ScanID: scanID, Now: at, Emit: func([]byte) error { return broken }})
	if !errors.Is(err, broken) {
		t.Errorf("Map: %v", err)
	}
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

// More objects than are held in memory give the same events, whether the
// status comes before the objects or after them.
func TestVeryManyObjectsAreStreamed(t *testing.T) {
	t.Parallel()
	const n = 60_000 // about 12 MB of texts
	objects := make([]string, n)
	for i := range objects {
		objects[i] = object(fmt.Sprintf("host-%d", i), `{"description":"`+strings.Repeat("x", 150)+`","value":""}`)
	}
	list := strings.Join(objects, ",")
	for name, c := range map[string]struct {
		issue string
		want  int
	}{
		"status first": {issue("CIS-1", "CIS", "Low", "FAIL", n, objects...), n},
		"status last":  {`{"affectedObjects":[` + list + `],"issueDisplayId":"CIS-1","type":"CIS","severity":"Low","title":"t","status":"FAIL","affectedObjectsCount":60000}`, n},
		"ambiguous":    {issue("CIS-1", "CIS", "Low", "FAIL", n-1, objects...), 1},
		"passed":       {issue("CIS-1", "CIS", "Low", "PASS", 0, objects...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := issue("CIS-2", "CIS", "Low", "PASS", 0)
			text := raw("s-1", "VCENTER", c.issue+","+after)
			d, err := mapping.Open(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			original := name == "status last" // with the appliance's own JSON more is held
			res, err := mapping.New(settings(func(m *mapping.Settings) { m.OriginalContent = original })).Map(mapping.Input{
				Document: d, ScanID: scanID, Now: at,
				Reopen: reopen(text),
				Emit: func(b []byte) error {
					i := bytes.Index(b, []byte(`"finding.id":"`))
					ids[string(b[i:i+51])] = true
					return nil
				},
			})
			if err != nil || len(ids) != c.want+1 || res.Mapped != int64(c.want)+1 {
				t.Errorf("%d ids, %d mapped, %v; want %d", len(ids), res.Mapped, err, c.want+1)
			}
		})
	}
}

func TestOriginalContentIsTheAppliancesIssue(t *testing.T) {
	t.Parallel()
	raw1 := `{"moid":"h","name":"n", "type":"T","x":1e400,"resultValues":[{"description":"d","value":"v"}]}`
	doc := raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "FAIL", 1, raw1)+","+issue("CIS-2", "CIS", "Low", "PASS", 0))
	events, _, err := mapDocument(t, settings(func(m *mapping.Settings) { m.OriginalContent = true }), doc, nil)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	first := events[0]["event.original_content"].(string)
	if !strings.HasSuffix(first, `"affectedObjectsCount":1,"affectedObjects":[`+raw1+`]}`) || !strings.HasPrefix(first, `{"id":"1","issueDisplayId":"CIS-1",`) {
		t.Errorf("got %s", first)
	}
	if second := events[1]["event.original_content"].(string); !strings.HasSuffix(second, `"affectedObjects":[]}`) || !json.Valid([]byte(second)) {
		t.Errorf("got %s", second)
	}
	if events[0]["compliance.result.object.evidence_json"] != `[{"type":"AUTOMATIC","description":"d","value":"v"}]` {
		t.Errorf("evidence %v", events[0]["compliance.result.object.evidence_json"])
	}
}
