package main

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// day is a day of the calendar in UTC.
	day = 24 * time.Hour
	// least is how far ahead a moment lies at least. By then a fixture with a fixed
	// date has left every time window over which this project looks back.
	least = 45 * day
	// before is how long before a change of the calendar a run begins, so that
	// tests run before, across and after the change.
	before = 3 * time.Minute
	// changing is the zone whose clocks are changed twice a year.
	changing = "Europe/Berlin"
)

// moment is a point in time at which programs can run, and their local zone.
type moment struct {
	name string
	at   time.Time // UTC
	zone string
}

// moments returns the moments that a commit chooses from, seen from now. Each of
// them finds a test that is bound to a date.
func moments(now time.Time) []moment {
	from := now.UTC().Add(least)
	return []moment{
		ahead("45d", 45, now),
		ahead("400d", 400, now),
		{"leap", nextDay(from, time.February, 29).Add(day - before), "UTC"},
		{"year", nextDay(from, time.December, 31).Add(day - before), "UTC"},
		{"spring", nextChange(from, true).Add(-before), changing},
		{"autumn", nextChange(from, false).Add(-before), changing},
	}
}

// names returns the names of the moments, separated by commas, for people.
func names() string {
	var all []string
	for _, m := range moments(time.Now()) {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

// ahead returns the moment that is so many days ahead.
func ahead(name string, days int, now time.Time) moment {
	return moment{name, now.UTC().Add(time.Duration(days) * day).Truncate(time.Second), "UTC"}
}

// choose returns the moment that a text names. For an empty text the commit's id
// chooses; without a commit the moment is 45 days ahead.
func choose(text string, now time.Time, commit string) (moment, error) {
	all := moments(now)
	if text == "" {
		if commit == "" {
			return all[0], nil
		}
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(commit)) // never fails
		return all[hash.Sum32()%uint32(len(all))], nil
	}
	if i := slices.IndexFunc(all, func(m moment) bool { return m.name == text }); i >= 0 {
		return all[i], nil
	}
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(number, 10, 15); err == nil {
			return ahead(text, int(days), now), nil
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Before(now) {
		return moment{}, fmt.Errorf("%q is no moment to come: write a number of days as in 7d, one of %s, or a time as in 2028-02-29T12:00:00Z", text, names())
	}
	return moment{"as asked for", at.UTC(), "UTC"}, nil
}

// nextDay returns the first beginning of such a day, in UTC, at or after a time.
func nextDay(from time.Time, month time.Month, number int) time.Time {
	for year := from.Year(); ; year++ {
		at := time.Date(year, month, number, 0, 0, 0, 0, time.UTC)
		if at.Day() == number && !at.Before(from) {
			return at
		}
	}
}

// nextChange returns when clocks are next set forward, or back, after a time.
func nextChange(from time.Time, forward bool) time.Time {
	zone, err := time.LoadLocation(changing)
	if err != nil {
		panic(err) // the zones are part of this program
	}
	offset := func(at time.Time) int {
		_, seconds := at.In(zone).Zone()
		return seconds
	}
	for at := from.Truncate(time.Hour); ; at = at.Add(time.Hour) {
		before, after := offset(at), offset(at.Add(time.Hour))
		if before != after && before < after == forward {
			return at.Add(time.Hour)
		}
	}
}
