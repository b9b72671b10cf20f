package mapping_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

// scans returns the result of each system, by its id.
type scans map[string][]byte

// v1 splits an appliance's results document by system.
func v1(t *testing.T, a *appliance.Appliance) scans {
	t.Helper()
	var document bytes.Buffer
	if err := a.WriteResults(&document); err != nil {
		t.Fatal(err)
	}
	results := scans{}
	err := runecast.ReadV1(&document, nil, func(e *runecast.Element) error {
		var b bytes.Buffer
		_, err := e.WriteTo(&b)
		results[e.ID] = b.Bytes()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// v2 asks an appliance for the latest scan of every system.
func v2(allObjects bool) func(*testing.T, *appliance.Appliance) scans {
	return func(t *testing.T, a *appliance.Appliance) scans {
		t.Helper()
		results := scans{}
		for _, s := range a.Systems() {
			var b bytes.Buffer
			if err := a.WriteScan(&b, s.V2ID, allObjects); err != nil {
				t.Fatal(err)
			}
			results[s.ID] = b.Bytes()
		}
		return results
	}
}

// shown maps all results of an appliance and returns the tiles over the events.
// The posture in each scan's summary must be the dashboard's own.
func shown(t *testing.T, m mapping.Settings, systems []appliance.System, results scans) dashboard.Tiles {
	t.Helper()
	postures := map[string]int{}
	var events []dashboard.Event
	keep := func(b []byte) error {
		e, err := dashboard.Decode(b)
		events = append(events, e)
		return err
	}
	for _, s := range systems {
		var raw bytes.Buffer
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: "r", StartedAt: at()}, System: archive.System{ID: s.ID, Name: s.Name, Type: s.Type},
		}.WriteHead(&raw)
		if err != nil {
			t.Fatal(err)
		}
		raw.Write(results[s.ID])
		raw.WriteByte('}')
		d, err := mapping.Open(&raw)
		if err != nil {
			t.Fatal(err)
		}
		res, err := mapping.New(m).Map(mapping.Input{Document: d, ScanID: uuid.NewString(), Now: at, Emit: keep})
		if err != nil || !res.Assessed {
			t.Fatalf("%s: assessed=%v %v", s.Name, res.Assessed, err)
		}
		postures[s.ID] = res.Summary.CompliancePercentage
		b, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at())
		if err != nil {
			t.Fatal(err)
		}
		if err := keep(b); err != nil {
			t.Fatal(err)
		}
	}
	tiles := dashboard.Compute(events)
	for _, s := range tiles.Systems {
		if postures[s.ID] != s.Posture() {
			t.Errorf("%s: the summary says %d %%, the dashboard %d %%", s.Name, postures[s.ID], s.Posture())
		}
	}
	return tiles
}

// For any estate and both versions of the API, the tiles over the mapped events are
// those that a second reading of the appliance's documents computes, which shares no
// code with the mapping.
func TestDashboardShowsWhatTheApplianceShows(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*testing.T, *appliance.Appliance) scans{"v1": v1, "v2": v2(false), "v2 with all objects": v2(true)} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				t.Parallel()
				a, err := appliance.New(appliance.Options{Seed: seed, Findings: 1500, API: appliance.APIBoth})
				if err != nil {
					t.Fatal(err)
				}
				var results bytes.Buffer
				if err := a.WriteResults(&results); err != nil {
					t.Fatal(err)
				}
				want, err := expect.Tiles(&results, a.Systems())
				if err != nil {
					t.Fatal(err)
				}
				if len(want.Systems) < 8 || want.Configurations < 1000 {
					t.Fatalf("%d systems, %d rows: too few to prove anything", len(want.Systems), want.Configurations)
				}
				for _, difference := range shown(t, settings(nil), a.Systems(), read(t, a)).Diff(want) {
					t.Error(difference)
				}
			})
		}
	}
}

func TestSummaryIsTheDashboardsPosture(t *testing.T) {
	t.Parallel()
	doc := raw("s-1", "VCENTER", strings.Join([]string{
		issue("CIS-1", "CIS", "Low", "PASS", 0), issue("CIS-2", "CIS", "Low", "PASS", 0),
		issue("CIS-3", "CIS", "Low", "FAIL", 2, object("a", ""), object("b", "")),
		issue("CIS-4", "CIS", "Low", "NOT_APPLICABLE", 0), issue("DORA-1", "DORA", "Low", "MANUAL", 0),
		issue("CIS-1", "CIS", "Low", "FAIL", 1, object("a", "")), // the same rule once more: the worst counts
	}, ","))
	_, res, err := mapDocument(t, settings(nil), doc, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := securityevent.Summary{
		CompliancePercentage: 25,
		Standards: []securityevent.StandardSummary{
			{StandardCode: "CIS", CompliancePercentage: 33, Passed: 1, Failed: 2, Rules: 3},
			{StandardCode: "DORA", Manual: 1, Rules: 1},
		},
		Rows: map[securityevent.Status]int64{"FAILED": 3, "PASSED": 2, "MANUAL": 1},
	}
	if d := cmp.Diff(want, res.Summary); d != "" {
		t.Error(d)
	}
}
