package preflight

import (
	"context"
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
)

// check is one check of the collector under way.
type check struct {
	*Preflight
	route
	last   *archive.Run // what runs/active.json holds; nil: unreadable
	app    Appliance
	v1, v2 error  // of the one list of systems that each generation has
	speak  string // the generation in use
}

func (c *check) steps() []step {
	return []step{
		{"configuration", nil, one(c.configuration)},
		{"secret", nil, one(c.secret)},
		{"archive", nil, one(c.archive)},
		{"dns", nil, one(c.dns)},
		{"tcp", []string{"dns"}, one(c.tcp)},
		{"tls", []string{"tcp", "secret"}, one(c.tls)},
		{"token", []string{"tls"}, one(c.token)},
		{"role", []string{"token"}, one(c.role)},
		{"version", []string{"token"}, one(c.version)},
		{"api", []string{"token"}, one(c.generation)},
		{"licences", []string{"token"}, one(c.licences)},
		{"systems", []string{"api"}, c.systems},
	}
}

// Check proves the settings, one step after the other, in a minute at most. It
// reads, and writes nothing but runs/check, which it deletes. The report is
// logged, too.
func (p *Preflight) Check(ctx context.Context) Report {
	c := &check{Preflight: p, route: p.o.route()}
	c.app = p.o.Connect(c.credentials, p.o.limits())
	defer c.app.HangUp()
	defer c.hangUp()
	r := walk(ctx, c.steps()).concluded(`start an analysis with {}, or {"mode":"latest"} with a read-only token`)
	r.Write(ctx, p.o.Log)
	return r
}

// configuration can only succeed: settings that cannot be used never get here.
func (c *check) configuration(context.Context) Row {
	systems := "all systems"
	if len(c.o.Systems) > 0 {
		systems = "the systems " + listed(c.o.Systems)
	}
	return ok(fmt.Sprintf("appliance %s, API %s, %s, archive %s, version %s", c.o.URL, c.o.API, systems, c.o.Bucket, c.o.Version))
}

// listed gives the first few of many names.
func listed(names []string) string {
	const most = 20
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
