package archive

import (
	"fmt"
	"time"
)

// ParsePeriod reads the bounds of when a run started, as requests name them: each
// is a time in RFC 3339 or a date, UTC, or empty, which leaves that side open
// (zero). An until that is a date includes that day: since ≤ t < until. The
// error names the member; the caller knows of what request.
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

// moment reads a time or a date; whole is how long it lasts.
func moment(member, text string) (at time.Time, whole time.Duration, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, 24 * time.Hour, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), 0, nil
	}
	return at, 0, fmt.Errorf("%s is neither a time in RFC 3339 nor a date, but %.40q: write it as 2026-03-01T04:00:00Z, with its zone, or as 2026-03-01", member, text)
}
