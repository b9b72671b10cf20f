package mapping_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/readers"
)

// eventSchema is the schema that users are given.
func eventSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../securityevent/events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("events.schema.json", document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("events.schema.json")
}

// valid checks an event by the schema, and that no member comes twice.
func valid(schema *jsonschema.Schema, event []byte) error {
	if !jsontext.Value(event).IsValid() {
		return fmt.Errorf("a member comes twice, or not UTF-8: %s", event)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// everything maps a document as a delivery does: the findings, the extras, and the scan
// event.
func everything(t testing.TB, m mapping.Settings, text string, catalog *mapping.Catalog, emit func([]byte) error) error {
	t.Helper()
	const key = "raw/v1/dt=2026-11-22/run=20261122T020000Z-4f3a/system.json.gz"
	mapper := mapping.New(m)
	input := func() mapping.Input {
		d, err := mapping.Open(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return mapping.Input{Document: d, Catalog: catalog, ScanID: scanID, Now: at, Emit: emit}
	}
	res, err := mapper.Map(input())
	if err != nil || !res.Assessed {
		return err
	}
	if mapper.Extras() {
		if _, err := mapper.Extra(input(), key, true); err != nil {
			return err
		}
	}
	if m.EventModel != "xspm" && m.Coverage == "system" {
		if err := emit(securityevent.AppendCoverage(nil, &res.Scan, nil, key, at())); err != nil {
			return err
		}
	}
	completed, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at())
	if err != nil {
		return err
	}
	return emit(completed)
}

// raws are the raw objects of an appliance's results, by system type and id.
func raws(t testing.TB, a *appliance.Appliance) map[string]string {
	t.Helper()
	var results bytes.Buffer
	if err := a.WriteResults(&results); err != nil {
		t.Fatal(err)
	}
	systems := map[string]appliance.System{}
	for _, s := range a.Systems() {
		systems[s.ID] = s
	}
	out := map[string]string{}
	err := runecast.ReadV1(&results, nil, func(e *runecast.Element) error {
		s := systems[e.ID]
		var raw bytes.Buffer
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: "r", StartedAt: at()}, System: archive.System{ID: s.ID, Name: s.Name, Type: s.Type},
			Appliance: archive.Appliance{Version: "6.9.12.0"}, Scan: archive.EnvelopeScan{CompletedAt: "2026-11-22T02:30:00Z"},
		}.WriteHead(&raw)
		if err != nil {
			return err
		}
		if _, err := e.WriteTo(&raw); err != nil {
			return err
		}
		raw.WriteByte('}')
		out[s.Type+" "+s.ID] = raw.String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every event of a whole estate fits the schema, in every model, with all
// statuses and everything that can be sent along.
func TestEventsOfAnEstateFitTheSchema(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 11, Findings: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var issues bytes.Buffer
	if err := a.WriteIssues(&issues); err != nil {
		t.Fatal(err)
	}
	catalog, err := mapping.ReadCatalog(&issues)
	if err != nil {
		t.Fatal(err)
	}
	documents := raws(t, a)
	for _, name := range []string{"both", "xspm", "external", "both lean", "xspm lean", "external lean"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := eventSchema(t)
			model, fields, _ := strings.Cut(name, " ")
			m := settings(func(m *mapping.Settings) {
				m.EventModel, m.IncludeResults = securityevent.Model(model), []securityevent.Status{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}
				m.Coverage, m.PassedObjects, m.OriginalContent, m.IncludeTypes = "object", "object", true, []string{"KB", "BP", "VUL"}
				m.SecurityContext.All, m.Fields = "team", securityevent.Fields(fields)
			})
			types, faults, n := map[string]bool{}, 0, 0
			for name, text := range documents {
				systemType, _, _ := strings.Cut(name, " ")
				types[systemType] = true
				err := everything(t, m, text, catalog, func(event []byte) error {
					n++
					some := n%5 == 0 || !bytes.Contains(event, []byte(`"COMPLIANCE_FINDING"`)) // of the many findings every fifth, for the time it takes
					if fields == "" || some {
						if err := valid(schema, event); err != nil && faults < 5 {
							faults++
							t.Errorf("%s: %v\n%s", name, err, event)
						}
					}
					if !some {
						return nil
					}
					if missed := readers.Faults(event, readers.Expect{Texts: true, Originals: true, SecurityContext: "team", Lean: fields != ""}); missed != nil && faults < 5 {
						faults++
						t.Errorf("%s: %v\n%s", name, missed, event)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			if len(types) < 7 {
				t.Errorf("only %v", types)
			}
		})
	}
}

// Whatever an issue, an entry of the catalogue and a system look like, the events fit
// the schema.
func FuzzSchema(f *testing.F) {
	full := issue("CIS-1", "CIS", "Low", "FAIL", 1, object("host-1", `{"description":"d","value":"v"}`))
	for _, systemType := range []string{"VCENTER", "AWS", "AZURE", "GCP", "KUBERNETES_CLUSTER", ""} {
		f.Add(full, `{"id":"1","stigid":"S","checkDescription":"C"}`, systemType)
	}
	f.Add(`{"issue":{"issueDisplayId":7,"type":"VUL","title":"CVE-2025-1001"},"status":"FAIL","affectedObjects":[[],null,{"moid":"\ud800"},{"name":"a/b","type":"Pod"}]}`, `{"id":7,"stigid":[]}`, "GCP")
	f.Add(`{"type":"PCI DSS v4","id":1e400,"status":"M_PASS","affectedObjects":[{"moid":"arn:aws:s3:::b"},{"moid":"/subscriptions/1/providers/x"}]}`, `null`, "\xff")
	schema := eventSchema(f)
	f.Fuzz(func(t *testing.T, issue, check, systemType string) {
		name, err := jsontext.AppendQuote(nil, systemType)
		if err != nil {
			return
		}
		text := strings.Replace(raw("s-1", "", issue), `"type":""`, `"type":`+string(name), 1)
		catalog, err := mapping.ReadCatalog(strings.NewReader(`{"issues":[` + check + `]}`))
		if err != nil {
			catalog = nil
		}
		m := settings(func(m *mapping.Settings) {
			m.IncludeResults, m.IncludeTypes = []securityevent.Status{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}, []string{"KB", "BP", "VUL"}
			m.Coverage, m.PassedObjects = "object", "object"
		})
		err = everything(t, m, text, catalog, func(event []byte) error {
			if err := valid(schema, event); err != nil {
				t.Errorf("%v\n%s", err, event)
			}
			return nil
		})
		if err != nil && fault.ClassOf(err) != fault.Reject {
			t.Errorf("class %s of %v", fault.ClassOf(err), err)
		}
	})
}
