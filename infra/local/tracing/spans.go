package tracing

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// maxSpans is how many segments and subsegments are kept at most, some 300 bytes each.
const maxSpans = 1000

// Span is a segment or subsegment that has arrived.
type Span struct {
	// Trace is the id of the trace, which is one invocation of a function.
	Trace, Name string
	// Start and End are equal while the work is in progress.
	Start, End time.Time
	// Depth is the number of segments and subsegments that it is nested in.
	Depth int
	// Annotations are the annotations that are strings, by their keys.
	Annotations map[string]string
	// Failure is "fault", "error" or "throttle", "" if it succeeded.
	Failure string
}

// Spans returns the first spans that arrived, 1,000 at most, trace by trace in the
// order in which the traces began, and how many more arrived.
func (s *Sink) Spans() (spans []Span, more int) {
	s.mu.Lock()
	spans, more = slices.Clone(s.spans), s.stats.Segments+s.stats.Subsegments-len(s.spans)
	s.mu.Unlock()
	began := map[string]time.Time{} // by trace
	for _, span := range spans {
		if first, known := began[span.Trace]; !known || span.Start.Before(first) {
			began[span.Trace] = span.Start
		}
	}
	// The sort is stable, so that a nested span stays behind the one that it is nested in.
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(began[a.Trace].Compare(began[b.Trace]), cmp.Compare(a.Trace, b.Trace))
	})
	return spans, more
}

// keep adds a document, and those nested in it, to the spans while there is room.
func (s *Sink) keep(d document, trace string, depth int) {
	if len(s.spans) == maxSpans {
		return
	}
	s.spans = append(s.spans, Span{
		Trace: trace, Name: d.Name, Depth: depth, Start: instant(d.StartTime), End: instant(max(d.StartTime, d.EndTime)),
		Annotations: d.texts(), Failure: d.failure(),
	})
	for _, inner := range d.Subsegments {
		s.keep(inner, trace, depth+1)
	}
}

// texts returns the annotations that are strings; X-Ray also allows numbers and
// booleans, which are left out.
func (d document) texts() map[string]string {
	texts := map[string]string{}
	for key, value := range d.Annotations {
		if text, ok := value.(string); ok {
			texts[key] = text
		}
	}
	return texts
}

func (d document) failure() string {
	switch {
	case d.Throttle:
		return "throttle"
	case d.Fault:
		return "fault"
	case d.Error:
		return "error"
	}
	return ""
}

// instant returns the time of seconds since 1970, rounded to a microsecond: a
// float64 holds no more of a present time.
func instant(seconds float64) time.Time {
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).Round(time.Microsecond).UTC()
}
