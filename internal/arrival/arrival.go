// Package arrival decides when Grail is asked whether the rows of a committed scan
// have arrived, and what the answer means. It is pure. It promises that a scan is
// called proven only if Grail has as many rows of each status as were sent, and the
// scan event, and that an arrival stays unknown until Grail has answered.
package arrival

import (
	"time"

	"runecast-ingest/internal/archive"
)

// When Grail is asked, counted from the acceptance of the scan event. Dynatrace
// documents no time within which an event is stored.
const (
	// FirstLook is the time of the first question. It comes early, for people who wait
	// for the result.
	FirstLook = 5 * time.Minute
	// SecondLook is the time of the second question, the last one about a scan that is
	// proven or over.
	SecondLook = time.Hour
	// LastLook is the time of the last question about a scan that is short. If it is
	// short then, it is reported.
	LastLook = 2 * time.Hour
	// GiveUp is when Grail is not asked any more, even if it has never answered.
	GiveUp = 24 * time.Hour
)

// Expect returns the arrival of a scan whose scan event was accepted at a time, now:
// rows is how many findings were sent of each status, accepted how many of them
// Dynatrace accepted.
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

// Due reports whether Grail is to be asked at a time, now.
func Due(a *archive.Arrival, now time.Time) bool {
	next := Next(a)
	return !next.IsZero() && !now.Before(next) && !Settled(a, now)
}

// Settled reports whether Grail is not to be asked again: there is no next time, or
// GiveUp has passed.
func Settled(a *archive.Arrival, now time.Time) bool {
	return Next(a).IsZero() || now.After(a.Since.Add(GiveUp))
}

// Reported reports whether people are to be told that rows are missing: the scan was
// still short at LastLook or later.
func Reported(a *archive.Arrival) bool {
	return a.State == archive.ArrivalShort && !a.At.Before(a.Since.Add(LastLook))
}

// Found is how many rows of one scan Grail counted.
type Found struct {
	// Rows are the numbers of findings by status.
	Rows map[string]int64
	// ScanEvents is the number of COMPLIANCE_SCAN_COMPLETED events.
	ScanEvents int64
}

// Judge returns an arrival after an answer of Grail that came at a time, now. Missing
// and doubled rows are counted by status. If events are in quarantine, only the totals
// are compared, since nobody keeps the status of those events.
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

// Unanswered returns an arrival after a question without a usable answer. The result of
// an earlier answer stays; an arrival that is unknown takes why as its reason.
func Unanswered(a archive.Arrival, why string) archive.Arrival {
	if a.State == archive.ArrivalUnknown {
		a.Reason = why
	}
	return a
}

// clocksDiffer is by how much the window of a query is wider at each end than the time
// of a generation: the clocks of two invocations may differ.
const clocksDiffer = 2 * time.Minute

// Window returns the time in which the timestamps of a scan's rows lie. A finding is
// stamped when its batch is built, the scan event with the time that was reserved for
// it. The window is as small as possible, since it decides how much Grail reads.
func Window(s *archive.Scan) (from, to time.Time) {
	from, to = s.BegunAt, s.Timestamp
	if s.Arrival != nil && s.Arrival.Since.After(to) {
		to = s.Arrival.Since
	}
	return from.Add(-clocksDiffer), to.Add(clocksDiffer)
}
