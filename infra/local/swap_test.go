package main

import (
	"io"
	"maps"
	"strings"
	"testing"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
)

// The results of two systems that were mixed up make the run fail, and both
// lines of its table say NO: their postures differ.
func TestSwappedSystemsAreSeen(t *testing.T) {
	t.Parallel()
	for _, objects := range []string{"600", "10000"} {
		t.Run(objects, func(t *testing.T) {
			t.Parallel()
			o, err := parse([]string{"-objects", objects}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			a, err := appliance.New(o.appliance)
			if err != nil {
				t.Fatal(err)
			}
			systems, right := a.Systems(), map[string]appliance.System{}
			for _, system := range systems {
				right[system.ID] = system
			}
			want := tilesOf(t, a, right)
			for i, one := range systems {
				for _, other := range systems[:i] {
					swapped := maps.Clone(right)
					swapped[one.ID], swapped[other.ID] = other, one
					v := verdict{got: tilesOf(t, a, swapped), want: want}
					v.problems = v.differences()
					var table strings.Builder
					v.table(&table)
					if v.err() == nil || strings.Count(table.String(), "  NO\n") != 2 || posture(v.got, one) == posture(want, one) || posture(v.got, other) == posture(want, other) {
						t.Errorf("%s and %s can be mixed up: %v\n%s", one.Name, other.Name, v.err(), table.String())
					}
				}
			}
		})
	}
}

func tilesOf(t *testing.T, a *appliance.Appliance, systems map[string]appliance.System) dashboard.Tiles {
	t.Helper()
	tiles, err := expected(a, systems)
	if err != nil {
		t.Fatal(err)
	}
	return tiles
}

// posture returns a system's posture in per cent; -1 if the system is not shown.
func posture(tiles dashboard.Tiles, system appliance.System) int {
	for _, s := range tiles.Systems {
		if s.ID == system.ID {
			return s.Posture()
		}
	}
	return -1
}
