// Package preflight is what a person asks for before the first run, and when a
// run fails: check proves every setting and every step of the way, of the
// collector to the appliance and the archive, of the forwarder to Dynatrace and
// the archive; capture gathers what a support case needs. It promises to start
// no analysis, to change nothing but one small object that it deletes again, to
// send nothing but the one test event that was asked for, to end in bounded
// time and memory, to name the cure of whatever fails, and to tell no secret;
// capture tells no value at all.
package preflight

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
)

const (
	// checkTime bounds a whole check, callTime one small call to the endpoint,
	// reachTime each of DNS, TCP, TLS, Secrets Manager and S3, headerTime the wait
	// for the first byte of an answer that may be large.
	checkTime  = time.Minute
	callTime   = 15 * time.Second
	reachTime  = 5 * time.Second
	headerTime = 2 * time.Minute
	// expirySoon is how long before its end a certificate, licence or token is warned of.
	expirySoon = 30 * 24 * time.Hour
)

// Archive is what a check needs of the bucket.
type Archive interface {
	// TryWrite writes and deletes an object.
	TryWrite(ctx context.Context, key string) error
	// ActiveRun reads runs/active.json; a missing one is no error.
	ActiveRun(ctx context.Context) (store.Doc[archive.Run], error)
}

// Appliance is what a check needs of the client of the appliance.
type Appliance interface {
	// Generation settles the API generation.
	Generation(ctx context.Context, begun string) (string, error)
	// Systems lists all connected systems.
	Systems(ctx context.Context) ([]runecast.System, error)
	// Results streams the last results of these systems, and maybe of others.
	Results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error
	// Info describes the appliance.
	Info(ctx context.Context) runecast.Info
	// Answers asks one generation for its smallest list, and names the request.
	Answers(ctx context.Context, generation string) (request string, err error)
	// Licences reads for how long the licences are valid.
	Licences(ctx context.Context) (runecast.Licences, error)
	// Capture reduces all answers to their shapes.
	Capture(ctx context.Context) (appliance.Recording, error)
	// HangUp closes idle connections.
	HangUp()
}

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

// Options are the collector's settings to prove.
type Options struct {
	Common
	// API is the generation that is set: auto, v1 or v2.
	API string
	// Systems are the names or ids that runs are limited to; empty: all.
	Systems []string
	// SystemTypes overrides a system's type, by id or name.
	SystemTypes map[string]string
	// Archive is the bucket.
	Archive Archive
	// Connect makes a client of the appliance that makes each request once,
	// within these limits.
	Connect func(endpoint.Credentials, endpoint.Options) Appliance
}

// Preflight carries out the collector's check and capture.
type Preflight struct{ o Options }

// New makes a Preflight; it does not connect yet.
func New(o Options) *Preflight {
	o.Common = o.complete()
	return &Preflight{o}
}

// Capture gathers what a support case needs. An error means that nothing could
// be asked.
func (p *Preflight) Capture(ctx context.Context) (appliance.Recording, error) {
	app := p.o.Connect(p.o.Secrets(), p.o.limits())
	defer app.HangUp()
	r, err := app.Capture(ctx)
	if err == nil {
		p.o.Log.InfoContext(ctx, "captured", "calls", len(r.Calls))
	}
	return r, err
}

// complete fills in what may be left out.
func (c Common) complete() Common {
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

// limits make a connection fail soon enough for a person who waits.
func (c *Common) limits() endpoint.Options {
	return endpoint.Options{AllowLoopback: c.AllowLoopback, DialTimeout: reachTime, HeaderTimeout: headerTime, StallTimeout: callTime}
}
