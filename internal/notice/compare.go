package notice

import (
	"iter"
	"slices"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

const (
	// maxRules is how many rules a roll-up lists. An appliance knows about 3,000.
	maxRules = 20_000
	// maxRuleBytes bounds the bytes of all rule ids of a roll-up, since it is read into
	// memory whole.
	maxRuleBytes = 2 << 20
)

// Fill puts the verdicts of a scan into its roll-up. verdicts gives the worst status of
// each rule's rows, by rule id, and is run through twice. Rules that are not relevant are
// left out, as on the dashboard. If there are more than 20,000 rules or 2 MiB of ids, or
// an id is empty, the roll-up keeps only the numbers.
func Fill(r *archive.Rollup, verdicts iter.Seq2[string, securityevent.Status]) {
	size, named := 0, true
	r.Passed, r.Manual, r.Failed = archive.RuleSet{}, archive.RuleSet{}, archive.RuleSet{}
	for id, status := range verdicts {
		if set := setOf(r, status); set != nil {
			set.Count++
			size += len(id)
			named = named && id != ""
		}
	}
	r.Posture = securityevent.Posture(r.Passed.Count, r.Manual.Count, r.Failed.Count)
	r.Listed = named && r.Passed.Count+r.Manual.Count+r.Failed.Count <= maxRules && size <= maxRuleBytes
	if !r.Listed {
		return
	}
	for id, status := range verdicts {
		if set := setOf(r, status); set != nil {
			set.Rules = append(set.Rules, id)
		}
	}
	for _, set := range []*archive.RuleSet{&r.Passed, &r.Manual, &r.Failed} {
		slices.Sort(set.Rules)
	}
}

// setOf returns the roll-up's set of a status; nil if the dashboard leaves it out.
func setOf(r *archive.Rollup, status securityevent.Status) *archive.RuleSet {
	switch status {
	case securityevent.Passed:
		return &r.Passed
	case securityevent.Manual:
		return &r.Manual
	case securityevent.Failed:
		return &r.Failed
	}
	return nil
}

// Next compares the roll-up of a committed scan, now, with the one that is kept beside
// the register; kept is the zero value if there is none. It returns now with its change,
// and whether it is to be kept in place of the other. replaced is the commit that the
// register named before this one.
//
// If kept is of the same scan, an earlier invocation has written it and the delivery goes
// on: Next returns kept, with its change. If kept is of a newer commit, it stays.
func Next(kept, now archive.Rollup, replaced archive.Commit) (next archive.Rollup, keep bool) {
	switch {
	case kept.ScanID != "" && kept.ScanID == now.ScanID:
		return kept, false
	case !kept.Timestamp.Before(now.Timestamp):
		now.Change = uncompared()
		now.Change.Overtaken, now.Change.Differs = true, false
		return now, false
	case replaced == archive.Commit{}:
		now.Change = uncompared()
		now.Change.First = true
	case kept.ScanID == "" || kept.ScanID != replaced.ScanID:
		now.Change = uncompared()
	default:
		now.Change = compare(&kept, &now)
	}
	return now, true
}

// uncompared returns the change of a scan whose rules are not compared: Rules is -1.
func uncompared() archive.Change {
	return archive.Change{Rules: -1, NewlyFailed: archive.ListRules(nil), NewlyPassed: archive.ListRules(nil), Differs: true}
}

// compare returns what changed from one scan to the next.
func compare(before, now *archive.Rollup) archive.Change {
	c := uncompared()
	c.Against, c.Before, c.Settings = before.ScanID, before.Posture, before.Mapping != now.Mapping
	if !before.Listed || !now.Listed {
		return c // without both lists of rules it is not known which verdicts changed
	}
	was, is := verdicts(before), verdicts(now)
	var failed, passed []string
	c.Rules = 0
	for id, status := range is {
		old := was[id]
		if old == status {
			continue
		}
		c.Rules++
		switch {
		case status == securityevent.Failed:
			failed = append(failed, id)
		case status == securityevent.Passed && old == securityevent.Failed:
			passed = append(passed, id)
		}
	}
	for id := range was {
		if is[id] == "" {
			c.Rules++
		}
	}
	c.NewlyFailed, c.NewlyPassed = archive.ListRules(failed), archive.ListRules(passed)
	c.Differs = c.Rules > 0 || before.Posture != now.Posture
	return c
}

// verdicts returns the status of each rule that a roll-up lists, by id.
func verdicts(r *archive.Rollup) map[string]securityevent.Status {
	all := make(map[string]securityevent.Status, r.Passed.Count+r.Manual.Count+r.Failed.Count)
	for status, ids := range map[securityevent.Status][]string{
		securityevent.Passed: r.Passed.Rules, securityevent.Manual: r.Manual.Rules, securityevent.Failed: r.Failed.Rules,
	} {
		for _, id := range ids {
			all[id] = status
		}
	}
	return all
}
