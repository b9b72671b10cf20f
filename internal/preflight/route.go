package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// Route is the way to one outside service in one check. It keeps what earlier steps have
// found for later ones.
type Route struct {
	*Settings
	// Credentials are those of this check alone.
	Credentials endpoint.Credentials
	// Cred is what the step Secret has read.
	Cred secret.Credential

	conn net.Conn // opened by the step TCP, used by the step TLS
}

// Route returns the way for a new check; nothing is read yet.
func (s *Settings) Route() Route { return Route{Settings: s, Credentials: s.Secrets()} }

// HangUp closes the connection that the steps have opened.
func (r *Route) HangUp() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

// Secret reads the secret, and keeps the credential in it.
func (r *Route) Secret(ctx context.Context) Row {
	limited, cancel := context.WithTimeout(ctx, ReachTime)
	defer cancel()
	cred, err := r.Credentials.Get(limited)
	if limited.Err() != nil && err != nil {
		return Fail("Secrets Manager did not answer in "+ReachTime.String(),
			fmt.Sprintf("in a VPC, add the interface endpoint com.amazonaws.%s.secretsmanager to the function's subnets, with private DNS, or a NAT gateway", r.Region))
	}
	if err != nil {
		row := FailedBy(err)
		row.Cure = strings.ReplaceAll(row.Cure, "<region>", r.Region)
		return row
	}
	r.Cred = cred
	detail := "readable: a token"
	if cred.CAPEM != "" {
		detail += ", an authority (ca_pem)"
	}
	if cred.SPKISHA256 != "" {
		detail += ", a pinned key (spki_sha256)"
	}
	return Passed(detail)
}

// S3 returns a row about an error of S3; ctx is the context of the call, whose time limit
// was ReachTime.
func (r *Route) S3(ctx context.Context, err error) Row {
	gateway := fmt.Sprintf("in a VPC, add the gateway endpoint com.amazonaws.%s.s3 to the route tables of the function's subnets, or a NAT gateway", r.Region)
	if ctx.Err() != nil {
		return Fail("S3 did not answer in "+ReachTime.String(), gateway)
	}
	row := FailedBy(err)
	if row.Cure == "" && fault.ClassOf(err) == fault.Retry {
		row.Cure = gateway
	}
	return row
}

// DNS looks up the host of the outside service or, if there is a proxy, the proxy's: the
// proxy looks the host up itself.
func (r *Route) DNS(ctx context.Context) Row {
	host, by := r.URL.Hostname(), ""
	proxy, err := r.Proxy.Of(r.URL)
	if err != nil {
		return FailedBy(err)
	}
	if proxy != nil {
		host, by = proxy.Hostname(), ", the proxy, which looks "+host+" up itself"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return Passed("the URL names an address, " + host + by)
	}
	limited, cancel := context.WithTimeout(ctx, ReachTime)
	defer cancel()
	addresses, err := r.Lookup(limited, host)
	if err != nil {
		if !errors.As(err, new(*net.DNSError)) {
			err = &net.DNSError{Err: "no answer", Name: host, IsTimeout: true}
		}
		return FailedBy(endpoint.Explain(err, host))
	}
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.Unmap().String())
	}
	return Passed(host + " is " + Listed(texts) + by)
}

// TCP connects to the outside service, directly or through the proxy.
func (r *Route) TCP(ctx context.Context) Row {
	conn, err := endpoint.Dial(ctx, r.URL, r.Limits())
	if err != nil {
		return FailedBy(err)
	}
	r.conn = conn
	if proxy, err := r.Proxy.Of(r.URL); err == nil && proxy != nil {
		return Passed("connected to the proxy " + conn.RemoteAddr().String() + ", and by it to " + r.URL.Host)
	}
	return Passed("connected to " + conn.RemoteAddr().String())
}

// TLS makes the TLS handshake over the connection of the step TCP, and judges the
// certificate.
func (r *Route) TLS(ctx context.Context) Row {
	if r.URL.Scheme != "https" {
		return Warn("the address is plain http", "use https: the token travels readable")
	}
	state, err := endpoint.Handshake(ctx, r.conn, r.URL, r.Cred, r.Limits())
	if err != nil {
		row := FailedBy(err)
		if proxy, err := r.Proxy.Of(r.URL); err == nil && proxy != nil {
			row.Cure += "; if it is the proxy's certificate, have the proxy pass this host on without opening its TLS: the token stands in it"
		}
		return row
	}
	detail, expiry := certificate(state, r.Cred.CAPEM != "")
	if left := expiry.Sub(r.Now()); left < ExpirySoon {
		return Warn(fmt.Sprintf("%s: %d days left", detail, left/(24*time.Hour)),
			"renew the certificate in time; with ca_pem or spki_sha256 in the secret, store the new one there on the same day")
	}
	return Passed(detail)
}

// certificate returns the description of a server's certificate, and when the first
// certificate of its chain expires. private says that the authority is the secret's.
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
