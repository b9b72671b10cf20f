package openpipeline

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"
)

// lateWriter is a transport that gives up a request while another goroutine still writes
// it: the request goes out after RoundTrip has returned, and its body is closed then.
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

// It is decided whether a request went out only when nothing can send it any more.
func TestRequestThatGoesOutAtTheLastMomentIsInDoubt(t *testing.T) {
	t.Parallel()
	clk := start()
	c := clientOver(t, "http://x.example", &credentials{token: token}, clk, lateWriter{})
	if r := c.Send(t.Context(), []byte(`[{}]`), clk.now.Add(time.Minute)); r.Outcome != Doubt || r.Requests != 1 {
		t.Errorf("outcome %d after %d requests, %v", r.Outcome, r.Requests, r.Err)
	}
}
