package deliver

import (
	"context"
	"sync"

	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// sent counts the requests of a delivery in this invocation.
type sent struct {
	mu       sync.Mutex
	requests int64
	// bytes of the bodies that were accepted.
	bytes   int64
	retried openpipeline.Retries
}

func (s *sent) totals() (requests, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.bytes
}

func (s *sent) add(r openpipeline.Result, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests += r.Requests
	s.retried.Add(r.Retried)
	if r.Outcome == openpipeline.Accepted {
		s.bytes += int64(size)
	}
}

// count adds a request that is not a pipeline's to the scan's figures.
func (t *target) count(r openpipeline.Result, body []byte) {
	t.scan.Requests += r.Requests
	if r.Outcome == openpipeline.Accepted {
		t.scan.Bytes += int64(len(body))
	}
}

// send posts a body, in a subsegment of the trace.
func (d *delivery) send(ctx context.Context, body []byte) openpipeline.Result {
	var r openpipeline.Result
	_ = telemetry.Trace(ctx, "send", func(ctx context.Context) error {
		r = d.f.o.Sender.Send(ctx, body, d.win.Soft)
		return r.Err
	})
	d.sent.add(r, len(body))
	return r
}
