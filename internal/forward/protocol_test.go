package forward

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
)

func order(minute int) archive.Order {
	return archive.Order{StartedAt: time.Date(2026, 11, 22, 2, minute, 0, 0, time.UTC), Run: "r"}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	now := order(30).StartedAt
	sending := archive.Delivery{ETag: "e", Mapping: "m", Scan: archive.Scan{State: archive.DeliverySending, ScanID: "s1", Generation: 2, Order: order(1)}}
	with := func(change func(*situation)) situation {
		s := situation{delivery: sending, exists: true, etag: "e", mapping: "m", now: now}
		change(&s)
		return s
	}
	cases := map[string]struct {
		s          situation
		before     step
		after      step
		generation int
		keeps      bool // the scan id
	}{
		"first time":                 {with(func(s *situation) { s.exists, s.delivery = false, archive.Delivery{} }), stepOpenObject, stepSend, 1, false},
		"released cleanly":           {with(func(*situation) {}), stepOpenObject, stepSend, 2, true},
		"live lease":                 {with(func(s *situation) { s.delivery.Lease = &archive.Lease{Until: now.Add(1)} }), stepBusy, stepSend, 3, false},
		"expired lease":              {with(func(s *situation) { s.delivery.Lease = &archive.Lease{Until: now} }), stepOpenObject, stepSend, 3, false},
		"in doubt":                   {with(func(s *situation) { s.delivery.Doubt = true }), stepOpenObject, stepSend, 3, false},
		"other mapping":              {with(func(s *situation) { s.mapping = "n" }), stepOpenObject, stepSend, 3, false},
		"other object":               {with(func(s *situation) { s.etag = "f" }), stepOpenObject, stepSend, 3, false},
		"complete":                   {with(func(s *situation) { s.delivery.State = archive.DeliveryComplete; s.mapping = "n" }), stepDone, stepSend, 3, false},
		"complete, replaced":         {with(func(s *situation) { s.delivery.State = archive.DeliveryComplete; s.etag = "f" }), stepOpenObject, stepSend, 3, false},
		"failed":                     {with(func(s *situation) { s.delivery.State = archive.DeliveryFailed }), stepDone, stepSend, 3, false},
		"newer committed":            {with(func(s *situation) { s.register.Order = order(2) }), stepOpenObject, stepSupersede, 2, true},
		"newer committed has failed": {with(func(s *situation) { s.register.Order = order(2); s.registerFailed = true }), stepOpenObject, stepSend, 2, true},
		"older committed":            {with(func(s *situation) { s.register.Order = order(0) }), stepOpenObject, stepSend, 2, true},
		"commit point passed": {with(func(s *situation) {
			s.register = archive.Register{Order: order(1), ScanID: "s1", RawKey: "k", Generation: 2}
			s.delivery.Lease = &archive.Lease{Until: now}
		}), stepOpenObject, stepFinish, 2, true},
		"above the register's generation": {with(func(s *situation) {
			s.register = archive.Register{Order: order(1), ScanID: "s9", RawKey: "k", Generation: 7}
			s.delivery.Doubt = true
		}), stepOpenObject, stepSend, 8, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.s.before(); got != c.before {
				t.Errorf("before: %d, want %d", got, c.before)
			}
			if got := c.s.after(order(1)); got != c.after {
				t.Errorf("after: %d, want %d", got, c.after)
			}
			d := c.s.lease("k", order(1), archive.Lease{Owner: "me"}, "new")
			if d.Generation != c.generation || (d.ScanID == "s1") != c.keeps || d.Lease.Owner != "me" || d.State != archive.DeliverySending {
				t.Errorf("lease: %+v", d)
			}
		})
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reg    archive.Register
		failed bool
		want   commitStep
	}{
		"nothing committed":        {archive.Register{}, false, commitWrite},
		"older committed":          {archive.Register{Order: order(0), ScanID: "o", Generation: 9}, false, commitWrite},
		"newer committed":          {archive.Register{Order: order(2), ScanID: "n"}, false, commitSupersede},
		"newer committed, failed":  {archive.Register{Order: order(2), ScanID: "n"}, true, commitWrite},
		"mine":                     {archive.Register{Order: order(1), ScanID: "s1", Generation: 2}, false, commitMine},
		"mine, lower generation":   {archive.Register{Order: order(1), ScanID: "s0", Generation: 1}, false, commitWrite},
		"mine, higher generation":  {archive.Register{Order: order(1), ScanID: "s3", Generation: 3}, false, commitStop},
		"same run id, later start": {archive.Register{Order: archive.Order{StartedAt: order(1).StartedAt, Run: "s"}, ScanID: "x"}, false, commitSupersede},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := commit(c.reg, c.failed, order(1), 2, "s1"); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
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
