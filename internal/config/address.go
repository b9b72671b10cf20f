package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"

	"runecast-ingest/internal/fault"
)

// parseAddress checks an endpoint's URL: https with a host, and no user name, query
// or fragment. Plain http passes only to a loopback host, and only if
// allowLoopback is set.
func parseAddress(raw string, allowLoopback bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil { // its text may quote a password
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

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return u.Host == u.Hostname() || u.Host == "["+u.Hostname()+"]"
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

func badURL(what string) error {
	return &fault.Error{
		Class: fault.Config,
		What:  "the URL cannot be used, " + what,
		Cure:  "write https://host or https://host:port, with nothing after the path",
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
