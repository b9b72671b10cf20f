package archive

import (
	"fmt"
	"time"
)

// ParsePeriod reads the period in which a run started, as requests name it. Each
// bound is a time in RFC 3339, a date in UTC, or empty: then that side is open, and
// the time returned is zero. The period is from ≤ t < to; an until that is a date
// includes that day. The error names the member, and the caller adds the request.
func ParsePeriod(since, until string) (from, to time.Time, err error) {
	if since != "" {
		if from, _, err = moment("since", since); err != nil {
			return from, to, err
		}
	}
	if until != "" {
		var whole time.Duration
		to, whole, err = moment("until", until)
		to = to.Add(whole)
	}
	return from, to, err
}

// moment reads a time or a date. whole is 24 hours for a date, and 0 for a time.
func moment(member, text string) (at time.Time, whole time.Duration, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, 24 * time.Hour, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), 0, nil
	}
	return at, 0, fmt.Errorf("%s is neither a time in RFC 3339 nor a date, but %.40q: write it as 2026-03-01T04:00:00Z, with its zone, or as 2026-03-01", member, text)
}
