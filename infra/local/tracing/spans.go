package tracing

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// maxSpans is how many segments and subsegments are kept, some 300 bytes each.
const maxSpans = 1000

// Span is a segment or subsegment that has arrived.
type Span struct {
	// Trace is the id of its trace, which is one invocation of a function.
	Trace, Name string
	Start, End  time.Time
	// Depth is the number of subsegments that it is nested in.
	Depth int
	// Annotations can be searched for in X-Ray.
	Annotations map[string]string
	// Failure is fault, error or throttle, "" if it succeeded.
	Failure string
}

// Spans returns the first maxSpans that arrived, trace by trace in the order of
// their starts, and how many more there were.
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
	// Stable, because what is nested follows what it is nested in.
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(began[a.Trace].Compare(began[b.Trace]), cmp.Compare(a.Trace, b.Trace))
	})
	return spans, more
}

// keep keeps a document and what is nested in it.
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

// texts returns the annotations that are strings; numbers and booleans may be, too.
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

// instant reads X-Ray's time, seconds with a fraction, as exact as a float has it.
func instant(seconds float64) time.Time {
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).Round(time.Microsecond).UTC()
}
