// Package preflight is what a person asks for before the first run, and when a
// run fails: a check proves every setting and every step of the way, once and one
// after the other. Here is what the checks of both functions share: steps, their
// report, and the route to an endpoint; package appliancecheck holds the
// collector's, ingestcheck the forwarder's. A check promises to start no
// analysis, to change nothing but one small object that it deletes again, to send
// nothing but the one test event that was asked for, to end in bounded time and
// memory, to name the cure of whatever fails, and to show no secret.
package preflight

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"runecast-ingest/internal/endpoint"
)

const (
	// checkTime bounds a whole check.
	checkTime = time.Minute
	// headerTime bounds the wait for the first byte of an answer that may be large.
	headerTime = 2 * time.Minute
	// CallTime bounds one small call to the endpoint.
	CallTime = 15 * time.Second
	// ReachTime bounds each of DNS, TCP, TLS, Secrets Manager and S3.
	ReachTime = 5 * time.Second
	// ExpirySoon is how long before its end a certificate, licence or token is warned of.
	ExpirySoon = 30 * 24 * time.Hour
)

// Common are the settings that the checks of both functions prove.
type Common struct {
	// URL is the endpoint's address.
	URL *url.URL
	// Region names the VPC endpoints.
	Region string
	// Bucket is the archive's name.
	Bucket string
	// AllowLoopback permits an endpoint on this machine: local stacks and tests only.
	AllowLoopback bool
	// Version of this software.
	Version string
	// Secrets makes credentials of the endpoint of which nothing is read yet, for
	// one check.
	Secrets func() endpoint.Credentials
	// Lookup resolves a name; nil: the machine's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Complete fills in what may be left out.
func (c Common) Complete() Common {
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Limits make a connection fail soon enough for a person who waits.
func (c *Common) Limits() endpoint.Options {
	return endpoint.Options{AllowLoopback: c.AllowLoopback, DialTimeout: ReachTime, HeaderTimeout: headerTime, StallTimeout: CallTime}
}
