// Package preflight is what a person asks for before the first run, and when a
// run fails: it walks the way to one outside service step by step, and says what
// stands in it. The steps of DNS, TCP, TLS and the secret are here, since both
// functions take them; packages appliancecheck and ingestcheck hold what is of
// one side. A check promises to start no analysis, to change nothing but one
// small object that it deletes again, to send no event but the test event that
// was asked for, to end in bounded time and memory, to name the cure of whatever
// fails, and to show no secret.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

const (
	// CallTime bounds one small call to the service.
	CallTime = 15 * time.Second
	// ReachTime bounds each of DNS, TCP, TLS, Secrets Manager and S3.
	ReachTime = 5 * time.Second
	// ExpirySoon is how long before its end a certificate, licence or token is warned of.
	ExpirySoon = 30 * 24 * time.Hour

	// checkTime bounds a whole check, headerTime the wait for the first byte of an
	// answer that may be large.
	checkTime  = time.Minute
	headerTime = 2 * time.Minute
)

// Settings are what the checks of both functions prove.
type Settings struct {
	// URL is the service's address.
	URL *url.URL
	// Region names the VPC endpoints.
	Region string
	// Bucket is the archive's name.
	Bucket string
	// AllowLoopback permits a service on this machine: local stacks and tests only.
	AllowLoopback bool
	// Proxy is what connections go through.
	Proxy endpoint.Proxy
	// Services are those of AWS's that the function calls, and FIPS and DualStack
	// say which of their endpoints it takes.
	Services        []Service
	FIPS, DualStack bool
	// Version of this software.
	Version string
	// Secrets makes credentials of the service of which nothing is read yet, for
	// one check.
	Secrets func() endpoint.Credentials
	// Lookup resolves a name; nil: the machine's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Complete fills in what may be left out.
func (s Settings) Complete() Settings {
	if s.Lookup == nil {
		s.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return s
}

// Limits make a connection fail soon enough for a person who waits.
func (s *Settings) Limits() endpoint.Options {
	return endpoint.Options{AllowLoopback: s.AllowLoopback, Proxy: s.Proxy, DialTimeout: ReachTime, HeaderTimeout: headerTime, StallTimeout: CallTime}
}

// Late returns why a call with a time limit of its own, which is the context's,
// failed: an error that only says that the time was over is one about the host.
func Late(ctx context.Context, err error, host string) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &fault.Error{Class: fault.Retry, Where: host, What: "it took the connection but gave no answer in time",
		Cure: "look at its load, and whether it is restarting or updating itself"}
}

// Listed returns the first few of many names as one text.
func Listed(names []string) string {
	const most = 20
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
