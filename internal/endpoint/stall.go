package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// errStalled says that a connection was open and moved no byte for too long.
var errStalled = errors.New("no data moved")

// stallConn limits how long one write may block: an upload whose peer stopped
// reading would otherwise hang until TCP gives up, a quarter of an hour later.
type stallConn struct {
	net.Conn
	limit time.Duration
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// stallGuard limits the silence while an answer's body is read. Only time
// spent inside Read counts, so a slow consumer is no stall.
type stallGuard struct {
	next  *http.Transport
	limit time.Duration
}

// RoundTrip makes the request, and returns an answer whose body a stall ends.
func (g *stallGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	resp, err := g.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &stallBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, limit: g.limit}
	b.timer = time.AfterFunc(g.limit, func() { cancel(fmt.Errorf("%w for %s", errStalled, g.limit)) })
	b.timer.Stop()
	resp.Body = b
	return resp, nil
}

// CloseIdleConnections closes idle connections; http.Client.CloseIdleConnections calls it.
func (g *stallGuard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// stallBody is a body that ends with errStalled if one Read takes longer than limit.
type stallBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // a body lives as long as its request
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (b *stallBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); errors.Is(cause, errStalled) {
			err = cause
		}
	}
	return n, err
}

func (b *stallBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
