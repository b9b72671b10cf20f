package mapping_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

// shown maps all results of an appliance and gives the tiles over the events.
func shown(t *testing.T, m config.Mapping, a *appliance.Appliance) dashboard.Tiles {
	t.Helper()
	var results bytes.Buffer
	if err := a.WriteResults(&results); err != nil {
		t.Fatal(err)
	}
	systems := map[string]appliance.System{}
	for _, s := range a.Systems() {
		systems[s.ID] = s
	}
	var events []dashboard.Event
	keep := func(b []byte) error {
		e, err := dashboard.Decode(b)
		events = append(events, e)
		return err
	}
	err := runecast.Split(&results, func(e *runecast.Element) error {
		s := systems[e.ID]
		var raw bytes.Buffer
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: "r", StartedAt: at()}, System: archive.System{ID: s.ID, Name: s.Name, Type: s.Type},
		}.WriteHead(&raw)
		if err != nil {
			return err
		}
		if _, err := e.WriteTo(&raw); err != nil {
			return err
		}
		raw.WriteByte('}')
		d, err := mapping.Open(&raw)
		if err != nil {
			return err
		}
		res, err := mapping.New(m).Map(mapping.Input{Document: d, ScanID: uuid.NewString(), Now: at, Emit: keep})
		if err != nil || !res.Assessed {
			return err
		}
		b, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at())
		if err != nil {
			return err
		}
		return keep(b)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dashboard.Compute(events)
}

// Whatever the estate: the tiles over the mapped events are those that a second
// reading of the appliance's documents, which shares no code, computes.
func TestDashboardShowsWhatTheApplianceShows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			a, err := appliance.New(appliance.Options{Seed: seed, Findings: 1500})
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
			for _, difference := range shown(t, settings(nil), a).Diff(want) {
				t.Error(difference)
			}
		})
	}
}
