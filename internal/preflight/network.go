package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

// Service is a service of AWS that a function calls.
type Service struct {
	// Name is the last part of the name of the service's VPC endpoint: s3,
	// secretsmanager, events.
	Name string
	// URL is the address at which the SDK calls the service; nil: not known, and not
	// tried.
	URL *url.URL
}

// Network shows which way each connection of the function takes: through the proxy, by a
// VPC endpoint, or directly. It connects to the services of AWS, each in ReachTime at
// most; later steps connect to the outside service.
func (r *Route) Network(ctx context.Context) []Row {
	rows := make([]Row, 1+len(r.Services))
	rows[0] = r.way()
	var all sync.WaitGroup
	for i, service := range r.Services {
		if service.URL == nil {
			rows[1+i] = Unproven("no address follows from the region and the kind of endpoint", "").Named("network " + service.Name)
			continue
		}
		all.Go(func() { rows[1+i] = r.reach(ctx, service).Named("network " + service.Name) })
	}
	all.Wait()
	return rows
}

// way returns the row about the way to the outside service.
func (r *Route) way() Row {
	proxy, err := r.Proxy.Of(r.URL)
	switch {
	case err != nil:
		return FailedBy(err)
	case proxy != nil:
		return Passed(fmt.Sprintf("to %s through the proxy %s, which sees nothing but this name", r.URL.Host, proxy.Host))
	}
	return Passed("to " + r.URL.Host + " directly" + r.excepted(r.URL))
}

// excepted returns the words for an address that NO_PROXY excepts from the proxy; empty:
// there is no proxy, or it is not asked for such an address.
func (r *Route) excepted(u *url.URL) string {
	elsewhere := url.URL{Scheme: "https", Host: "somewhere.invalid"}
	if proxy, err := r.Proxy.Of(&elsewhere); err != nil || proxy == nil || u.Scheme != "https" {
		return ""
	}
	return ", without the proxy: NO_PROXY excepts it"
}

// reach connects to a service of AWS, and returns the row about the way to it.
func (r *Route) reach(ctx context.Context, service Service) Row {
	limited, cancel := context.WithTimeout(ctx, ReachTime)
	defer cancel()
	proxy, err := r.Proxy.Of(service.URL)
	if err != nil {
		return FailedBy(err)
	}
	conn, err := endpoint.Dial(limited, service.URL, r.Limits())
	switch {
	case err != nil && proxy != nil:
		return FailedBy(err)
	case err != nil:
		return r.unreached(service, err)
	}
	_ = conn.Close() // nothing was sent
	if proxy != nil {
		return Passed(fmt.Sprintf("to %s through the proxy %s", service.URL.Host, proxy.Host))
	}
	return Passed("to " + service.URL.Host + wayTo(conn.RemoteAddr(), service.Name) + r.excepted(service.URL))
}

// wayTo returns the words for the way to a service, by the address that was connected
// to: a private address is that of an interface endpoint.
func wayTo(a net.Addr, service string) string {
	at, err := netip.ParseAddrPort(a.String())
	ip := at.Addr().Unmap()
	switch {
	case err != nil:
		return " at " + a.String()
	case ip.IsPrivate():
		return " by an interface endpoint, " + ip.String()
	case service == "s3":
		return " directly, or by a gateway endpoint, which only route tables show: " + ip.String()
	}
	return " directly, " + ip.String()
}

// unreached returns the row about a service that was not reached directly.
func (r *Route) unreached(service Service, err error) Row {
	row := FailedBy(err)
	unknown := fault.ClassOf(err) == fault.Config && !errors.As(err, new(net.Error)) // its name does not resolve
	switch {
	case unknown && r.FIPS:
		row.Cure = "the region may have no FIPS endpoint of it: set FipsEndpoints to false, or deploy in a region that has one"
	case unknown && r.DualStack:
		row.Cure = "the region may have no endpoint with IPv6 of it: set DualStack to false"
	case service.Name == "s3":
		row.Cure = fmt.Sprintf("in a VPC, add the gateway endpoint com.amazonaws.%s.s3 to the route tables of the function's subnets, a NAT gateway, or a proxy (ProxyUrl)", r.Region)
	default:
		row.Cure = fmt.Sprintf("in a VPC, add the interface endpoint com.amazonaws.%s.%s to the function's subnets, with private DNS and a security group that admits it on 443, a NAT gateway, or a proxy (ProxyUrl)", r.Region, service.Name)
	}
	return row
}
