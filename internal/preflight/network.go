package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/secret"
)

// Route is the way to one endpoint: what earlier steps found, for the later ones.
type Route struct {
	*Common
	// Credentials are this check's alone: nothing is read yet.
	Credentials endpoint.Credentials
	// Credential is what Secret has read.
	Credential secret.Credential
	conn       net.Conn // from TCP, for TLS
}

// NewRoute begins a check.
func (c *Common) NewRoute() *Route { return &Route{Common: c, Credentials: c.Secrets()} }

// HangUp closes the connection.
func (r *Route) HangUp() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

// DNS resolves the endpoint's name.
func (r *Route) DNS(ctx context.Context) Row {
	host := r.URL.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return Passed("the URL names an address, " + host)
	}
	limited, cancel := context.WithTimeout(ctx, ReachTime)
	defer cancel()
	addresses, err := r.Lookup(limited, host)
	if err != nil {
		if !errors.As(err, new(*net.DNSError)) {
			err = &net.DNSError{Err: "no answer", Name: host, IsTimeout: true}
		}
		return Failure(endpoint.Explain(err, host))
	}
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.Unmap().String())
	}
	return Passed(host + " is " + Listed(texts))
}

// TCP connects to the endpoint.
func (r *Route) TCP(ctx context.Context) Row {
	conn, err := endpoint.Dial(ctx, r.URL, r.Limits())
	if err != nil {
		return Failure(err)
	}
	r.conn = conn
	return Passed("connected to " + conn.RemoteAddr().String())
}

// TLS proves who the endpoint is, over the connection that TCP has made.
func (r *Route) TLS(ctx context.Context) Row {
	if r.URL.Scheme != "https" {
		return Warn("the address is plain http", "use https: the token travels readable")
	}
	state, err := endpoint.Handshake(ctx, r.conn, r.URL, r.Credential, r.Limits())
	if err != nil {
		return Failure(err)
	}
	detail, expiry := certificate(state, r.Credential.CAPEM != "")
	if left := expiry.Sub(r.Now()); left < ExpirySoon {
		return Warn(fmt.Sprintf("%s: %d days left", detail, left/(24*time.Hour)),
			"renew the certificate in time; with ca_pem or spki_sha256 in the secret, store the new one there on the same day")
	}
	return Passed(detail)
}

// certificate describes who vouches for whom, and until when.
func certificate(state tls.ConnectionState, private bool) (string, time.Time) {
	leaf := state.PeerCertificates[0]
	chain := []*x509.Certificate{leaf}
	trust := "trusted by the pinned key alone, issued by " + leaf.Issuer.String()
	if len(state.VerifiedChains) > 0 {
		chain = state.VerifiedChains[0]
		trust = "a public authority, "
		if private {
			trust = "the authority in the secret, "
		}
		trust = "trusted by " + trust + chain[len(chain)-1].Subject.String()
	}
	first := leaf
	for _, cert := range chain {
		if cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{"no name"}
	}
	until := "valid until " + first.NotAfter.UTC().Format(time.DateOnly)
	if first != leaf {
		until = "its authority " + first.Subject.String() + " is " + until
	}
	return fmt.Sprintf("%s; for %s; %s; %s", tls.VersionName(state.Version), Listed(names), trust, until), first.NotAfter
}
