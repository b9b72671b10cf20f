package openpipeline

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"
)

// lateWriter is a transport that gives up a request whose writing it cannot
// stop any more: it goes out behind the caller's back, and is closed then.
type lateWriter struct{}

func (lateWriter) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	go func() {
		<-r.Context().Done() // the caller has its answer
		trace.WroteHeaders()
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}()
	return nil, context.DeadlineExceeded
}

// Whether a request went out is asked when nobody can send it any more.
func TestRequestThatGoesOutAtTheLastMomentIsInDoubt(t *testing.T) {
	t.Parallel()
	clk := start()
	c := clientOver(t, "http://x.example", &credentials{token: token}, clk, lateWriter{})
	if r := c.Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute)); r.Outcome != Doubt || r.Requests != 1 {
		t.Errorf("outcome %d after %d requests, %v", r.Outcome, r.Requests, r.Err)
	}
}
