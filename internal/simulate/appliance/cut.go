package appliance

import (
	"net/http"
	"path"
	"sync"
)

// Cut says which answer breaks off, and where.
type Cut struct {
	// Path is the request's path without its query; * stands for one segment or
	// a part of it, as in package path.
	Path string
	// Call is which request for Path it is, 1 being the first; 0 means each.
	Call int
	// After is how many bytes of the body arrive, as they go over the wire. At 0
	// not even the status arrives, unless Quiet is set. The request is carried out
	// in any case.
	After int64
	// Quiet ends the answer there as if it were whole, as a faulty proxy does.
	// Without it the connection breaks.
	Quiet bool
}

// CutAfter returns a handler that passes requests to next and breaks off the answers
// that match; the first cut that matches counts. It breaks a connection by a panic
// with http.ErrAbortHandler, which servers of net/http know. It is safe for
// concurrent use if next is.
func CutAfter(next http.Handler, cuts ...Cut) http.Handler {
	calls := make([]int, len(cuts))
	var mu sync.Mutex
	find := func(r *http.Request) (found Cut, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		for i, cut := range cuts {
			if matches, err := path.Match(cut.Path, r.URL.Path); err != nil || !matches {
				continue
			}
			calls[i]++
			if !ok && (cut.Call == 0 || cut.Call == calls[i]) {
				found, ok = cut, true
			}
		}
		return found, ok
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cut, ok := find(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		writer := &cutWriter{ResponseWriter: w, left: cut.After, quiet: cut.Quiet}
		next.ServeHTTP(writer, r)
		if !cut.Quiet { // the body had no more than After bytes: break behind it
			writer.abort()
		}
	})
}

// cutWriter passes on the first bytes of a body, left in number.
type cutWriter struct {
	http.ResponseWriter
	left  int64
	quiet bool
	begun bool
}

// Write reports all bytes as written, so that the handler does not notice a quiet cut.
func (c *cutWriter) Write(p []byte) (int, error) {
	begin := p[:min(int64(len(p)), c.left)]
	c.left -= int64(len(begin))
	if len(begin) > 0 {
		c.begun = true
		if n, err := c.ResponseWriter.Write(begin); err != nil {
			return n, err
		}
	}
	if len(begin) < len(p) && !c.quiet {
		c.abort()
	}
	return len(p), nil
}

// abort sends what was written so far, and breaks the connection.
func (c *cutWriter) abort() {
	if c.begun {
		_ = http.NewResponseController(c.ResponseWriter).Flush() // the connection ends in any case
	}
	panic(http.ErrAbortHandler)
}
