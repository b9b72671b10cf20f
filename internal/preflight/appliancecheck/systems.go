package appliancecheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
)

// maxSystems bounds the rows of systems; those with a warning come first.
const maxSystems = 100

const analyseIt = `analyse it: {} does, or the appliance itself`

// systems lists the connected systems, and reads the last results of all of them: only
// the results show whether a system has any that a dashboard can show.
func (c *check) systems(ctx context.Context) []preflight.Row {
	all, err := c.app.Systems(ctx)
	host := c.o.URL.Host
	switch {
	case err != nil:
		return []preflight.Row{preflight.FailedBy(preflight.Late(ctx, err, host))}
	case len(all) == 0:
		return []preflight.Row{preflight.Fail("the appliance lists no system", "connect a system to it, and let the token's user see it")}
	}
	if unknown := c.unknown(all); len(unknown) > 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return []preflight.Row{preflight.Fail("RUNECAST_SYSTEMS names what is not connected: "+preflight.Listed(unknown), "take names or ids of: "+preflight.Listed(names))}
	}
	seen, err := c.survey(ctx, all)
	if err != nil && len(seen) == 0 {
		return []preflight.Row{preflight.FailedBy(preflight.Late(ctx, err, host))}
	}
	var rows []preflight.Row
	without, partly := 0, 0
	for _, s := range all {
		e := seen[s.ID]
		if e == nil && err != nil {
			rows = append(rows, preflight.Warn("its results could not be read: "+preflight.FailedBy(preflight.Late(ctx, err, host)).Detail, "check again").Named(named(s)))
			continue
		}
		if e == nil || e.Assessment.Assessed(runecast.Security) == 0 {
			without++
		} else if e.Assessment.UnlicensedOf(runecast.Security) > 0 {
			partly++
		}
		rows = append(rows, judge(s, c.typeSet(s), e).Named(named(s)))
	}
	slices.SortStableFunc(rows, func(a, b preflight.Row) int { return cmp.Compare(rank(a), rank(b)) })
	summary := preflight.Passed(fmt.Sprintf("%d connected, %d with results of security profiles", len(all), len(all)-without))
	if partly > 0 {
		summary.Detail += fmt.Sprintf(", %d of them partly UNLICENSED", partly)
	}
	switch {
	case without == len(all):
		summary = preflight.Fail(fmt.Sprintf("none of %d has results of a security profile: nothing would reach the dashboard", len(all)),
			"enable security profiles for the systems in the appliance (Settings > Knowledge Profiles), then analyse them")
	case err != nil:
		summary = preflight.Warn(fmt.Sprintf("%d connected, whose results could not all be read", len(all)), preflight.FailedBy(preflight.Late(ctx, err, host)).Detail)
	}
	if len(rows) > maxSystems {
		summary.Detail += fmt.Sprintf("; %d are shown", maxSystems)
		rows = rows[:maxSystems]
	}
	return append([]preflight.Row{summary}, rows...)
}

// named returns the name of a system's row.
func named(s runecast.System) string { return fmt.Sprintf("system %.80s", s.Name) }

// rank returns the place of a row's state: warnings come first.
func rank(r preflight.Row) int {
	if r.State == preflight.Warning {
		return 0
	}
	return 1
}

// unknown returns the names and ids in the settings that no connected system has.
func (c *check) unknown(all []runecast.System) []string {
	return slices.DeleteFunc(slices.Clone(c.o.Systems), func(name string) bool {
		return slices.ContainsFunc(all, func(s runecast.System) bool { return s.ID == name || strings.EqualFold(s.Name, name) })
	})
}

// survey reads the last results, by the ids of their systems: with API v1 from one
// document, with v2 from one for each system. With an error it also returns the results
// that were read whole.
func (c *check) survey(ctx context.Context, all []runecast.System) (map[string]*runecast.Element, error) {
	seen := map[string]*runecast.Element{}
	var passing *runecast.Element
	var first error
	for _, s := range all {
		err := c.app.Results(ctx, []string{s.ID}, func(e *runecast.Element) error {
			passing = e
			seen[e.ID] = e
			return nil
		})
		if err != nil && passing != nil {
			delete(seen, passing.ID) // its results were not read whole
		}
		first = cmp.Or(first, err)
		if c.speak == runecast.V1 || ctx.Err() != nil {
			break
		}
		passing = nil
	}
	return seen, first
}

// typeSet returns the type of a system in the settings; empty: none.
func (c *check) typeSet(s runecast.System) string {
	for key, kind := range c.o.SystemTypes {
		if key == s.ID || strings.EqualFold(key, s.Name) {
			return kind
		}
	}
	return ""
}

// judge returns the row of one system: set is its type in the settings, empty if they
// name none; e are its last results, nil if it has none.
func judge(s runecast.System, set string, e *runecast.Element) preflight.Row {
	kind := cmp.Or(set, s.Type)
	if e == nil {
		return preflight.Warn(kind+", never analysed", analyseIt)
	}
	if kind == runecast.TypeUnknown {
		kind = e.Type()
	}
	detail := fmt.Sprintf("%s, last analysed %s", kind, cmp.Or(e.Scan.Timestamp, "at an unknown time"))
	if e.Scan.Status != "" && !e.Scan.Succeeded() {
		detail += fmt.Sprintf(" (%.40s)", e.Scan.Status)
	}
	detail += fmt.Sprintf(", %d rules, %d of security profiles", e.Assessment.Rules, e.Assessment.Assessed(runecast.Security))
	unlicensed := e.Assessment.UnlicensedOf(runecast.Security)
	if unlicensed > 0 {
		detail += fmt.Sprintf(", %d more UNLICENSED", unlicensed)
	}
	nothing := e.Assessment.Nothing()
	switch {
	case e.Scan.Failed():
		return preflight.Warn(detail+": its last analysis failed", "look at it in the appliance (its connection, its credentials), then analyse it again")
	case nothing != nil:
		return preflight.Warn(detail+": "+nothing.What, nothing.Cure)
	case kind == runecast.TypeUnknown:
		return preflight.Warn(detail+": its type is not known", `set it by RUNECAST_SYSTEM_TYPES, as {"`+s.Name+`":"AWS"}`)
	case unlicensed > 0:
		return preflight.Warn(detail+": not assessed, and never sent, so the posture is over the others",
			"license the rest of it in the appliance (add a licence, or assign one), then analyse it again")
	}
	return preflight.Passed(detail)
}
