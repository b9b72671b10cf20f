package main

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 19, 30, 0, 5, time.UTC)
	for text, want := range map[string]struct{ at, zone string }{
		"45d":                       {"2027-01-12T19:30:00Z", "UTC"},
		"400d":                      {"2028-01-02T19:30:00Z", "UTC"},
		"1d":                        {"2026-11-29T19:30:00Z", "UTC"},
		"leap":                      {"2028-02-29T23:57:00Z", "UTC"},
		"year":                      {"2027-12-31T23:57:00Z", "UTC"},
		"spring":                    {"2027-03-28T00:57:00Z", "Europe/Berlin"},
		"autumn":                    {"2027-10-31T00:57:00Z", "Europe/Berlin"},
		"2027-05-01T12:00:00+02:00": {"2027-05-01T10:00:00Z", "UTC"},
		"":                          {"2027-01-12T19:30:00Z", "UTC"}, // there is no commit
	} {
		m, err := choose(text, now, "")
		if err != nil || m.at.Format(time.RFC3339) != want.at || m.zone != want.zone {
			t.Errorf("%q: %+v %v, want %+v", text, m, err, want)
		}
	}
	for _, text := range []string{"winter", "-1d", "d", "99999d", "2026-11-28", "2026-11-28T19:00:00Z"} {
		if m, err := choose(text, now, ""); err == nil || !strings.Contains(err.Error(), "45d") {
			t.Errorf("%q: %+v %v", text, m, err)
		}
	}
}

// Each commit always chooses the same moment, and every moment is chosen by some commit.
func TestCommitsChoose(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 19, 30, 0, 0, time.UTC)
	chosen := map[string]bool{}
	for commit := range strings.SplitSeq("0 1 2 3 4 5 6 7 8 9 a b c d e f 10 11 12 13", " ") {
		m, err := choose("", now, commit)
		again, _ := choose("", now, commit)
		if err != nil || m != again {
			t.Errorf("%s: %+v and %+v, %v", commit, m, again, err)
		}
		chosen[m.name] = true
	}
	if len(chosen) != len(moments(now)) {
		t.Errorf("chosen: %v", chosen)
	}
}

// On any date the moments are far enough ahead, and the change of the calendar after
// which a moment is named happens within minutes of it.
func TestMomentsOfAnyDate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_790_000_000, 4_000_000_000).Draw(t, "now"), 0)
		zone, err := time.LoadLocation(changing)
		if err != nil {
			t.Fatal(err)
		}
		offset := func(at time.Time) int { _, seconds := at.In(zone).Zone(); return seconds }
		for _, m := range moments(now) {
			later := m.at.Add(2 * before)
			good := true
			switch m.name {
			case "leap":
				good = m.at.Format("01-02") == "02-29" && later.Format("01-02") == "03-01"
			case "year":
				good = later.Year() == m.at.Year()+1
			case "spring":
				good = offset(later) == offset(m.at)+3600
			case "autumn":
				good = offset(later) == offset(m.at)-3600
			}
			if ahead := m.at.Sub(now); !good || ahead < least-before-time.Second || ahead > 9*366*day {
				t.Errorf("%+v is no good moment for %s", m, now)
			}
		}
	})
}
