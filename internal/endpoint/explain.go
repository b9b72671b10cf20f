package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"runecast-ingest/internal/fault"
)

// reach is the cure if the network does not lead to the host.
const reach = "check that the function's subnets have a route to it and that the security groups on both sides allow the port"

// Explain turns the error of a request to host into a *fault.Error that names
// the cure. A *fault.Error inside err is returned as it is, and nil for nil.
func Explain(err error, host string) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // leaves out method and URL: the host is named anyway
	}
	f := explainTrust(err)
	if f == nil {
		f = explainNetwork(err)
	}
	f.Where = host
	return f
}

// explainTrust returns nil for errors that are not about TLS.
func explainTrust(err error) *fault.Error {
	config := func(what, cure string, cause error) *fault.Error {
		return &fault.Error{Class: fault.Config, What: what, Cure: cure, Err: cause}
	}
	if e, ok := errors.AsType[*pinError](err); ok {
		return config("its key is not the one pinned in the secret", "if the certificate was renewed on purpose, store the new spki_sha256", e)
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		what := "its certificate is signed by an unknown authority"
		if e.Cert != nil {
			what += " (" + e.Cert.Issuer.String() + ")"
		}
		return config(what+presented(err), "put that authority's certificate into the secret as ca_pem, or, if the server itself has a key of this SHA-256, store that as spki_sha256", nil)
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return config("its certificate is for another name"+presented(err), "use the name in the certificate, have it reissued with a subject alternative name, or pin its key as spki_sha256", e)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return config("its certificate is expired or not yet valid", "renew the certificate, or correct the clock", errors.New(validity(e.Cert)))
		}
		return config("its certificate is not valid"+presented(err), "have the certificate reissued, or pin its key as spki_sha256", e)
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return config("its certificate could not be verified"+presented(err), "have the certificate reissued, or pin its key as spki_sha256", e.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return config("it does not speak TLS on this port", "check the port in the URL", nil)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" { // how crypto/tls names an alert
		return config("it refused the TLS handshake", "enable TLS 1.2 or newer there", e.Err)
	}
	return nil
}

// presented returns a clause with the SHA-256 of the key that the server has shown: a
// person compares it with the real key, and may pin it. Empty if it is not known.
func presented(err error) string {
	e, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(e.UnverifiedCertificates) == 0 {
		return ""
	}
	return ", its key's SHA-256 is " + spkiOf(e.UnverifiedCertificates[0])
}

// explainNetwork explains every error that explainTrust does not.
func explainNetwork(err error) *fault.Error {
	retry := func(what, cure string, cause error) *fault.Error {
		return &fault.Error{Class: fault.Retry, What: what, Cure: cure, Err: cause}
	}
	op, _ := errors.AsType[*net.OpError](err)
	dialing := op != nil && op.Op == "dial"
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return &fault.Error{Class: fault.Config, What: "its name does not resolve", Cure: "check the host in the URL, and the DNS of the function's VPC"}
		}
		return retry("its name could not be looked up", "check the DNS of the function's VPC", e)
	}
	switch timeout, ok := errors.AsType[net.Error](err); {
	case errors.Is(err, errStalled):
		return retry("it stopped sending", "look at the load of the server and of the network between", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return retry("it refused the connection", "check the port in the URL, and whether the server is running", nil)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return retry("there is no route to it", reach, nil)
	case dialing && ok && timeout.Timeout():
		return retry("it did not answer the connection attempt", reach, nil)
	case errors.Is(err, context.Canceled), err == context.DeadlineExceeded: //nolint:errorlint // wrapped in a net.Error it is the server's silence, below
		return retry("the time for this invocation was over", "", err)
	case ok && timeout.Timeout():
		return retry("it took the connection but gave no answer in time", "look at the load of the server", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return retry("the connection was cut", "look whether the server or something between was restarted", err)
	}
	return retry("the request failed", "", err)
}
