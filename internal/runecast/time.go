package runecast

import (
	"math"
	"strconv"
	"time"
)

// maxMilli is the end of the year 9999 in epoch milliseconds: what lies beyond
// is no time.
const maxMilli = 253_402_300_799_999

// ParseTime reads a time in the forms that appliances are known or likely to
// use: ISO 8601 with a T, with or without a zone (then UTC); date and time with a
// space between, or a date alone, UTC; epoch milliseconds, also as 1.69E12, as some
// encoders write them. It returns the time in UTC. False: the text is none of these.
func ParseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil { // with any fraction of a second
			return t.UTC(), true
		}
	}
	ms, err := strconv.ParseFloat(text, 64)
	if err != nil || ms != math.Trunc(ms) || ms <= 0 || ms > maxMilli {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)).UTC(), true
}

// normalTime returns a time in one of the appliance's forms as RFC 3339 in UTC,
// and any other text unchanged.
func normalTime(text string) string {
	t, ok := ParseTime(text)
	if !ok {
		return text
	}
	return t.Format(time.RFC3339Nano)
}
