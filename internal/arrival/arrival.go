// Package arrival decides when Grail is asked whether a committed scan has
// arrived, and what its answer means. It is pure, and promises that a scan is
// called proven only if as many rows of each status are there as were sent, and
// the scan event, and that what was not answered stays unknown.
package arrival

import (
	"time"

	"runecast-ingest/internal/archive"
)

// When Grail is asked, counted from the acceptance of the scan event. Dynatrace
// documents no time within which an event is stored.
const (
	// FirstLook is early enough for whoever waits for the result.
	FirstLook = 5 * time.Minute
	// SecondLook is the last one at a scan that is proven, or over.
	SecondLook = time.Hour
	// LastLook is when a scan that is still short is reported.
	LastLook = 2 * time.Hour
	// GiveUp ends the attempts to get an answer.
	GiveUp = 24 * time.Hour
)

// Expect is the arrival of a scan whose scan event was just accepted: so many
// findings were accepted, and so many were sent of each status.
func Expect(rows map[string]int64, accepted int64, now time.Time) *archive.Arrival {
	return &archive.Arrival{State: archive.ArrivalUnknown, Expected: accepted, Rows: rows, Since: now.UTC()}
}

// Next returns when Grail is to be asked again; zero: never.
func Next(a *archive.Arrival) time.Time {
	second, last := a.Since.Add(SecondLook), a.Since.Add(LastLook)
	short := a.State == archive.ArrivalShort || a.State == archive.ArrivalUnknown
	switch {
	case a.At.IsZero():
		return a.Since.Add(FirstLook)
	case a.At.Before(second):
		return second
	case short && a.At.Before(last):
		return last
	}
	return time.Time{}
}

// Due reports whether Grail is to be asked now.
func Due(a *archive.Arrival, now time.Time) bool {
	next := Next(a)
	return !next.IsZero() && !now.Before(next) && !Settled(a, now)
}

// Settled reports whether nothing more is to be asked.
func Settled(a *archive.Arrival, now time.Time) bool {
	return Next(a).IsZero() || now.After(a.Since.Add(GiveUp))
}

// Reported reports whether what is short is to be reported: it had the time to arrive.
func Reported(a *archive.Arrival) bool {
	return a.State == archive.ArrivalShort && !a.At.Before(a.Since.Add(LastLook))
}

// Found is what Grail counted of one scan.
type Found struct {
	// Rows are findings by status.
	Rows map[string]int64
	// ScanEvents are COMPLIANCE_SCAN_COMPLETED events.
	ScanEvents int64
}

// Judge returns an arrival after an answer of Grail. Rows are compared by status:
// where some are in quarantine, whose status is not kept, in total.
func Judge(a archive.Arrival, f Found, now time.Time) archive.Arrival {
	a.At, a.Indexed, a.ScanEvents, a.Doubled = now.UTC(), 0, f.ScanEvents, 0
	for _, n := range f.Rows {
		a.Indexed += n
	}
	var sent, more int64
	for status, n := range a.Rows {
		sent += n
		more += max(0, f.Rows[status]-n)
	}
	for status, n := range f.Rows {
		if _, known := a.Rows[status]; !known {
			more += n
		}
	}
	a.Doubled = more
	if sent != a.Expected {
		a.Doubled = max(0, a.Indexed-a.Expected)
	}
	switch {
	case a.Missing() > 0 || a.ScanEvents == 0:
		a.State = archive.ArrivalShort
	case a.Doubled > 0:
		a.State = archive.ArrivalOver
	default:
		a.State = archive.ArrivalProven
	}
	a.Reason = words(&a)
	return a
}

// Unanswered returns an arrival of which Grail said nothing that can be relied
// on, for a reason. What it said before stays.
func Unanswered(a archive.Arrival, why string) archive.Arrival {
	if a.State == archive.ArrivalUnknown {
		a.Reason = why
	}
	return a
}

// early is how long before the first event of a generation, and behind its last,
// rows are looked for: the clocks of two invocations may differ.
const early = 2 * time.Minute

// Window returns the time in which the rows of a scan lie: each is stamped when
// its batch is built, the scan event with the reserved time. The less of it, the
// less Grail reads.
func Window(s *archive.Scan) (from, to time.Time) {
	from, to = s.BegunAt, s.Timestamp
	if s.Arrival != nil && s.Arrival.Since.After(to) {
		to = s.Arrival.Since
	}
	return from.Add(-early), to.Add(early)
}
