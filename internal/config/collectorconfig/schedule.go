package collectorconfig

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Period returns the shortest time between two starts of an expression of EventBridge
// Scheduler, rate(6 hours) or cron(0 2 * * ? *). It returns false if that is not known:
// the expression is empty or neither of the two, or gives its days by L, W or #. Daylight
// saving time is not counted: one period a year is an hour shorter.
func Period(expression string) (time.Duration, bool) {
	name, rest, found := strings.Cut(strings.TrimSpace(expression), "(")
	text, closed := strings.CutSuffix(rest, ")")
	fields := strings.Fields(text)
	switch {
	case !found || !closed:
	case name == "rate" && len(fields) == 2:
		return rate(fields[0], fields[1])
	case name == "cron" && len(fields) == 6:
		return cron(fields)
	}
	return 0, false
}

// rate returns the period of rate(count unit).
func rate(count, unit string) (time.Duration, bool) {
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": day}
	one, known := units[strings.TrimSuffix(unit, "s")]
	n, err := strconv.Atoi(count)
	return time.Duration(n) * one, known && err == nil && n > 0
}

// cron returns the shortest time between two starts of the fields minute, hour, day of
// month, month, day of week and year, by a walk over the days of nine years. The year is
// ignored: it cannot make a period shorter.
func cron(fields []string) (time.Duration, bool) {
	minutes, ok1 := values(fields[0], 0, 59, nil)
	hours, ok2 := values(fields[1], 0, 23, nil)
	days, ok3 := values(fields[2], 1, 31, nil)
	months, ok4 := values(fields[3], 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"))
	weekdays, ok5 := values(fields[4], 1, 7, strings.Fields("SUN MON TUE WED THU FRI SAT"))
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return 0, false
	}
	var starts []time.Duration // of a day
	for _, h := range hours {
		for _, m := range minutes {
			starts = append(starts, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute)
		}
	}
	least := time.Duration(0) // none yet
	shorter := func(d time.Duration) {
		if least == 0 || d < least {
			least = d
		}
	}
	for i := 1; i < len(starts); i++ {
		shorter(starts[i] - starts[i-1])
	}
	overnight, first := starts[len(starts)-1]-starts[0], time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	var last time.Time
	for at := first; at.Before(first.AddDate(9, 0, 0)); at = at.AddDate(0, 0, 1) { // 29 February comes twice
		if !slices.Contains(days, at.Day()) || !slices.Contains(months, int(at.Month())) || !slices.Contains(weekdays, int(at.Weekday())+1) {
			continue
		}
		if !last.IsZero() {
			shorter(at.Sub(last) - overnight)
		}
		last = at
	}
	return least, least > 0
}

// values returns the sorted values of a field, which may have *, ?, lists, ranges, steps
// and names; false: it has something else, or a value below least or above most.
func values(field string, least, most int, names []string) ([]int, bool) {
	var all []int
	for part := range strings.SplitSeq(strings.ToUpper(field), ",") {
		span, steps, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var err error
			if step, err = strconv.Atoi(steps); err != nil || step < 1 {
				return nil, false
			}
		}
		from, to := least, most
		if span != "*" && span != "?" {
			low, high, ranged := strings.Cut(span, "-")
			var ok1, ok2 bool
			from, ok1 = value(low, least, most, names)
			switch to, ok2 = value(high, least, most, names); {
			case !ok1, ranged && (!ok2 || to < from):
				return nil, false
			case !ranged && stepped:
				to = most
			case !ranged:
				to = from
			}
		}
		for v := from; v <= to; v += step {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true
}

// value returns the value of a number or a name in a field.
func value(text string, least, most int, names []string) (int, bool) {
	if i := slices.Index(names, text); i >= 0 {
		return least + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= least && n <= most
}
