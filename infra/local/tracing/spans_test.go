package tracing

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/google/go-cmp/cmp"
)

func TestTheSDKsSpansAreKept(t *testing.T) {
	t.Parallel()
	s := listen(t)
	before := time.Now().Truncate(time.Microsecond)
	ctx, segment := xray.BeginSegment(traced(t, s), "forwarder")
	_ = xray.Capture(ctx, "deliver", func(ctx context.Context) error {
		_ = xray.AddAnnotation(ctx, "key", "raw/a.json.gz")
		_ = xray.AddAnnotation(ctx, "generation", 1)
		return xray.Capture(ctx, "post", func(context.Context) error { return errors.New("refused") })
	})
	segment.Close(nil)
	await(t, s, 1, Stats{Segments: 1, Subsegments: 2, Faults: 2, Traces: 1})
	spans, more := s.Spans()
	var got []string
	for _, span := range spans {
		if span.Trace != segment.TraceID || span.Start.Before(before) || span.End.Before(span.Start) || span.End.After(time.Now().Add(time.Microsecond)) {
			t.Errorf("%+v", span)
		}
		got = append(got, fmt.Sprintf("%d %s %v %s", span.Depth, span.Name, span.Annotations, span.Failure))
	}
	if d := cmp.Diff([]string{"0 forwarder map[] ", "1 deliver map[key:raw/a.json.gz] fault", "2 post map[] fault"}, got); d != "" || more != 0 {
		t.Error(d, more)
	}
}

// segment returns a packet of the trace n: a segment that begins in this second, with one
// subsegment.
func segment(n, second int) []byte {
	return fmt.Appendf(nil, `{"format":"json","version":1}`+"\n"+`{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-6b02fba2-%024x","start_time":%d.25,
		"throttle":true,"subsegments":[{"name":"b","start_time":%d.5,"end_time":%d.75,"error":true}]}`, n, second, second, second)
}

func TestSpansAreInTheOrderOfTheirTraces(t *testing.T) {
	t.Parallel()
	s := listen(t)
	for _, p := range []struct{ n, second int }{{1, 30}, {2, 10}, {1, 20}, {3, 20}} {
		s.take(segment(p.n, p.second))
	}
	spans, _ := s.Spans()
	var got []string
	for _, span := range spans {
		got = append(got, fmt.Sprintf("%s %s %s %d-%d", span.Trace[len(span.Trace)-1:], span.Name, span.Failure, span.Start.UnixMilli(), span.End.UnixMilli()))
	}
	if d := cmp.Diff([]string{
		"2 a throttle 10250-10250", "2 b error 10500-10750",
		"1 a throttle 30250-30250", "1 b error 30500-30750", "1 a throttle 20250-20250", "1 b error 20500-20750",
		"3 a throttle 20250-20250", "3 b error 20500-20750",
	}, got); d != "" {
		t.Error(d)
	}
}

func TestNoMoreSpansAreKeptThanAreLookedAt(t *testing.T) {
	t.Parallel()
	s := listen(t)
	for i := range maxSpans {
		s.take(segment(i, i+1))
	}
	if spans, more := s.Spans(); len(spans) != maxSpans || more != maxSpans {
		t.Errorf("%d spans and %d more, want %d and %d", len(spans), more, maxSpans, maxSpans)
	}
}
