package endpoint

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"runecast-ingest/internal/fault"
)

// maxConnectAnswer bounds what is read of a proxy's answer to CONNECT, in bytes.
const maxConnectAnswer = 16 << 10

// Proxy is an HTTP proxy between the function and a service. It is asked by CONNECT to
// pass bytes on to one host and port. It learns these two and nothing else, since TLS is
// spoken through it with the service itself. The zero value is no proxy.
type Proxy struct {
	// To returns the proxy for an https address, nil if that needs none; a nil function:
	// no address needs one.
	To func(*url.URL) (*url.URL, error)
	// Authorities are trusted for the certificate of a proxy whose address begins with
	// https; nil: the system's are.
	Authorities *x509.CertPool
}

// EnvironmentProxy returns the proxy that HTTPS_PROXY names, for all hosts except those
// in NO_PROXY. The AWS SDK follows the same rules in the same process: both ask
// http.ProxyFromEnvironment, which reads the variables once and never uses a
// proxy for a loopback address. bundle is the path of a PEM file with the authorities of
// a proxy that speaks TLS; empty: the system's. An error is a *fault.Error of class
// Config.
func EnvironmentProxy(bundle string) (Proxy, error) {
	p := Proxy{To: func(u *url.URL) (*url.URL, error) { return http.ProxyFromEnvironment(&http.Request{URL: u}) }}
	if bundle == "" {
		return p, nil
	}
	text, err := os.ReadFile(bundle)
	if err != nil {
		return p, &fault.Error{Class: fault.Config, Where: "AWS_CA_BUNDLE", What: "the bundle of authorities cannot be read", Err: err,
			Cure: "put it into the layer as ca.pem, at its top"}
	}
	p.Authorities = x509.NewCertPool()
	if !p.Authorities.AppendCertsFromPEM(text) {
		return p, &fault.Error{Class: fault.Config, Where: "AWS_CA_BUNDLE", What: bundle + " holds no certificate",
			Cure: "put the authorities there in PEM, each from its BEGIN to its END line"}
	}
	return p, nil
}

// Of returns the proxy for an address; nil if it needs none. An error is a *fault.Error
// of class Config.
func (p Proxy) Of(u *url.URL) (*url.URL, error) {
	if p.To == nil {
		return nil, nil //nolint:nilnil // no proxy is no error
	}
	proxy, err := p.To(u)
	if err != nil { // err is left out: its text may quote a login in the proxy's address
		return nil, &fault.Error{Class: fault.Config, Where: "HTTPS_PROXY", What: "the proxy's address cannot be used", Cure: "write it as http://proxy.example:3128"}
	}
	return proxy, nil
}

// through connects to a proxy by dial, and asks it for a connection to target, a host and
// port. limit bounds the proxy's answer. An error names the proxy as the place, also if
// the proxy does not reach the target; nothing was then sent to the target.
func (p Proxy) through(ctx context.Context, dial dialFunc, proxy *url.URL, target string, limit time.Duration) (net.Conn, error) {
	where := "proxy " + proxy.Host
	conn, err := dial(ctx, "tcp", hostPort(proxy))
	if err != nil {
		return nil, Explain(err, where)
	}
	_ = conn.SetReadDeadline(time.Now().Add(limit)) // fails only on a closed connection: then the next read fails
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if proxy.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname(), RootCAs: p.Authorities})
	}
	err = connect(conn, target)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, explainProxy(err, where)
	}
	return conn, conn.SetReadDeadline(time.Time{})
}

// explainProxy explains an error of the connection to a proxy, or its refusal, as an
// error of the proxy.
func explainProxy(err error, where string) error {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault.Error{Class: fault.Config, Where: where, What: "its certificate is not trusted" + presented(err), Err: e.Err,
			Cure: "put its authority into the bundle of CaBundleLayerArn, or write its address with http: what it carries is TLS all the same"}
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Where == "" {
		f.Where = where
	}
	return Explain(err, where)
}

// connect sends CONNECT for a target, and reads the answer.
func connect(conn net.Conn, target string) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target); err != nil {
		return err
	}
	answer := bufio.NewReader(io.LimitReader(conn, maxConnectAnswer))
	first, err := answer.Peek(len("HTTP/"))
	switch {
	case len(first) == 0 && errors.Is(err, io.EOF):
		return &fault.Error{Class: fault.Retry, What: "it closed the connection instead of an answer to CONNECT", Cure: "look whether it is being restarted; else check its port, and whether its address begins with http or https"}
	case len(first) == 0 && err != nil:
		return err
	case string(first) != "HTTP/":
		return &fault.Error{Class: fault.Config, What: "what answers there is no HTTP proxy", Cure: "check the proxy's port, and whether its address begins with http or https"}
	}
	res, err := http.ReadResponse(answer, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	_ = res.Body.Close() // only the status counts
	switch {
	case res.StatusCode == http.StatusOK && answer.Buffered() == 0:
		return nil
	case res.StatusCode == http.StatusOK:
		return &fault.Error{Class: fault.Config, What: "it says more than that the way to " + target + " is free", Cure: "check whether it is a proxy that takes CONNECT"}
	case res.StatusCode == http.StatusProxyAuthRequired:
		return &fault.Error{Class: fault.Config, What: "it asks for a login (407)",
			Cure: "let it admit the function's subnets without one, to " + target + " alone: a login is not supported, since it would stand readable in the settings and on the way"}
	case res.StatusCode >= http.StatusInternalServerError:
		return &fault.Error{Class: fault.Retry, What: fmt.Sprintf("it does not reach %s (%d)", target, res.StatusCode),
			Cure: "look from the proxy whether the name resolves and the port answers; if the function reaches it without the proxy, name the host in NO_PROXY"}
	}
	return &fault.Error{Class: fault.Config, What: fmt.Sprintf("it refuses the way to %s (%d)", target, res.StatusCode),
		Cure: "let it allow CONNECT to " + target + " from the function's subnets; if the function reaches it without the proxy, name the host in NO_PROXY"}
}

// hostPort returns the host and port of an address; without a port in it, the scheme's.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
