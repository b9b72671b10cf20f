// Package endpoint makes the HTTP client of one service outside AWS. It
// promises that a token only ever travels, over verified TLS 1.2 or newer, to
// the host it was configured for. Redirects are not followed. A proxy passes on the
// bytes of that TLS connection and cannot read them. Verification cannot be switched
// off. Addresses of the function's own machine (loopback, link-local, metadata
// services) are refused after DNS, for any name.
package endpoint

import (
	"net/http"
	"time"

	"runecast-ingest/internal/secret"
)

const (
	defaultDial   = 10 * time.Second
	defaultHeader = 5 * time.Minute
	defaultStall  = time.Minute
	// idleConn is how long an unused connection is kept for the next request.
	idleConn = 30 * time.Second
	// maxIdle bounds the idle connections that are kept. There are never more than the
	// most requests that ran at the same time.
	maxIdle = 64
)

// Options are the limits of one client. A zero duration means its default.
type Options struct {
	// AllowLoopback permits loopback addresses: local stacks and tests only.
	AllowLoopback bool
	// Proxy is the proxy that connections go through; the zero value is no proxy.
	Proxy Proxy
	// DialTimeout bounds DNS and TCP together, then a proxy's answer, and then the TLS
	// handshake; default 10 s for each of the three.
	DialTimeout time.Duration
	// HeaderTimeout bounds the wait between the request's last byte and the
	// answer's first; default 5 min, since an appliance may compute for long.
	HeaderTimeout time.Duration
	// StallTimeout bounds the time without a byte while a body is read or a request is
	// written; default 1 min. There is no limit for the whole request: a large
	// body may take as long as its bytes keep coming.
	StallTimeout time.Duration
}

// Client returns a client that trusts what the credential says: the authorities in
// CAPEM instead of the system's, and the key that SPKISHA256 pins. If both are set, both
// must hold; a pin alone takes the place of the authorities and of the host's name. The
// client speaks HTTP/1.1, which never repeats a POST by itself. An error is a
// *fault.Error of class Config.
func Client(cred secret.Credential, o Options) (*http.Client, error) {
	conf, err := tlsConfig(cred)
	if err != nil {
		return nil, err
	}
	dialTimeout, stall := or(o.DialTimeout, defaultDial), or(o.StallTimeout, defaultStall)
	transport := &http.Transport{
		DialContext:           dialer(o), // connects through the proxy: the transport itself has no proxy
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: or(o.HeaderTimeout, defaultHeader),
		IdleConnTimeout:       idleConn,
		MaxIdleConnsPerHost:   maxIdle,
	}
	return &http.Client{
		Transport:     &stallGuard{next: transport, limit: stall},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func or(d, byDefault time.Duration) time.Duration {
	if d == 0 {
		return byDefault
	}
	return d
}
