package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"runecast-ingest/internal/secret"
)

// Dial connects to the host of u as a Client does: through the same proxy, and refusing
// the same addresses. It does not speak TLS. An error is a *fault.Error.
func Dial(ctx context.Context, u *url.URL, o Options) (net.Conn, error) {
	conn, err := dialer(o)(ctx, "tcp", hostPort(u))
	if err != nil {
		return nil, Explain(err, u.Host)
	}
	return conn, nil
}

// Handshake makes the TLS handshake on a connection of Dial. It trusts what a Client
// with this credential trusts, and returns what was agreed. It takes at most
// o.DialTimeout. An error is a *fault.Error.
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
