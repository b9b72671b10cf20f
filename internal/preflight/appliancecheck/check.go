// Package appliancecheck checks the collector's way to the appliance and the archive,
// step by step, and captures the answers of the appliance for a support case. It promises
// what package preflight says of every check, and that a capture shows names, types and
// counts of members, but no value.
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
	// TryWrite writes an object and deletes it.
	TryWrite(ctx context.Context, key string) error
	// ActiveRun reads runs/active.json; that it is missing is no error.
	ActiveRun(ctx context.Context) (store.Doc[archive.Run], error)
	store.RunReader
}

// Appliance is what a check needs of the client of the appliance.
type Appliance interface {
	// APIVersion returns the version of the API that a run would use: v1 or v2.
	APIVersion(ctx context.Context, past appliance.Past) (string, error)
	// Systems lists all connected systems.
	Systems(ctx context.Context) ([]runecast.System, error)
	// Results streams the last results of these systems; with v1 also those of others.
	Results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error
	// Info describes the appliance; what it does not tell is empty.
	Info(ctx context.Context) runecast.Info
	// Answers requests the smallest list of one version of the API, and returns the
	// request in words.
	Answers(ctx context.Context, version string) (request string, err error)
	// Licences returns the licences, with the dates until which they are valid.
	Licences(ctx context.Context) (runecast.Licences, error)
	// Capture returns the shapes of all answers, without values.
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
	// ScanTimeout is how long a run may take. Period is the shortest time between two
	// starts of the schedule, daylight saving time not counted; 0: not known.
	ScanTimeout, Period time.Duration
	// Archive is the bucket.
	Archive Archive
	// Connect makes a client of the appliance, with these limits, that repeats no request.
	Connect func(endpoint.Credentials, endpoint.Options) Appliance
}

// Checker carries out the collector's check and capture.
type Checker struct{ o Options }

// New makes a Checker; it does not connect yet.
func New(o Options) *Checker {
	o.Settings = o.Complete()
	return &Checker{o}
}

// Capture returns the shapes of the appliance's answers, for a support case. An error
// means that the appliance could not be asked at all.
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
	last   *archive.Run // the last run, which may be active; nil: it could not be read
	app    Appliance
	v1, v2 error  // why API v1 or v2 did not answer; nil: it did
	speak  string // the version of the API that a run would use
}

// steps returns the steps of the check, in their order.
func (c *check) steps() []preflight.Step {
	return []preflight.Step{
		preflight.Single("configuration", c.configuration),
		{Name: "network", Prove: c.Network},
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

// Check proves the settings, one step after the other, in a minute at most, and logs the
// report. It writes nothing but runs/check, which it deletes. A crash between the two
// leaves this object, which nothing reads.
func (k *Checker) Check(ctx context.Context) preflight.Report {
	c := &check{Checker: k, Route: k.o.Route()}
	defer c.HangUp()
	c.app = k.o.Connect(c.Credentials, k.o.Limits())
	defer c.app.HangUp()
	return preflight.Walk(ctx, k.o.Log, c.steps(), `start an analysis with {}, or {"mode":"latest"} with a read-only token`)
}

// aDay is the period of one start a day. Like Options.Period it does not count daylight
// saving time.
const aDay = 24 * time.Hour

// configuration shows the settings, and warns of a schedule that starts runs more than
// once a day. It cannot fail, since settings with faults never get here. It does not know
// of starts by hand, nor of schedules other than the stack's.
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
			"begin such queries with dedup {finding.id}, sort:{timestamp desc}, or let the schedule start once a day")
	}
	return preflight.Passed(detail)
}

// archive writes, deletes and reads in the bucket, and keeps the last run.
func (c *check) archive(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	err := c.o.Archive.TryWrite(limited, archive.RunCheckKey)
	var run store.Doc[archive.Run]
	if err == nil {
		run, err = c.o.Archive.ActiveRun(limited)
	}
	if err == nil && !run.Exists() { // active.json is lost, or there was no run yet
		run.Value, err = store.LastRun(limited, c.o.Archive)
	}
	if err != nil {
		return c.S3(limited, err)
	}
	c.last = &run.Value
	return preflight.Passed(fmt.Sprintf("s3://%s/%s was written and deleted", c.o.Bucket, archive.RunCheckKey))
}

// role says what the last run shows of the token's right to start an analysis. No call
// proves this right without starting one.
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
