package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"runecast-ingest/internal/fault"
)

// parseAddress checks an endpoint's URL: https with a host, and no user name, query
// or fragment. Plain http passes only to a loopback host, and only if
// allowLoopback is set.
func parseAddress(raw string, allowLoopback bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil { // the error's text may quote a password
		return nil, badURL("it is not a URL")
	}
	switch {
	case u.User != nil:
		return nil, badURL("it holds a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, badURL("it holds a query or a fragment")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, badURL("it names no host")
	case !validPort(u):
		return nil, badURL("its port is not a number from 1 to 65535")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && allowLoopback && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, badURL(fmt.Sprintf("its scheme is %q", u.Scheme))
}

// proxy reads the address of a proxy: http or https, a host and a port. An address with
// a login is refused, since everybody who sees the function's settings could read it.
func (e *Env) proxy(name string) *url.URL {
	text := e.text(name)
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	what := ""
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "": // the error's text may quote a password
		what = "is no address"
	case u.User != nil:
		what = "holds a user name or password"
	case u.Scheme != "http" && u.Scheme != "https":
		what = fmt.Sprintf("begins with %q", u.Scheme)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !validPort(u):
		what = "holds more than a host and a port"
	default:
		return u
	}
	e.fail(name, what, "write it as http://proxy.example:3128, and let the proxy admit the function without a login")
	return nil
}

// exceptions reads the hosts, domains, addresses and networks that are reached without a
// proxy. It refuses an entry that the AWS SDK would silently ignore.
func (e *Env) exceptions(name string) []string {
	list := e.List(name)
	for _, entry := range list {
		_, err := netip.ParsePrefix(entry)
		if err != nil && strings.ContainsAny(entry, "/ \"'@") {
			e.fail(name, fmt.Sprintf("%q is neither a host nor a network", entry), "write hosts, domains and networks, separated by commas: rc.example,.eu-central-1.amazonaws.com,10.0.0.0/8")
		}
	}
	return list
}

// validPort reports whether a URL has no port, or one from 1 to 65535.
func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return u.Host == u.Hostname() || u.Host == "["+u.Hostname()+"]"
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// badURL returns a fault of class config about the address of an endpoint.
func badURL(what string) error {
	return &fault.Error{
		Class: fault.Config,
		What:  "the URL cannot be used, " + what,
		Cure:  "write https://host or https://host:port, with nothing after the path",
	}
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
