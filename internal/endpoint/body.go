package endpoint

import (
	"io"
	"net/http"
	"sync"
)

// Content is the content of a body, to be read from its first byte.
type Content interface {
	io.Reader
	// Len returns the length in bytes. It is called before the first Read.
	Len() int
}

// body is one request's body. net/http may go on reading it after it has returned
// an answer. Its memory is reused, so wait returns only once the body is closed. A
// transport closes every body, also after an error (net/http.RoundTripper). The request
// has no GetBody, so net/http can send the body neither to a redirect nor twice.
type body struct {
	Content
	once   sync.Once
	closed chan struct{}
}

// attach sets the body of a request, and its length.
func attach(req *http.Request, c Content) *body {
	b := &body{Content: c, closed: make(chan struct{})}
	req.Body, req.ContentLength = b, int64(c.Len())
	return b
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// wait returns when nobody reads the body any more.
func (b *body) wait() { <-b.closed }
