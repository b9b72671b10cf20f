package arrival_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/arrival"
)

var (
	since = time.Date(2026, 11, 22, 2, 7, 0, 0, time.UTC)
	sent  = map[string]int64{"FAILED": 60, "MANUAL": 10, "PASSED": 30}
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accepted int64 // 100 - quarantined
		found    arrival.Found
		after    time.Duration
		state    string
		missing  int64
		doubled  int64
		words    []string
	}{
		"all there":             {100, arrival.Found{Rows: sent, ScanEvents: 1}, time.Hour, archive.ArrivalProven, 0, 0, nil},
		"scan event repeated":   {100, arrival.Found{Rows: sent, ScanEvents: 3}, time.Hour, archive.ArrivalProven, 0, 0, nil},
		"nothing there":         {100, arrival.Found{}, 5 * time.Minute, archive.ArrivalShort, 100, 0, []string{"100 of 100 rows are not there", "the scan event is not there", "asked again at 2026-11-22T03:07:00Z"}},
		"no scan event":         {100, arrival.Found{Rows: sent}, time.Hour, archive.ArrivalShort, 0, 0, []string{"the scan event is not there", "asked again at 2026-11-22T04:07:00Z"}},
		"one missing":           {100, arrival.Found{Rows: map[string]int64{"FAILED": 59, "MANUAL": 10, "PASSED": 30}, ScanEvents: 1}, time.Hour, archive.ArrivalShort, 1, 0, []string{"1 of 100 rows"}},
		"one missing, for good": {100, arrival.Found{Rows: map[string]int64{"FAILED": 59, "MANUAL": 10, "PASSED": 30}, ScanEvents: 1}, 2 * time.Hour, archive.ArrivalShort, 1, 0, []string{"1 of 100 rows", "known causes: "}},
		"one twice":             {100, arrival.Found{Rows: map[string]int64{"FAILED": 61, "MANUAL": 10, "PASSED": 30}, ScanEvents: 1}, time.Hour, archive.ArrivalOver, 0, 1, []string{"1 of the rows there is more than was sent"}},
		"one twice, one gone":   {100, arrival.Found{Rows: map[string]int64{"FAILED": 61, "MANUAL": 9, "PASSED": 30}, ScanEvents: 1}, time.Hour, archive.ArrivalShort, 1, 1, []string{"1 of 100 rows", "1 of the rows there is more than was sent"}},
		"a status of its own":   {100, arrival.Found{Rows: map[string]int64{"FAILED": 60, "MANUAL": 10, "PASSED": 30, "": 2}, ScanEvents: 1}, time.Hour, archive.ArrivalOver, 0, 2, []string{"2 of the rows there are more than were sent"}},
		"some quarantined":      {97, arrival.Found{Rows: map[string]int64{"FAILED": 58, "MANUAL": 10, "PASSED": 29}, ScanEvents: 1}, time.Hour, archive.ArrivalProven, 0, 0, nil},
		"quarantined, missing":  {97, arrival.Found{Rows: map[string]int64{"FAILED": 58, "MANUAL": 10, "PASSED": 28}, ScanEvents: 1}, time.Hour, archive.ArrivalShort, 1, 0, []string{"1 of 97 rows"}},
		"quarantined, over":     {97, arrival.Found{Rows: sent, ScanEvents: 1}, time.Hour, archive.ArrivalOver, 0, 3, []string{"3 of the rows there"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := arrival.Judge(*arrival.Expect(sent, c.accepted, since), c.found, since.Add(c.after))
			if a.State != c.state || a.Missing() != c.missing || a.Doubled != c.doubled || (a.Reason == "") != (len(c.words) == 0) {
				t.Errorf("%+v, %d missing", a, a.Missing())
			}
			for _, w := range c.words {
				if !strings.Contains(a.Reason, w) {
					t.Errorf("%q does not say %q", a.Reason, w)
				}
			}
		})
	}
}

// Grail is asked at these times, if a verification comes every quarter of an hour.
func TestLooks(t *testing.T) {
	t.Parallel()
	missing := arrival.Found{Rows: map[string]int64{"FAILED": 60}, ScanEvents: 1}
	all := arrival.Found{Rows: sent, ScanEvents: 1}
	for name, c := range map[string]struct {
		answer func(minute int) (arrival.Found, bool)
		want   []int // minutes of the looks
		state  string
	}{
		"all there":          {func(int) (arrival.Found, bool) { return all, true }, []int{15, 60}, archive.ArrivalProven},
		"slow":               {func(m int) (arrival.Found, bool) { return map[bool]arrival.Found{true: all}[m > 15], true }, []int{15, 60}, archive.ArrivalProven},
		"very slow":          {func(m int) (arrival.Found, bool) { return map[bool]arrival.Found{true: all}[m > 60], true }, []int{15, 60, 120}, archive.ArrivalProven},
		"short":              {func(int) (arrival.Found, bool) { return missing, true }, []int{15, 60, 120}, archive.ArrivalShort},
		"no answer at first": {func(m int) (arrival.Found, bool) { return all, m >= 45 }, []int{15, 30, 45, 60}, archive.ArrivalProven},
		"late answer":        {func(m int) (arrival.Found, bool) { return all, m >= 90 }, []int{15, 30, 45, 60, 75, 90}, archive.ArrivalProven},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := *arrival.Expect(sent, 100, since)
			var looks []int
			for m := 0; m < 300; m += 15 {
				now := since.Add(time.Duration(m) * time.Minute)
				if !arrival.Due(&a, now) {
					continue
				}
				looks = append(looks, m)
				if f, answered := c.answer(m); answered {
					a = arrival.Judge(a, f, now)
				} else {
					a = arrival.Unanswered(a, "busy")
				}
			}
			if d := cmp.Diff(c.want, looks); d != "" || a.State != c.state || !arrival.Settled(&a, since.Add(5*time.Hour)) {
				t.Errorf("%+v\n%s", a, d)
			}
		})
	}
	never := arrival.Unanswered(*arrival.Expect(sent, 100, since), "refused")
	if arrival.Settled(&never, since.Add(23*time.Hour)) || !arrival.Settled(&never, since.Add(25*time.Hour)) || never.Reason != "refused" {
		t.Errorf("%+v", never)
	}
}

// A proven arrival stays proven if a later question is not answered.
func TestUnansweredKeepsWhatWasSaid(t *testing.T) {
	t.Parallel()
	a := arrival.Judge(*arrival.Expect(sent, 100, since), arrival.Found{Rows: sent, ScanEvents: 1}, since.Add(time.Hour))
	if d := cmp.Diff(a, arrival.Unanswered(a, "busy")); d != "" {
		t.Error(d)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	s := archive.Scan{BegunAt: since.Add(-time.Hour), Timestamp: since.Add(-time.Minute), Arrival: arrival.Expect(sent, 100, since)}
	from, to := arrival.Window(&s)
	if !from.Equal(since.Add(-62*time.Minute)) || !to.Equal(since.Add(2*time.Minute)) {
		t.Error(from, to)
	}
	s.Timestamp = since.Add(5 * time.Minute) // reserved by a clock ahead
	if _, to := arrival.Window(&s); !to.Equal(since.Add(7 * time.Minute)) {
		t.Error(to)
	}
}
