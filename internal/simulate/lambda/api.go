package lambda

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// invocation is one call of the function.
type invocation struct {
	id, trace string
	payload   []byte
	deadline  time.Time // set just before the process gets the invocation
}

func newInvocation(payload []byte) *invocation {
	random := make([]byte, 20)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return &invocation{
		id: uuid.NewString(),
		trace: fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=1",
			time.Now().Unix(), hex.EncodeToString(random[:12]), hex.EncodeToString(random[12:])),
		payload: payload,
	}
}

// api returns the handler of the Runtime API,
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (in *instance) api() http.Handler {
	const root = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"/invocation/next", in.next)
	mux.HandleFunc("POST "+root+"/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { in.answer(w, r, false) })
	mux.HandleFunc("POST "+root+"/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { in.answer(w, r, true) })
	mux.HandleFunc("POST "+root+"/init/error", in.initError)
	return mux
}

// next blocks until there is an invocation. By its first call the process also tells
// that it is ready, by each later one that the previous invocation is over.
func (in *instance) next(w http.ResponseWriter, r *http.Request) {
	select {
	case in.polls <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	select {
	case inv := <-in.work:
		in.mu.Lock()
		in.current = inv
		in.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", in.arn)
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.payload) // it fails only if the process is gone, which serve notices
	case <-r.Context().Done():
	}
}

// answer takes the response or the error of the current invocation, once.
func (in *instance) answer(w http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	tooLarge := errors.As(err, new(*http.MaxBytesError))
	if err != nil && !tooLarge {
		return // cut off: the process is ending
	}
	in.mu.Lock()
	inv := in.current
	if inv != nil && inv.id == r.PathValue("id") {
		in.current = nil
	} else {
		inv = nil
	}
	in.mu.Unlock()
	switch {
	case inv == nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the request id is not that of the invocation under way")
	case tooLarge:
		in.report(report{failed: true, over: true, payload: errorPayload("Function.ResponseSizeTooLarge",
			fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse))})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is over the payload limit")
	default:
		in.report(report{payload: body, failed: failed})
		w.WriteHeader(http.StatusAccepted)
	}
}

// initError takes the reason why the process cannot start; it ends next.
func (in *instance) initError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		return
	}
	in.report(report{payload: body, failed: true, over: true})
	w.WriteHeader(http.StatusAccepted)
}

// report passes on what the process said, and reads its peak memory while it still
// lives. It drops a report that comes while another one still waits to be read.
func (in *instance) report(r report) {
	in.peakMemory()
	select {
	case in.reports <- r:
	default:
	}
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorPayload(kind, message))
}
