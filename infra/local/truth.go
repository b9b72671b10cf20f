package main

import (
	"fmt"
	"io"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

// systems returns the systems, by uid, that this run must bring to the dashboard:
// those that have results, whose analysis succeeds, and that the run can trigger.
// Their ids and names are those of the API that the run has read.
func (s *stack) systems(run archive.Run) (map[string]appliance.System, error) {
	spoiled, err := s.o.spoiled()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, system := range run.Systems {
		known[system.ID] = true
	}
	shown := map[string]appliance.System{}
	for _, system := range s.appliance.Systems() {
		uid := system.ID
		if spoiled[uid] || !s.o.triggers(system) {
			continue
		}
		if known[system.V2ID] {
			system.ID, system.Name = system.V2ID, system.ViewName
		}
		shown[uid] = system
	}
	return shown, nil
}

// triggers reports whether the run can get results of the system: a mixed
// appliance is triggered by API v1, which gives it the uids of vCenters only.
func (o options) triggers(system appliance.System) bool {
	return o.analysis == payload.Latest || o.appliance.API != appliance.APIMixed || system.Type == "VCENTER"
}

// spoiled returns, by uid, the systems from whose analysis no results come.
func (o options) spoiled() (map[string]bool, error) {
	// A quirk may call its system by any of several names, which only an appliance
	// can resolve. So this makes one appliance with all systems, and one in which
	// the systems with such quirks were never analysed and thus have no results:
	// the systems that the second one lacks are the spoiled ones.
	hidden := map[string]appliance.Quirk{}
	for name, q := range o.appliance.Quirks {
		if o.analysis == payload.Analyze && (q.FailsAs != "" || q.Endless || q.Vanishes || q.Empties) {
			hidden[name] = appliance.Quirk{Unscanned: true}
		}
	}
	if len(hidden) == 0 {
		return nil, nil
	}
	spoiled := map[string]bool{}
	for _, quirks := range []map[string]appliance.Quirk{nil, hidden} {
		a, err := appliance.New(appliance.Options{Seed: o.appliance.Seed, Findings: 1, API: o.appliance.API, Quirks: quirks})
		if err != nil {
			return nil, fmt.Errorf("find the odd systems: %w", err)
		}
		for _, system := range a.Systems() {
			spoiled[system.ID] = quirks == nil // the second appliance clears those that it has
		}
	}
	return spoiled, nil
}

// expected returns the tiles that the dashboard must show of these systems, computed
// from the appliance's own results document.
func expected(a *appliance.Appliance, systems map[string]appliance.System) (dashboard.Tiles, error) {
	results, document := io.Pipe()
	go func() { _ = document.CloseWithError(a.WriteResults(document)) }()
	defer results.Close()
	tiles, err := expect.TilesOf(results, func(uid string) (appliance.System, bool) {
		system, ok := systems[uid]
		return system, ok
	})
	if err != nil {
		return tiles, fmt.Errorf("compute what the dashboard should show: %w", err)
	}
	return tiles, nil
}
