package notice_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/securityevent"
)

// scan returns the roll-up of the n-th scan of a system with these verdicts, as
// "CIS-1:FAILED CIS-2:PASSED".
func scan(n int, rules string) archive.Rollup {
	verdicts := map[string]securityevent.Status{}
	for rule := range strings.FieldsSeq(rules) {
		id, status, _ := strings.Cut(rule, ":")
		verdicts[id] = securityevent.Status(status)
	}
	return scanOf(n, verdicts)
}

func scanOf(n int, verdicts map[string]securityevent.Status) archive.Rollup {
	started := time.Date(2026, 11, 21+n, 2, 0, 0, 0, time.UTC)
	run := started.Format("20060102T150405Z") + "-4f3a"
	r := archive.Rollup{
		System: archive.System{ID: "44c4a75d", Name: "vc1.example", Type: "VCENTER"}, Order: archive.Order{StartedAt: started, Run: run},
		Generation: 1, ScanID: fmt.Sprint("scan-", n), RawKey: archive.RawKey(started, run, "44c4a75d", "vc1.example"),
		Mapping: "0123456789abcdef", Timestamp: started.Add(time.Hour),
	}
	notice.Fill(&r, maps.All(verdicts))
	return r
}

// commit is the place of a scan among those of its system.
func commit(r *archive.Rollup) archive.Commit {
	return archive.Commit{Order: r.Order, Generation: r.Generation, ScanID: r.ScanID}
}

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// next expects that the second roll-up replaces the first, and returns it.
func next(t fataler, kept, now archive.Rollup) archive.Rollup {
	t.Helper()
	got, keep := notice.Next(kept, now, commit(&kept))
	if !keep {
		t.Fatalf("%s does not take the place of %s", now.ScanID, kept.ScanID)
	}
	return got
}

func list(ids ...string) archive.RuleList { return archive.ListRules(ids) }

func TestNext(t *testing.T) {
	t.Parallel()
	const first = "CIS-1:FAILED CIS-2:PASSED CIS-3:FAILED CIS-4:MANUAL CIS-5:FAILED"
	const second = "CIS-1:FAILED CIS-2:FAILED CIS-3:PASSED CIS-4:PASSED CIS-5:MANUAL CIS-9:FAILED CIS-7:NOT_RELEVANT"
	before, now := scan(1, first), scan(2, second)
	other := scan(2, second)
	other.Mapping = "another"
	noScanID := commit(&before)
	noScanID.ScanID = ""
	many := scanOf(2, rules(20_001, securityevent.Failed))
	same := next(t, before, scan(2, first))
	for name, c := range map[string]struct {
		kept, now archive.Rollup
		replaced  archive.Commit
		want      archive.Change
		keep      bool
	}{
		"the first scan":        {archive.Rollup{}, now, archive.Commit{}, archive.Change{First: true, Rules: -1, NewlyFailed: list(), NewlyPassed: list(), Differs: true}, true},
		"beside the one before": {before, now, commit(&before), archive.Change{Against: "scan-1", Before: 20, Rules: 5, NewlyFailed: list("CIS-2", "CIS-9"), NewlyPassed: list("CIS-3"), Differs: true}, true},
		"an older one, forced": {scanAt(now, before.Timestamp), scanAt(before, now.Timestamp), commit(&now),
			archive.Change{Against: "scan-2", Before: 33, Rules: 5, NewlyFailed: list("CIS-3", "CIS-5"), NewlyPassed: list("CIS-2"), Differs: true}, true},
		"the same verdicts":                  {before, scan(2, first), commit(&before), archive.Change{Against: "scan-1", Before: 20, NewlyFailed: list(), NewlyPassed: list()}, true},
		"other settings":                     {before, other, commit(&before), archive.Change{Against: "scan-1", Before: 20, Settings: true, Rules: 5, NewlyFailed: list("CIS-2", "CIS-9"), NewlyPassed: list("CIS-3"), Differs: true}, true},
		"nothing was kept":                   {archive.Rollup{}, now, commit(&before), archive.Change{Rules: -1, NewlyFailed: list(), NewlyPassed: list(), Differs: true}, true},
		"that of another scan was kept":      {scan(0, first), now, commit(&before), archive.Change{Rules: -1, NewlyFailed: list(), NewlyPassed: list(), Differs: true}, true},
		"the register is an older release's": {before, now, noScanID, archive.Change{Rules: -1, NewlyFailed: list(), NewlyPassed: list(), Differs: true}, true},
		"too many rules":                     {before, many, commit(&before), archive.Change{Against: "scan-1", Before: 20, Rules: -1, NewlyFailed: list(), NewlyPassed: list(), Differs: true}, true},
		"it is kept already":                 {same, scan(2, first), archive.Commit{}, same.Change, false},
		"a newer one is kept":                {now, before, archive.Commit{}, archive.Change{Overtaken: true, Rules: -1, NewlyFailed: list(), NewlyPassed: list()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, keep := notice.Next(c.kept, c.now, c.replaced)
			if d := cmp.Diff(c.want, got.Change); d != "" || keep != c.keep || got.ScanID != c.now.ScanID {
				t.Errorf("%s: keep %t\n%s", got.ScanID, keep, d)
			}
		})
	}
}

// scanAt is a roll-up whose commit was reserved at another time.
func scanAt(r archive.Rollup, at time.Time) archive.Rollup {
	r.Timestamp = at
	return r
}

// rules are so many rules of one status.
func rules(n int, status securityevent.Status) map[string]securityevent.Status {
	all := map[string]securityevent.Status{}
	for i := range n {
		all[fmt.Sprintf("CIS-%d", i)] = status
	}
	return all
}

func TestFillIsBounded(t *testing.T) {
	t.Parallel()
	long := map[string]securityevent.Status{strings.Repeat("x", 2<<20): securityevent.Passed, "CIS-1": securityevent.Failed}
	for name, c := range map[string]struct {
		rules  map[string]securityevent.Status
		listed bool
		count  int
	}{
		"as many as are listed": {rules(20_000, securityevent.Failed), true, 20_000},
		"one more":              {rules(20_001, securityevent.Failed), false, 20_001},
		"long ids":              {long, false, 1},
		"not on the dashboard":  {rules(20_001, securityevent.NotRelevant), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scanOf(1, c.rules)
			want := 0
			if c.listed {
				want = c.count
			}
			if r.Listed != c.listed || r.Failed.Count != c.count || len(r.Failed.Rules) != want {
				t.Errorf("listed %t, %d rules of %d", r.Listed, len(r.Failed.Rules), r.Failed.Count)
			}
		})
	}
}

// A comparison gives the differences of the sets of rules, and the reverse comparison
// gives the reverse.
func TestComparisonIsSymmetric(t *testing.T) {
	t.Parallel()
	statuses := []securityevent.Status{securityevent.Passed, securityevent.Manual, securityevent.Failed, securityevent.NotRelevant}
	draw := func(t *rapid.T, name string) map[string]securityevent.Status {
		return rapid.MapOfN(rapid.SampledFrom(ids(40)), rapid.SampledFrom(statuses), 0, 40).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		there := next(t, scanOf(1, a), scanOf(2, b)).Change
		back := next(t, scanAt(scanOf(2, b), scanOf(1, a).Timestamp), scanAt(scanOf(1, a), scanOf(2, b).Timestamp)).Change
		failed, passed := where(b, a, securityevent.Failed, ""), where(b, a, securityevent.Passed, securityevent.Failed)
		if d := cmp.Diff(list(failed...), there.NewlyFailed); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(list(passed...), there.NewlyPassed); d != "" {
			t.Fatal(d)
		}
		if there.Rules != back.Rules || there.Differs != back.Differs {
			t.Fatalf("%d rules changed one way, %d back", there.Rules, back.Rules)
		}
		for _, id := range passed { // what newly passes fails newly on the way back
			if slices.Contains(failed, id) || !slices.Contains(where(a, b, securityevent.Failed, ""), id) {
				t.Fatalf("%s", id)
			}
		}
		now := scanOf(2, b)
		if got := len(there.NewlyFailed.First); got > 20 || now.Posture != posture(b) || there.Before != posture(a) {
			t.Fatalf("%d named, posture %d and %d before", got, now.Posture, there.Before)
		}
		same := next(t, scanOf(1, a), scanOf(2, a)).Change
		if same.Differs || same.Rules != 0 || same.NewlyFailed.Count+same.NewlyPassed.Count != 0 {
			t.Fatalf("the same verdicts: %+v", same)
		}
	})
}

func ids(n int) []string { return slices.Sorted(maps.Keys(rules(n, securityevent.Passed))) }

// where returns the ids that have the status is now and had the status was before; with
// "" for was, those that did not have the status is before.
func where(now, before map[string]securityevent.Status, is, was securityevent.Status) []string {
	var all []string
	for id, status := range now {
		if status == is && (was == "" && before[id] != is || was != "" && before[id] == was) {
			all = append(all, id)
		}
	}
	return all
}

func posture(verdicts map[string]securityevent.Status) int {
	n := map[securityevent.Status]int{}
	for _, status := range verdicts {
		n[status]++
	}
	return securityevent.Posture(n[securityevent.Passed], n[securityevent.Manual], n[securityevent.Failed])
}

// Rules whose ids are not known are counted, and not listed.
func TestNamelessRulesAreCounted(t *testing.T) {
	t.Parallel()
	var r archive.Rollup
	notice.Fill(&r, func(yield func(string, securityevent.Status) bool) {
		_ = yield("CIS-1", securityevent.Passed) && yield("", securityevent.Passed) && yield("", securityevent.NotRelevant)
	})
	if r.Listed || r.Passed.Count != 2 || r.Passed.Rules != nil || r.Posture != 100 {
		t.Errorf("%+v", r)
	}
}
