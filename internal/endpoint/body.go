package endpoint

import (
	"io"
	"net/http"
	"sync"
)

// Content is what a body says, from its beginning.
type Content interface {
	io.Reader
	// Len is how many bytes are not read yet.
	Len() int
}

// body is one request's body. net/http may go on reading it after it has given
// an answer; its memory is reused, so it must be closed before the next batch
// is written there. A transport closes every body, also after an error
// (net/http.RoundTripper). It has no GetBody: a redirect cannot ask for it
// again, and no request is repeated behind our back.
type body struct {
	Content
	once   sync.Once
	closed chan struct{}
}

// attach sets the body of a request.
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
