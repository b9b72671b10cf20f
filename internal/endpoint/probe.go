package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"runecast-ingest/internal/secret"
)

// Dial connects to an endpoint's host as its Client does: by the same dialer,
// through the same proxy and with the same refusals. Errors are *fault.Error.
func Dial(ctx context.Context, u *url.URL, o Options) (net.Conn, error) {
	conn, err := dialer(o)(ctx, "tcp", hostPort(u))
	if err != nil {
		return nil, Explain(err, u.Host)
	}
	return conn, nil
}

// Handshake speaks TLS over a connection of Dial's, trusting what a Client with
// this credential trusts, and reports what was agreed. It takes DialTimeout at
// most. Errors are *fault.Error.
func Handshake(ctx context.Context, conn net.Conn, u *url.URL, cred secret.Credential, o Options) (tls.ConnectionState, error) {
	conf, err := tlsConfig(cred)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	conf.ServerName = u.Hostname()
	if err := conn.SetReadDeadline(time.Now().Add(or(o.DialTimeout, defaultDial))); err != nil {
		return tls.ConnectionState{}, Explain(err, u.Host)
	}
	client := tls.Client(conn, conf)
	if err := client.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, Explain(err, u.Host)
	}
	return client.ConnectionState(), nil
}
