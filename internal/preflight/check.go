package preflight

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/secret"
)

// check is one check under way: what earlier steps found, for the later ones.
type check struct {
	*Preflight
	cred   secret.Credential
	conn   net.Conn     // from tcp, for tls
	last   *archive.Run // what runs/active.json holds; nil: unreadable
	app    Appliance
	api    *caller
	v1, v2 error  // of the one list of systems that each generation has
	speak  string // the generation in use
}

// step proves one thing. It is left out if one that it needs has failed.
type step struct {
	name  string
	needs []string
	prove func(context.Context) []Row // their first row is the step's own
}

func (c *check) steps() []step {
	one := func(prove func(context.Context) Row) func(context.Context) []Row {
		return func(ctx context.Context) []Row { return []Row{prove(ctx)} }
	}
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
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	c := &check{Preflight: p}
	defer c.hangUp()
	var r Report
	without := map[string]bool{} // steps that later ones cannot build on
	for _, s := range c.steps() {
		rows := c.take(ctx, s, without)
		for i, row := range rows {
			if i == 0 || row.Check == "" {
				rows[i] = row.of(s.name)
			}
		}
		without[s.name] = rows[0].State == Failed || rows[0].State == Skipped
		r.Checks = append(r.Checks, rows...)
	}
	r = r.concluded()
	r.Write(ctx, p.o.Log)
	return r
}

func (c *check) take(ctx context.Context, s step, without map[string]bool) []Row {
	if i := slices.IndexFunc(s.needs, func(name string) bool { return without[name] }); i >= 0 {
		return []Row{skipped(`needs "` + s.needs[i] + `"`)}
	}
	if ctx.Err() != nil {
		return []Row{skipped(fmt.Sprintf("the %s of a check are over", checkTime))}
	}
	return s.prove(ctx)
}

func (c *check) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	if c.api != nil {
		c.api.http.CloseIdleConnections()
	}
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
