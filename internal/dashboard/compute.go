package dashboard

import (
	"cmp"
	"maps"
	"slices"
)

// topLines is the number of lines of the tables "Top 50 …".
const topLines = 50

// Compute returns the tiles that the dashboard shows of the events. Events of
// types other than TypeFinding and TypeScanCompleted have no effect, nor has the
// order of the events.
func Compute(events []Event) Tiles {
	all := join(events)
	shown := slices.DeleteFunc(slices.Clone(all), func(r row) bool { return !inResultFilter(r.Status.String()) })

	t := Tiles{
		Systems:           systems(all),
		SystemTypes:       systemTypes(shown),
		Resources:         distinct(shown, func(r row) Text { return r.resource() }),
		Configurations:    len(shown),
		Rules:             rules(all),
		Findings:          topFindings(shown),
		Misconfigurations: misconfigurations(shown),
	}
	t.Standards = standards(t.Rules)
	for _, rule := range t.Rules {
		switch rule.Status {
		case Manual:
			t.Manual++
		case Passed:
			t.Passed++
		}
	}
	severe := failedBySeverity(all)
	t.Critical, t.High, t.Medium, t.Low = severe["CRITICAL"], severe["HIGH"], severe["MEDIUM"], severe["LOW"]
	return t
}

// row is a finding joined with the completed scan of its system.
type row struct {
	*Event
	scan *Event
}

// join returns the findings that pass the rule, severity and standard filters,
// each with the scan that it belongs to. It drops findings of no completed scan,
// and of scans that are not the newest of their system. If two systems share a
// scan.id, its findings come twice, as from an inner join.
func join(events []Event) []row {
	scans := map[Text][]*Event{}
	for _, s := range latestScans(events) {
		if !s.ScanID.Null() {
			scans[s.ScanID] = append(scans[s.ScanID], s)
		}
	}
	var rows []row
	for i := range events {
		e := &events[i]
		if e.Type != TypeFinding || !inDefaultFilters(e) {
			continue
		}
		for _, s := range scans[e.ScanID] {
			rows = append(rows, row{e, s})
		}
	}
	return rows
}

// latestScans returns the last completed scan by timestamp of every object.id.
// It leaves out scans without object.name, which no System filter lets through.
// The dashboard leaves open which of two scans with equal timestamps is the last;
// here it is the one with the greater scan.id.
func latestScans(events []Event) map[Text]*Event {
	latest := map[Text]*Event{}
	for i := range events {
		e := &events[i]
		if e.Type != TypeScanCompleted || e.ObjectName.Null() {
			continue
		}
		known := latest[e.ObjectID]
		if known == nil || cmp.Or(e.Timestamp.Compare(known.Timestamp.Time), cmp.Compare(e.ScanID, known.ScanID)) > 0 {
			latest[e.ObjectID] = e
		}
	}
	return latest
}

func inDefaultFilters(e *Event) bool {
	if e.RuleTitle.Null() && e.RuleID.Null() || e.Standard.Null() {
		return false
	}
	switch e.Severity {
	case "CRITICAL", "HIGH", "MEDIUM", "LOW":
		return true
	}
	return false
}

func inResultFilter(status string) bool {
	return status == Failed || status == Manual || status == Passed
}

// group is a number of rows that the dashboard summarizes. For some fields the
// dashboard takes the value of the first row that it sees; here that is first, the
// least row by compareEvents.
type group struct {
	rows  Rows
	first *Event
}

func groupBy[K comparable](rows []row, key func(row) K) map[K]*group {
	groups := map[K]*group{}
	for _, r := range rows {
		k := key(r)
		g := groups[k]
		if g == nil {
			g = &group{first: r.Event}
			groups[k] = g
		} else if compareEvents(r.Event, g.first) < 0 {
			g.first = r.Event
		}
		g.rows.add(r.Status.String())
	}
	return groups
}

func distinct[K comparable](rows []row, key func(row) K) int {
	seen := map[K]struct{}{}
	for _, r := range rows {
		seen[key(r)] = struct{}{}
	}
	return len(seen)
}

// failedBySeverity returns the number of failed rules by severity. Like the tiles,
// it groups rows by severity first: a rule whose rows have several severities
// counts in each of them.
func failedBySeverity(rows []row) map[string]int {
	type key struct{ rule, severity Text }
	failed := map[string]int{}
	for k, g := range groupBy(rows, func(r row) key { return key{r.RuleID, r.Severity} }) {
		if g.rows.Status() == Failed {
			failed[k.severity.String()]++
		}
	}
	return failed
}

func rules(rows []row) []Rule {
	var lines []Rule
	for id, g := range groupBy(rows, func(r row) Text { return r.RuleID }) {
		status := g.rows.Status()
		if !inResultFilter(status) {
			continue
		}
		lines = append(lines, Rule{
			ID: id.String(), Title: g.first.RuleTitle.String(), Status: status, Rows: g.rows,
			Severity: g.first.Severity.String(), SeverityScore: float64(g.first.SeverityScore),
			Standard: g.first.Standard.String(), URL: g.first.StandardURL.String(), Details: g.first.RuleDetails.String(),
		})
	}
	score := map[string]int{Failed: 10, Manual: 7, Passed: 4}
	slices.SortFunc(lines, func(a, b Rule) int {
		return cmp.Or(
			cmp.Compare(score[b.Status], score[a.Status]),
			cmp.Compare(b.SeverityScore, a.SeverityScore),
			cmp.Compare(b.Rows.Failed, a.Rows.Failed),
			cmp.Compare(b.Rows.Manual, a.Rows.Manual),
			cmp.Compare(b.Rows.Passed, a.Rows.Passed),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return lines
}

func standards(rules []Rule) []Standard {
	byName := map[string]*Standard{}
	for _, rule := range rules {
		s := byName[rule.Standard]
		if s == nil {
			s = &Standard{Name: rule.Standard}
			byName[rule.Standard] = s
		}
		s.add(rule.Status)
	}
	var lines []Standard
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		lines = append(lines, *byName[name])
	}
	return lines
}

func systems(rows []row) []System {
	type ruleOnSystem struct {
		rule Text
		scan *Event
	}
	byScan := map[*Event]*System{}
	for k, g := range groupBy(rows, func(r row) ruleOnSystem { return ruleOnSystem{r.RuleID, r.scan} }) {
		status := g.rows.Status()
		if !inResultFilter(status) {
			continue
		}
		s := byScan[k.scan]
		if s == nil {
			s = &System{
				ID: k.scan.ObjectID.String(), Name: k.scan.ObjectName.String(),
				Type: label(k.scan.ObjectType.String()), Latest: k.scan.Timestamp.Time,
			}
			byScan[k.scan] = s
		}
		s.add(status)
	}
	countRows(rows, byScan)
	var lines []System
	for _, s := range byScan {
		lines = append(lines, *s)
	}
	slices.SortFunc(lines, func(a, b System) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return lines
}

// countRows fills in Rows and Resources of each system.
func countRows(rows []row, byScan map[*Event]*System) {
	type resourceOnSystem struct {
		resource Text
		scan     *Event
	}
	seen := map[resourceOnSystem]struct{}{}
	for _, r := range rows {
		s := byScan[r.scan]
		if s == nil {
			continue // all rules are not relevant, so the system has no line
		}
		s.Rows.add(r.Status.String())
		seen[resourceOnSystem{r.resource(), r.scan}] = struct{}{}
	}
	for k := range seen {
		byScan[k.scan].Resources++
	}
}

func systemTypes(rows []row) map[string]int {
	counts := map[string]int{}
	seen := map[*Event]struct{}{}
	for _, r := range rows {
		if _, again := seen[r.scan]; !again {
			seen[r.scan] = struct{}{}
			counts[label(r.scan.ObjectType.String())]++
		}
	}
	return counts
}

func topFindings(rows []row) []Finding {
	var lines []Finding
	for _, r := range top(rows, func(a, b row) int { return compareEvents(a.Event, b.Event) }) {
		lines = append(lines, Finding{
			Status: r.Status.String(), Severity: r.Severity.String(),
			ObjectName: coalesce(r.ObjectName, r.ResultObjectName).String(), ObjectID: r.ObjectID.String(),
			ObjectType: coalesce(r.ObjectType, r.ResultObjectType).String(), Evidence: r.Evidence.String(),
			RuleTitle: r.RuleTitle.String(), RuleID: r.RuleID.String(), Standard: r.Standard.String(),
			StatusScore: float64(r.StatusScore), SeverityScore: float64(r.SeverityScore),
		})
	}
	return lines
}

func misconfigurations(rows []row) []Misconfiguration {
	type key struct{ evidence, rule Text }
	proven := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Evidence.Null() || r.Evidence == "[]" })
	groups := groupBy(proven, func(r row) key { return key{r.Evidence, r.RuleID} })

	type line struct {
		*group
		resources, systems int
	}
	lines := make(map[key]*line, len(groups))
	for k, g := range groups {
		lines[k] = &line{group: g}
	}
	type member struct {
		key
		resource Text
		scan     *Event
	}
	seen := map[member]struct{}{}
	add := func(m member) bool {
		_, again := seen[m]
		seen[m] = struct{}{}
		return !again
	}
	for _, r := range proven {
		k := key{r.Evidence, r.RuleID}
		if add(member{key: k, resource: r.resource()}) {
			lines[k].resources++
		}
		if add(member{key: k, scan: r.scan}) {
			lines[k].systems++
		}
	}
	var shown []Misconfiguration
	for _, l := range top(slices.Collect(maps.Values(lines)), func(a, b *line) int {
		return cmp.Or(cmp.Compare(b.resources, a.resources), compareEvents(a.first, b.first))
	}) {
		shown = append(shown, Misconfiguration{
			Resources: l.resources, Systems: l.systems, Evidence: l.first.Evidence.String(),
			ObjectType: coalesce(l.first.ObjectType, l.first.ResultObjectType).String(),
			Status:     l.first.Status.String(), Severity: l.first.Severity.String(),
			RuleTitle: l.first.RuleTitle.String(), RuleID: l.first.RuleID.String(), Standard: l.first.Standard.String(),
		})
	}
	return shown
}

// top returns the first topLines of the rows in order, without sorting them all.
func top[T any](rows []T, compare func(a, b T) int) []T {
	best := make([]T, 0, topLines+1)
	for _, r := range rows {
		if len(best) == topLines && compare(r, best[topLines-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, r, compare)
		best = slices.Insert(best, at, r)
		best = best[:min(len(best), topLines)]
	}
	return best
}
