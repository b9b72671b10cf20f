// Package endpoint makes the HTTP client of one service outside AWS. It
// promises that a token only ever travels, over verified TLS 1.2 or newer, to
// the host it was configured for: redirects are not followed, a proxy passes the
// bytes of that TLS on and sees nothing else, verification cannot be switched off,
// and addresses that belong to the function's own machine (loopback, link-local,
// metadata services) are refused after DNS, whatever name led to them.
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
	// maxIdle bounds the connections kept; there are never more than requests
	// that once ran at the same time.
	maxIdle = 64
)

// Options are the limits of one client. A zero duration means its default.
type Options struct {
	// AllowLoopback permits loopback addresses: local stacks and tests only.
	AllowLoopback bool
	// Proxy is what connections go through.
	Proxy Proxy
	// DialTimeout bounds DNS and TCP together, a proxy's answer and TLS once more
	// each; default 10 s.
	DialTimeout time.Duration
	// HeaderTimeout bounds the wait between the request's last byte and the
	// answer's first; default 5 min, since an appliance may compute for long.
	HeaderTimeout time.Duration
	// StallTimeout bounds the silence while a body is read or a request is
	// written; default 1 min. There is no limit for the whole request: a large
	// body may take as long as it keeps moving.
	StallTimeout time.Duration
}

// Client makes a client that trusts what the credential says: the authorities
// in CAPEM instead of the system's, and the key whose SPKISHA256 is given.
// Both together must both hold. The client speaks HTTP/1.1, which never
// repeats a POST by itself. An error is a *fault.Error of class Config.
func Client(cred secret.Credential, o Options) (*http.Client, error) {
	conf, err := tlsConfig(cred)
	if err != nil {
		return nil, err
	}
	dialTimeout, stall := or(o.DialTimeout, defaultDial), or(o.StallTimeout, defaultStall)
	transport := &http.Transport{
		DialContext:           dialer(o), // through the proxy, if there is one: the transport knows of none
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
