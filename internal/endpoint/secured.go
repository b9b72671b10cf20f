package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// maxRecord is how much of a body a record of TLS holds.
	maxRecord = 16 << 10
	// atOnce is how much of a body is handed to TLS at once, and how much of what
	// TLS makes of it to the network: without, each record would be a write.
	atOnce = 16 * maxRecord
	// perRecord is more than what TLS adds to a record.
	perRecord = 64
)

// errHandshake reports a server that took a connection, and did not agree on the
// terms of TLS in time.
var errHandshake error = &handshakeTimeout{}

type handshakeTimeout struct{}

func (*handshakeTimeout) Error() string   { return "TLS handshake timed out" }
func (*handshakeTimeout) Timeout() bool   { return true }
func (*handshakeTimeout) Temporary() bool { return false }

// secure speaks TLS over the connections of dial, as a transport does it by itself,
// but writes large bodies in large pieces.
func secure(dial dialFunc, conf *tls.Config, limit time.Duration) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		plain, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		named := conf.Clone()
		named.ServerName = host
		below := &gathering{Conn: plain}
		conn := &secured{Conn: tls.Client(below, named), below: below}
		if err := conn.handshake(ctx, limit); err != nil {
			_ = plain.Close()
			return nil, err
		}
		return conn, nil
	}
}

// secured is a connection of TLS.
type secured struct {
	*tls.Conn
	below *gathering
	piece []byte // of a body; only one is sent at a time
}

func (c *secured) handshake(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errHandshake)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errHandshake) {
		return errHandshake
	}
	return err
}

// ReadFrom sends a body to its end. What net/http writes of a request before is
// at most what it buffers.
func (c *secured) ReadFrom(r io.Reader) (sent int64, err error) {
	if c.piece == nil {
		c.piece = make([]byte, atOnce)
	}
	for {
		n, end := io.ReadFull(r, c.piece)
		if n > 0 {
			written, err := c.send(c.piece[:n])
			if sent += int64(written); err != nil {
				return sent, err
			}
		}
		switch {
		case errors.Is(end, io.EOF), errors.Is(end, io.ErrUnexpectedEOF):
			return sent, nil
		case end != nil:
			return sent, end
		}
	}
}

// send writes a piece, and returns when the network has taken it.
func (c *secured) send(piece []byte) (int, error) {
	c.below.gather()
	n, err := c.Conn.Write(piece)
	if failed := c.below.flush(); err == nil && failed != nil {
		return 0, failed
	}
	return n, err
}

// gathering is what TLS writes its records to. Between gather and flush they are
// kept, to be written at once.
type gathering struct {
	net.Conn

	mu    sync.Mutex
	kept  []byte
	keeps bool
	err   error // of a write of what was kept; sticky, since TLS does not know of it
}

func (g *gathering) gather() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keeps = true
}

// Write keeps a record, or writes it.
func (g *gathering) Write(record []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	if !g.keeps {
		return g.Conn.Write(record)
	}
	if g.kept == nil {
		g.kept = make([]byte, 0, atOnce+atOnce/maxRecord*perRecord)
	}
	if len(g.kept)+len(record) > cap(g.kept) {
		if err := g.write(); err != nil {
			return 0, err
		}
	}
	g.kept = append(g.kept, record...)
	return len(record), nil
}

// flush writes what was kept.
func (g *gathering) flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keeps = false
	if g.err != nil {
		return g.err
	}
	return g.write()
}

func (g *gathering) write() error {
	if len(g.kept) > 0 {
		_, g.err = g.Conn.Write(g.kept)
		g.kept = g.kept[:0]
	}
	return g.err
}
