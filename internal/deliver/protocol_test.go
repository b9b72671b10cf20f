package deliver

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
)

func order(minute int) archive.Order {
	return archive.Order{StartedAt: time.Date(2026, 11, 22, 2, minute, 0, 0, time.UTC), Run: "r"}
}

// commits returns the commits of a register that count; the delivery of the newest may
// have failed.
func commits(t *testing.T, r *archive.Register, failed bool) []archive.Commit {
	t.Helper()
	all, err := standing(r.Commits(), func(one *archive.Commit) (fate, error) {
		if failed && one.ScanID == r.ScanID {
			return fateFailed, nil
		}
		return fateOpen, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	now := order(30).StartedAt
	type world struct {
		situation
		candidate
		registerFailed bool
	}
	sent := archive.Scan{State: archive.DeliverySending, ScanID: "s1", Generation: 2, Order: order(1), BegunAt: now.Add(-maxAge)}
	cases := map[string]struct {
		change     func(*world)
		first      step
		step       step
		generation int
		keeps      bool // the scan id
	}{
		"first time":             {func(w *world) { w.exists, w.delivery, w.recorded = false, archive.Delivery{}, archive.Scan{} }, stepLook, stepSend, 1, false},
		"released cleanly":       {func(*world) {}, stepLook, stepSend, 2, true},
		"live lease":             {func(w *world) { w.delivery.Lease = &archive.Lease{Until: now.Add(1)} }, stepBusy, stepSend, 3, false},
		"expired lease":          {func(w *world) { w.delivery.Lease = &archive.Lease{Until: now} }, stepLook, stepSend, 3, false},
		"too old":                {func(w *world) { w.recorded.BegunAt = now.Add(-maxAge - 1) }, stepLook, stepSend, 3, false},
		"age is not known":       {func(w *world) { w.recorded.BegunAt = time.Time{} }, stepLook, stepSend, 3, false},
		"begun by a wrong clock": {func(w *world) { w.recorded.BegunAt = now.Add(maxAge + 1) }, stepLook, stepSend, 3, false},
		"in doubt":               {func(w *world) { w.recorded.Doubt = true }, stepLook, stepSend, 3, false},
		"other mapping":          {func(w *world) { w.mapping = "n" }, stepLook, stepSend, 3, false},
		"other object":           {func(w *world) { w.etag = "f" }, stepLook, stepSend, 3, false},
		"complete": {func(w *world) {
			w.delivery.State, w.recorded.State, w.mapping = archive.DeliveryComplete, archive.DeliveryComplete, "n"
		}, stepDone, stepDone, 3, false},
		"complete, object replaced": {func(w *world) {
			w.delivery.State, w.recorded.State, w.etag = archive.DeliveryComplete, archive.DeliveryComplete, "f"
		}, stepLook, stepSend, 3, false},
		"failed": {func(w *world) {
			w.delivery.State, w.recorded.State = archive.DeliveryFailed, archive.DeliveryFailed
		}, stepDone, stepDone, 3, false},
		"one of several is complete": {func(w *world) { w.recorded.State = archive.DeliveryComplete }, stepLook, stepDone, 3, false},
		"newer committed":            {func(w *world) { w.register.Order = order(2) }, stepLook, stepSupersede, 2, true},
		"newer committed has failed": {func(w *world) { w.register.Order, w.registerFailed = order(2), true }, stepLook, stepSend, 2, true},
		"newer committed, but forced": {func(w *world) {
			w.register, w.recorded.Force, w.recorded.Over = archive.Register{Order: order(2), ScanID: "n"}, true, "n"
		}, stepLook, stepSend, 2, true},
		"newer committed since it was forced": {func(w *world) {
			w.register, w.recorded.Force, w.recorded.Over = archive.Register{Order: order(2), ScanID: "n"}, true, "o"
		}, stepLook, stepSupersede, 2, true},
		"older committed": {func(w *world) { w.register.Order = order(0) }, stepLook, stepSend, 2, true},
		"hand-made, older results": {func(w *world) {
			w.handMade, w.completedAt, w.register = true, now, archive.Register{Order: order(0), ScanID: "n", CompletedAt: now.Add(1), CommittedAt: now.Add(1)}
		}, stepLook, stepSupersede, 2, true},
		"archived, older by appliance's clock": {func(w *world) {
			w.completedAt, w.register = now, archive.Register{Order: order(0), ScanID: "n", CompletedAt: now.Add(1), CommittedAt: now.Add(1)}
		}, stepLook, stepSend, 2, true},
		"commit point passed": {func(w *world) {
			w.register = archive.Register{Order: order(1), ScanID: "s1", RawKey: "k", Generation: 2}
			w.delivery.Lease = &archive.Lease{Until: now}
		}, stepLook, stepFinish, 2, true},
		"commit point passed, too old": {func(w *world) {
			w.register = archive.Register{Order: order(1), ScanID: "s1", RawKey: "k", Generation: 2}
			w.recorded.BegunAt = now.Add(-maxAge - 1)
		}, stepLook, stepSend, 3, false},
		"above the register's generation": {func(w *world) {
			w.register = archive.Register{Order: order(1), ScanID: "s9", RawKey: "k", Generation: 7}
			w.recorded.Doubt = true
		}, stepLook, stepSend, 8, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{
				situation{delivery: archive.Delivery{ETag: "e", Mapping: "m", Scan: sent}, exists: true, etag: "e", mapping: "m", now: now},
				candidate{place: place{order: order(1)}, recorded: sent}, false,
			}
			c.change(&w)
			w.commits = commits(t, &w.register, w.registerFailed)
			if got := w.firstStep(); got != c.first {
				t.Errorf("first step: %d, want %d", got, c.first)
			}
			if got := w.step(&w.candidate); got != c.step {
				t.Errorf("step: %d, want %d", got, c.step)
			}
			var s scan
			s.begin(&w.situation, &w.candidate, "k", "new")
			if s.Generation != c.generation || (s.ScanID == "s1") != c.keeps || s.State != archive.DeliverySending || s.Order != order(1) {
				t.Errorf("generation: %+v", s)
			}
		})
	}
}

// The holder of a committed generation is dead, so it is not known what was sent. If the
// register names another scan by now, the generation must not go on.
func TestCommittedGenerationIsInDoubtUntilComplete(t *testing.T) {
	t.Parallel()
	for name, released := range map[string]bool{"released": true, "holder is gone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := archive.Scan{State: archive.DeliverySending, ScanID: "s1", Generation: 2, Order: order(1), BegunAt: order(30).StartedAt}
			s := situation{delivery: archive.Delivery{ETag: "e", Mapping: "m", Scan: sent}, exists: true, etag: "e", mapping: "m", now: order(30).StartedAt}
			if !released {
				s.delivery.Lease = &archive.Lease{Until: s.now}
			}
			var got scan
			got.begin(&s, &candidate{place: place{order: order(1)}, recorded: sent, register: archive.Register{ScanID: "s1"}}, "k", "new")
			end := dispose(becauseError, context.DeadlineExceeded, true)
			if got.settle(end); end.next != nextRelease || end.cause() != nil {
				t.Errorf("%+v", end)
			}
			if got.ScanID != "s1" || got.Doubt == released {
				t.Errorf("%+v", got.Scan)
			}
		})
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	now := order(30).StartedAt
	for name, c := range map[string]struct {
		reg    archive.Register
		failed bool
		want   commitStep
	}{
		"nothing committed":                      {archive.Register{}, false, commitWrite},
		"older committed":                        {archive.Register{Order: order(0), ScanID: "o", Generation: 9}, false, commitWrite},
		"newer committed":                        {archive.Register{Order: order(2), ScanID: "n"}, false, commitSupersede},
		"newer committed, failed":                {archive.Register{Order: order(2), ScanID: "n"}, true, commitWrite},
		"failed, newer before":                   {archive.Register{Order: order(3), ScanID: "n", Before: archive.Commit{Order: order(2)}}, true, commitSupersede},
		"failed, mine before":                    {archive.Register{Order: order(3), ScanID: "n", Before: archive.Commit{Order: order(1), Generation: 1}}, true, commitWrite},
		"failed, mine before, higher generation": {archive.Register{Order: order(3), ScanID: "n", Before: archive.Commit{Order: order(1), Generation: 3}}, true, commitStop},
		"failed, older before":                   {archive.Register{Order: order(3), ScanID: "n", Before: archive.Commit{Order: order(0), Generation: 9}}, true, commitWrite},
		"mine":                                   {archive.Register{Order: order(1), ScanID: "s1", Generation: 2, Timestamp: now}, false, commitMine},
		"mine, an hour old":                      {archive.Register{Order: order(1), ScanID: "s1", Generation: 2, Timestamp: now.Add(-maxReserved)}, false, commitMine},
		"mine, older":                            {archive.Register{Order: order(1), ScanID: "s1", Generation: 2, Timestamp: now.Add(-maxReserved - 1)}, false, commitWrite},
		"mine, a little ahead":                   {archive.Register{Order: order(1), ScanID: "s1", Generation: 2, Timestamp: now.Add(maxAhead)}, false, commitMine},
		"mine, too far ahead":                    {archive.Register{Order: order(1), ScanID: "s1", Generation: 2, Timestamp: now.Add(maxAhead + 1)}, false, commitWait},
		"mine, lower generation":                 {archive.Register{Order: order(1), ScanID: "s0", Generation: 1}, false, commitWrite},
		"mine, higher generation":                {archive.Register{Order: order(1), ScanID: "s3", Generation: 3}, false, commitStop},
		"older forced over mine":                 {archive.Register{Order: order(0), ScanID: "o", Before: archive.Commit{Order: order(1), Generation: 2}}, false, commitWrite},
		"older forced over a higher generation":  {archive.Register{Order: order(0), ScanID: "o", Before: archive.Commit{Order: order(1), Generation: 3}}, false, commitStop},
		"same start, later run id":               {archive.Register{Order: archive.Order{StartedAt: order(1).StartedAt, Run: "s"}, ScanID: "x"}, false, commitSupersede},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := candidate{place: place{order: order(1)}, recorded: archive.Scan{Generation: 2, ScanID: "s1", BegunAt: now}, register: c.reg, commits: commits(t, &c.reg, c.failed)}
			if got := at.atCommitPoint(now); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
			at.recorded.BegunAt = now.Add(-maxAge - 1)
			if got := at.atCommitPoint(now); got != c.want && got != commitAnew || got == commitMine || got == commitWrite || got == commitWait {
				t.Errorf("too old: got %d", got)
			}
		})
	}
}

// What a commit replaces is kept, in case its delivery fails.
func TestReservationKeepsTheCommitBefore(t *testing.T) {
	t.Parallel()
	before := archive.Commit{Order: order(0), Generation: 4, ScanID: "o"}
	register := archive.Register{Order: order(1), Generation: 2, ScanID: "s0", Before: before}
	for name, c := range map[string]struct {
		scanID string
		failed bool
		want   archive.Commit
	}{
		"replaced":             {"s1", false, archive.Commit{Order: order(1), Generation: 2, ScanID: "s0"}},
		"replaced, had failed": {"s1", true, before},
		"renewed":              {"s0", false, before},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scan := candidate{place: place{order: order(2)}, recorded: archive.Scan{ScanID: c.scanID, Generation: 3}, register: register, commits: commits(t, &register, c.failed)}
			got := scan.reservation("k", order(30).StartedAt)
			if got.Before != c.want || got.Order != order(2) || got.Generation != 3 || got.ScanID != c.scanID || got.RawKey != "k" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestReservedTimestampsGrow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		last := time.Time{}
		for range rapid.IntRange(1, 20).Draw(t, "commits") {
			now := order(0).StartedAt.Add(time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "clock")))
			at := reserve(last, now)
			if !at.After(last) || at.Nanosecond()%1e6 != 0 {
				t.Fatalf("%s after %s", at, last)
			}
			last = at
		}
	})
}

func TestDoneRanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfNDistinct(rapid.Int64Range(0, 200), 2, 30, rapid.ID[int64]).Draw(t, "cuts")
		slices.Sort(cuts)
		var parts [][2]int64
		for i := 0; i+1 < len(cuts); i++ {
			if rapid.Bool().Draw(t, "in") {
				parts = append(parts, [2]int64{cuts[i], cuts[i+1]})
			}
		}
		var d doneRanges
		for _, p := range rapid.Permutation(parts).Draw(t, "order") {
			d.add(p[0], p[1])
		}
		in := func(v int64) bool {
			return slices.ContainsFunc(parts, func(p [2]int64) bool { return v >= p[0] && v < p[1] })
		}
		count := int64(0)
		for v := int64(-1); v < 202; v++ {
			if d.contains(v) != in(v) {
				t.Fatalf("contains(%d) = %v in %v", v, !in(v), d.r)
			}
			if in(v) {
				count++
			}
		}
		if d.count() != count {
			t.Fatalf("count %d, want %d", d.count(), count)
		}
		for i := 1; i < len(d.r); i++ {
			if d.r[i-1][1] >= d.r[i][0] {
				t.Fatalf("not merged or not sorted: %v", d.r)
			}
		}
	})
}
