// Package collect carries out runs: it triggers the analysis of every system, waits
// until the new results are final, and archives them. It promises that a run
// survives the end of any invocation at any point: each step is written to
// runs/active.json by a conditional write before it is taken or after it is
// proven, the next tick goes on from there, and a system's results are
// archived at most once per run, whole, or not at all.
//
// Some systems are reported as failed instead of archived, because a dashboard would
// show them as all clear: a system whose results hold no rule or only UNLICENSED rules,
// one that the appliance no longer lists, and one that was never analysed. Results with
// assessed rules of which none belongs to a security profile (only knowledge-base
// articles, for example) are archived, since a replay with other settings may send
// them; the system's reason in the run says so. A name in the systems filter that fits
// two systems is an error that lists their ids.
package collect

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// Appliance is what a run needs of the client of one appliance.
type Appliance interface {
	// APIVersion settles the version of the API, and returns it: the version that a run
	// began with, that is set, that earlier runs used, or that the appliance answers.
	APIVersion(ctx context.Context, past appliance.Past) (string, error)
	// Systems lists all connected systems.
	Systems(ctx context.Context) ([]runecast.System, error)
	// Describe adds the last scan and the type where Systems did not return them.
	Describe(ctx context.Context, systems []runecast.System) error
	// Statuses returns the last scan of these systems, and maybe of others, by id.
	Statuses(ctx context.Context, ids []string) (map[string]runecast.Scan, error)
	// Trigger starts the analysis of a system.
	Trigger(ctx context.Context, id string) error
	// Results streams the last results of these systems, and maybe of others, one element each.
	Results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error
	// Issues copies the catalogue.
	Issues(ctx context.Context, dst io.Writer) error
	// Received returns how many bytes of results have been read so far.
	Received() int64
	// Info describes the appliance; it is zero if the appliance does not answer.
	Info(ctx context.Context) runecast.Info
}

// Store is what a run needs of the archive: methods and errors are those of
// package store.
type Store interface {
	// ActiveRun and FinishedRun read a run document; a missing one is no error.
	ActiveRun(ctx context.Context) (store.Doc[archive.Run], error)
	FinishedRun(ctx context.Context, id string) (store.Doc[archive.Run], error)
	// Runs returns the ids of the finished runs since a time, oldest first; an error ends it.
	Runs(ctx context.Context, since time.Time) iter.Seq2[string, error]
	// SaveRun writes a run document if it is still what was read.
	SaveRun(ctx context.Context, doc *store.Doc[archive.Run]) error
	// PutRaw stores what write produces under a key that must not exist.
	PutRaw(ctx context.Context, key string, write func(io.Writer) error) (store.Stored, error)
	// PutCatalog stores a catalogue under its hash.
	PutCatalog(ctx context.Context, write func(io.Writer) error) (string, error)
	// Inspect reads a whole raw object, and returns what is stored and its envelope.
	Inspect(ctx context.Context, key string) (store.Stored, archive.Envelope, error)
}

// Preflight carries out the actions that prove the settings without a run.
type Preflight interface {
	// Check tries every step of the way to the appliance and the archive.
	Check(ctx context.Context) preflight.Report
	// Capture gathers the shapes of the appliance's answers.
	Capture(ctx context.Context) (appliance.Recording, error)
}

// Options are the settings of a collector.
type Options struct {
	Store Store
	// Preflight carries out check and capture.
	Preflight Preflight
	// Connect makes the client of the appliance; it is called once per
	// invocation that needs one, so that a rotated token is taken up.
	Connect func(context.Context) (Appliance, error)
	// ApplianceURL is written into every raw object.
	ApplianceURL string
	// Systems limits runs to these names or ids; empty: all. A payload's list
	// takes its place.
	Systems []string
	// SystemTypes are types of systems, by id or name, that replace those found out.
	SystemTypes map[string]string
	// ScanTimeout is how long a run may take; systems that are open then are timed out.
	ScanTimeout time.Duration
	// PollInterval is the mean time between two looks at the scans.
	PollInterval time.Duration
	Log          *slog.Logger
	// Metrics takes figures for CloudWatch; nil: none.
	Metrics *telemetry.Metrics
	// LookBytes is how many bytes a look at the scans may read with API v1, which has
	// all of them in one document, before looks become rarer; 0: 512 KiB.
	LookBytes int64
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	// Sleep waits between polls; nil: a timer. It ends early with the context's error.
	Sleep func(context.Context, time.Duration) error
}

// Collector carries out runs. It keeps nothing between two calls of Handle.
type Collector struct{ o Options }

// New makes a collector.
func New(o Options) *Collector {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LookBytes == 0 {
		o.LookBytes = lookBytes
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Collector{o}
}

// Handle carries out one payload: start, tick, status, cancel, check or
// capture. It answers with a payload.RunAnswer, with a preflight.Report to check,
// and with an appliance.Recording to capture. It works until the run is over, or
// until shortly before the context's deadline: 60 s, or a quarter of the time that it
// had if that is less. An error means that the request could not be carried out: the
// next tick tries again if the run is still active. What happened to single systems is
// in the answer.
func (c *Collector) Handle(ctx context.Context, text jsontext.Value) (any, error) {
	parsed, err := payload.ParseRun(text)
	if err != nil {
		return nil, err
	}
	req, err := requestOf(parsed)
	if err != nil {
		return nil, err
	}
	var a any
	err = telemetry.Trace(ctx, req.Action, func(ctx context.Context) (err error) {
		a, err = c.do(ctx, req)
		return err
	})
	if fault.ClassOf(err) == fault.Auth {
		c.o.Metrics.Put(telemetry.Count("TokenRejected", 1))
	}
	return a, err
}

func (c *Collector) do(ctx context.Context, req request) (any, error) {
	switch req.Action {
	case payload.Check:
		return c.o.Preflight.Check(ctx), nil
	case payload.Capture:
		return c.o.Preflight.Capture(ctx)
	}
	v := c.invocation(ctx)
	a, err := v.do(ctx, req)
	a.Notice = merge(v.notices)
	return a, err
}

func (v *invocation) do(ctx context.Context, req request) (payload.RunAnswer, error) {
	switch req.Action {
	case payload.Tick:
		return v.tick(ctx)
	case payload.Status:
		return v.status(ctx)
	case payload.Cancel:
		return v.decide(ctx, v.cancel)
	}
	return v.decide(ctx, func(ctx context.Context) (payload.RunAnswer, error) { return v.start(ctx, req) })
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
