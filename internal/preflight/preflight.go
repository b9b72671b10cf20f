// Package preflight is the check that a person asks for before the first run, and when a
// run fails: it tries each step on the way to an outside service, and says which of
// them work. The steps that both functions take are here: network, secret, DNS, TCP and
// TLS; packages appliancecheck and ingestcheck hold those of one function. A check
// promises to start no analysis, to change nothing but one small object that it deletes
// again, to send no event but the test event, and that only on request, to end in bounded
// time and memory, to name the cure of whatever fails, and to show no secret.
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
	// ExpirySoon is how long before its end a certificate, licence or token is reported
	// as a warning.
	ExpirySoon = 30 * 24 * time.Hour

	// checkTime bounds a whole check. headerTime bounds the wait for the first byte of an
	// answer, which may be a large one in a capture.
	checkTime  = time.Minute
	headerTime = 2 * time.Minute
)

// Settings are the settings that the checks of both functions prove.
type Settings struct {
	// URL is the address of the outside service.
	URL *url.URL
	// Region is the AWS region, which is part of the names of VPC endpoints.
	Region string
	// Bucket is the archive's name.
	Bucket string
	// AllowLoopback permits a service on this machine: local stacks and tests only.
	AllowLoopback bool
	// Proxy says which connections go through a proxy.
	Proxy endpoint.Proxy
	// Services are the services of AWS that the function calls; FIPS and DualStack say
	// which kind of their endpoints it calls.
	Services        []Service
	FIPS, DualStack bool
	// Version is the version of this software.
	Version string
	// Secrets makes new credentials of the outside service, for one check. They read the
	// secret when it is first needed.
	Secrets func() endpoint.Credentials
	// Lookup resolves a name; nil: the machine's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Complete returns the settings with the defaults for Lookup and Now.
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

// Limits returns the limits of a connection of a check, so short that a person can wait
// for its failure.
func (s *Settings) Limits() endpoint.Options {
	return endpoint.Options{AllowLoopback: s.AllowLoopback, Proxy: s.Proxy, DialTimeout: ReachTime, HeaderTimeout: headerTime, StallTimeout: CallTime}
}

// Late returns the error of a call whose time limit was that of ctx. An error that only
// says that the time was over is replaced by a fault of class retry about the host; any
// other error, and nil, is returned as it is.
func Late(ctx context.Context, err error, host string) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &fault.Error{Class: fault.Retry, Where: host, What: "it took the connection but gave no answer in time",
		Cure: "look at its load, and whether it is restarting or updating itself"}
}

// Listed returns names as one text: the first 20, and how many more there are.
func Listed(names []string) string {
	const most = 20
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
