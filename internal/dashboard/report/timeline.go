package report

import (
	"fmt"
	"slices"
	"time"
)

// timeline is the spans on one axis of time, which begins with the first span and
// ends with the last.
type timeline struct {
	From   time.Time
	Length string
	Lanes  []lane
}

// lane is a span on the axis: where it begins and how long it is, in percent
// of the axis and in words.
type lane struct {
	Span
	At, Share     string
	Offset, Took  string
	TraceTail     string
	ContinuesPrev bool // it belongs to the trace of the lane above
}

// tail is how many characters of a trace id are shown, from its end: enough to tell
// it from others.
const tail = 8

// least is the smallest share of the axis that a span is drawn with, about a pixel.
// Without it, most requests of a run of minutes would not be seen.
const least = 0.002

func newTimeline(spans []Span) timeline {
	if len(spans) == 0 {
		return timeline{}
	}
	from := slices.MinFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) }).Start
	to := slices.MaxFunc(spans, func(a, b Span) int { return a.End.Compare(b.End) }).End
	all := max(to.Sub(from), time.Microsecond)
	t := timeline{From: from, Length: took(all)}
	for i, s := range spans {
		offset, length := s.Start.Sub(from), max(s.End.Sub(s.Start), 0)
		t.Lanes = append(t.Lanes, lane{
			Span: s, At: percent(float64(offset) / float64(all)), Share: percent(max(float64(length)/float64(all), least)),
			Offset: took(offset), Took: took(length), TraceTail: s.Trace[max(0, len(s.Trace)-tail):],
			ContinuesPrev: i > 0 && spans[i-1].Trace == s.Trace,
		})
	}
	return t
}

// took writes a length of time in milliseconds, from 1 s on in seconds, and from 2
// minutes on in minutes and seconds.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < 2*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
