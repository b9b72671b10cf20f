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

// route is the way to one endpoint: what earlier steps found, for the later ones.
type route struct {
	*Common
	credentials endpoint.Credentials // of this check alone
	cred        secret.Credential    // from secret
	conn        net.Conn             // from tcp, for tls
}

// route begins anew, with nothing read yet.
func (c *Common) route() route { return route{Common: c, credentials: c.Secrets()} }

func (r *route) hangUp() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

func (r *route) dns(ctx context.Context) Row {
	host := r.URL.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return ok("the URL names an address, " + host)
	}
	limited, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	addresses, err := r.Lookup(limited, host)
	if err != nil {
		if !errors.As(err, new(*net.DNSError)) {
			err = &net.DNSError{Err: "no answer", Name: host, IsTimeout: true}
		}
		return failed(endpoint.Explain(err, host))
	}
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.Unmap().String())
	}
	return ok(host + " is " + listed(texts))
}

func (r *route) tcp(ctx context.Context) Row {
	conn, err := endpoint.Dial(ctx, r.URL, r.limits())
	if err != nil {
		return failed(err)
	}
	r.conn = conn
	return ok("connected to " + conn.RemoteAddr().String())
}

func (r *route) tls(ctx context.Context) Row {
	if r.URL.Scheme != "https" {
		return warning("the address is plain http", "use https: the token travels readable")
	}
	state, err := endpoint.Handshake(ctx, r.conn, r.URL, r.cred, r.limits())
	if err != nil {
		return failed(err)
	}
	detail, expiry := certificate(state, r.cred.CAPEM != "")
	if left := expiry.Sub(r.Now()); left < expirySoon {
		return warning(fmt.Sprintf("%s: %d days left", detail, left/(24*time.Hour)),
			"renew the certificate in time; with ca_pem or spki_sha256 in the secret, store the new one there on the same day")
	}
	return ok(detail)
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
	return fmt.Sprintf("%s; for %s; %s; %s", tls.VersionName(state.Version), listed(names), trust, until), first.NotAfter
}
