package endpoint

import (
	"bytes"
	"net/http"
	"sync"
)

// body is one request's body. net/http may go on reading it after it has given
// an answer; its memory is reused, so it must be closed before the next batch
// is written there. A transport closes every body, also after an error
// (net/http.RoundTripper). It has no GetBody: a redirect cannot ask for it
// again, and no request is repeated behind our back.
type body struct {
	*bytes.Reader
	once   sync.Once
	closed chan struct{}
}

// attach sets the body of a request.
func attach(req *http.Request, text []byte) *body {
	b := &body{Reader: bytes.NewReader(text), closed: make(chan struct{})}
	req.Body, req.ContentLength = b, int64(len(text))
	return b
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// wait returns when nobody reads the body any more.
func (b *body) wait() { <-b.closed }
