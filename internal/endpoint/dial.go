package endpoint

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"syscall"

	"runecast-ingest/internal/fault"
)

var (
	// awsLocal holds the instance metadata, DNS and identity services that EC2
	// and EKS offer over IPv6 (fd00:ec2::254 and neighbours).
	awsLocal = netip.MustParsePrefix("fd00:ec2::/32")
	// nat64 carries an IPv4 address in its last four bytes (RFC 6052).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// thisHost reaches the machine itself on Linux (0.0.0.0).
	thisHost  = netip.MustParsePrefix("0.0.0.0/8")
	broadcast = netip.MustParseAddr("255.255.255.255")
)

// dialFunc connects to a host and port, as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialer returns a function that connects only to addresses that pass check. The check
// sees the address that DNS gave, immediately before the connection. Through a proxy, the
// proxy's address is checked. The proxy looks up the target's name itself, so the target
// is checked only if it is given as an address.
func dialer(o Options) dialFunc {
	d := &net.Dialer{
		Timeout: or(o.DialTimeout, defaultDial),
		Control: func(_, address string, _ syscall.RawConn) error { return check(address, o.AllowLoopback) },
	}
	direct := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallConn{Conn: conn, limit: or(o.StallTimeout, defaultStall)}, nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		proxy, err := o.Proxy.Of(&url.URL{Scheme: "https", Host: address})
		switch {
		case err != nil:
			return nil, err
		case proxy == nil:
			return direct(ctx, network, address)
		}
		if _, err := netip.ParseAddrPort(address); err == nil {
			if err := check(address, o.AllowLoopback); err != nil {
				return nil, err
			}
		}
		return o.Proxy.through(ctx, direct, proxy, address, d.Timeout)
	}
}

// check refuses an address and port that a service outside AWS never has.
// Private networks (RFC 1918, ULA) pass: appliances live there.
func check(address string, allowLoopback bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return forbidden(address, "not an IP address")
	}
	ip := ap.Addr().Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case ip.IsLoopback():
		if !allowLoopback {
			return forbidden(address, "a loopback address")
		}
	case ip.IsUnspecified(), thisHost.Contains(ip):
		return forbidden(address, "an unspecified address")
	case ip.IsLinkLocalUnicast():
		return forbidden(address, "a link-local address (metadata services live there)")
	case ip.IsMulticast(), ip == broadcast:
		return forbidden(address, "a multicast or broadcast address")
	case awsLocal.Contains(ip):
		return forbidden(address, "an address of the AWS metadata services")
	}
	return nil
}

func forbidden(address, what string) error {
	return &fault.Error{
		Class: fault.Config,
		Where: address,
		What:  "the connection was refused by policy: the host's name leads to " + what,
		Cure:  "correct the host in the URL, or its DNS record",
	}
}
