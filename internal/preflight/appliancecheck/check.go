// Package appliancecheck proves the collector's way to the appliance and the
// archive, step by step, and gathers for a support case what the appliance says.
// See package preflight for what every check promises; a capture shows no value
// at all.
package appliancecheck

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
)

// Archive is what a check needs of the bucket.
type Archive interface {
	// TryWrite writes and deletes an object.
	TryWrite(ctx context.Context, key string) error
	// ActiveRun reads runs/active.json; a missing one is no error.
	ActiveRun(ctx context.Context) (store.Doc[archive.Run], error)
	store.RunReader
}

// Appliance is what a check needs of the client of the appliance.
type Appliance interface {
	// APIVersion settles the version of the API.
	APIVersion(ctx context.Context, past appliance.Past) (string, error)
	// Systems lists all connected systems.
	Systems(ctx context.Context) ([]runecast.System, error)
	// Results streams the last results of these systems, and maybe of others.
	Results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error
	// Info describes the appliance.
	Info(ctx context.Context) runecast.Info
	// Answers asks one version for its smallest list, and names the request.
	Answers(ctx context.Context, version string) (request string, err error)
	// Licences reads for how long the licences are valid.
	Licences(ctx context.Context) (runecast.Licences, error)
	// Capture reduces all answers to their shapes.
	Capture(ctx context.Context) (appliance.Recording, error)
	// HangUp closes idle connections.
	HangUp()
}

// Options are the collector's settings to prove.
type Options struct {
	preflight.Settings
	// API is the version that is set: auto, v1 or v2.
	API string
	// Systems are the names or ids that runs are limited to; empty: all.
	Systems []string
	// SystemTypes overrides a system's type, by id or name.
	SystemTypes map[string]string
	// ScanTimeout is how long a run may take, and Period the least time between two
	// starts of the schedule, changes of clocks not counted; 0: not known.
	ScanTimeout, Period time.Duration
	// Archive is the bucket.
	Archive Archive
	// Connect makes a client of the appliance that makes each request once,
	// within these limits.
	Connect func(endpoint.Credentials, endpoint.Options) Appliance
}

// Checker carries out the collector's check and capture.
type Checker struct{ o Options }

// New makes a Checker; it does not connect yet.
func New(o Options) *Checker {
	o.Settings = o.Complete()
	return &Checker{o}
}

// Capture gathers what a support case needs. An error means that nothing could
// be asked.
func (k *Checker) Capture(ctx context.Context) (appliance.Recording, error) {
	app := k.o.Connect(k.o.Secrets(), k.o.Limits())
	defer app.HangUp()
	r, err := app.Capture(ctx)
	if err == nil {
		k.o.Log.InfoContext(ctx, "captured", "calls", len(r.Calls))
	}
	return r, err
}

// check is one check of the collector under way.
type check struct {
	*Checker
	preflight.Route
	last   *archive.Run // the last run, which may go on; nil: unreadable
	app    Appliance
	v1, v2 error  // of the one list of systems that each version has
	speak  string // the version in use
}

func (c *check) steps() []preflight.Step {
	return []preflight.Step{
		preflight.Single("configuration", c.configuration),
		preflight.Single("secret", c.Secret),
		preflight.Single("archive", c.archive),
		preflight.Single("dns", c.DNS),
		preflight.Single("tcp", c.TCP, "dns"),
		preflight.Single("tls", c.TLS, "tcp", "secret"),
		preflight.Single("token", c.token, "tls"),
		preflight.Single("role", c.role, "token"),
		preflight.Single("version", c.version, "token"),
		preflight.Single("api", c.apiVersion, "token"),
		preflight.Single("licences", c.licences, "token"),
		{Name: "systems", Needs: []string{"api"}, Prove: c.systems},
	}
}

// Check proves the settings, one step after the other, in a minute at most. It
// reads, and writes nothing but runs/check, which it deletes. The report is
// logged, too.
func (k *Checker) Check(ctx context.Context) preflight.Report {
	c := &check{Checker: k, Route: k.o.Route()}
	defer c.HangUp()
	c.app = k.o.Connect(c.Credentials, k.o.Limits())
	defer c.app.HangUp()
	return preflight.Walk(ctx, k.o.Log, c.steps(), `start an analysis with {}, or {"mode":"latest"} with a read-only token`)
}

// aDay is the least time between two starts a day. That it is an hour less where the
// clocks go forward is not counted in a Period either.
const aDay = 24 * time.Hour

// configuration cannot fail: settings that cannot be used never get here. Starts by
// hand, and schedules that are made beside the stack's own, are not known here.
func (c *check) configuration(context.Context) preflight.Row {
	systems := "all systems"
	if len(c.o.Systems) > 0 {
		systems = "the systems " + preflight.Listed(c.o.Systems)
	}
	detail := fmt.Sprintf("appliance %s, API %s, %s, archive %s, version %s; a run may take %s",
		c.o.URL, c.o.API, systems, c.o.Bucket, c.o.Version, c.o.ScanTimeout)
	if c.o.Period == 0 {
		return preflight.Warn(detail+", and how often the schedule starts one is not known",
			"see to it that SCAN_TIMEOUT is shorter than the time between two starts: a start that meets a run is skipped")
	}
	detail += fmt.Sprintf(", and one starts every %s at most", c.o.Period)
	if c.o.Period < aDay {
		return preflight.Warn(detail+": queries that count the rows of 24 hours without joining the committed scan count those of several scans",
			"begin such queries with dedup {finding.id}, or let the schedule start once a day")
	}
	return preflight.Passed(detail)
}

// archive writes, deletes and reads in the bucket.
func (c *check) archive(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	err := c.o.Archive.TryWrite(limited, archive.RunCheckKey)
	var run store.Doc[archive.Run]
	if err == nil {
		run, err = c.o.Archive.ActiveRun(limited)
	}
	if err == nil && !run.Exists() { // lost, or there was no run yet
		run.Value, err = store.LastRun(limited, c.o.Archive)
	}
	if err != nil {
		return c.S3(limited, err)
	}
	c.last = &run.Value
	return preflight.Passed(fmt.Sprintf("s3://%s/%s was written and deleted", c.o.Bucket, archive.RunCheckKey))
}

// role says what is known about the right to scan: no harmless call proves it.
func (c *check) role(context.Context) preflight.Row {
	unknown := preflight.Unproven("not proven until the first trigger: no call tells it without starting an analysis",
		`to analyse, the token must be an Admin's; {"mode":"latest"} needs a read-only one`)
	if c.last == nil || c.last.Mode != archive.ModeAnalyze {
		return unknown
	}
	for _, s := range c.last.Systems {
		switch {
		case strings.Contains(s.Reason, "(403)"):
			return preflight.Warn(fmt.Sprintf("the run %s was refused to start an analysis (403)", c.last.ID),
				`store an Admin's token in the secret, or use {"mode":"latest"}; if it was replaced since, a run with {} proves it`)
		case s.State == archive.SystemArchived, s.State == archive.SystemScanning:
			unknown = preflight.Passed(fmt.Sprintf("the run %s started analyses with the token of its time", c.last.ID))
		}
	}
	return unknown
}
