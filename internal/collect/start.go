package collect

import (
	"context"
	"fmt"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// start begins a run. If a run is active, the same start event delivered again goes on
// with its run; another one is skipped before the run's deadline, and ends that run
// after it.
func (v *invocation) start(ctx context.Context, req request) (payload.RunAnswer, error) {
	if err := v.load(ctx); err != nil {
		return payload.RunAnswer{}, err
	}
	if !v.doc.Exists() {
		if err := v.recall(ctx); err != nil {
			return payload.RunAnswer{}, err
		}
	}
	now := v.o.Now()
	id := req.runID(now)
	switch state := v.run.State; {
	case state == archive.RunRunning && v.run.ID == id:
		return v.resume(ctx)
	case state == archive.RunRunning && now.Before(v.run.Deadline):
		v.o.Log.WarnContext(ctx, "start skipped: a run is active", "run", v.run.ID, "skipped", id)
		v.o.Metrics.Put(telemetry.Count("RunsSkipped", 1))
		return skipped(v.run), nil
	case state == archive.RunRunning:
		if err := v.expire(ctx); err != nil {
			return payload.RunAnswer{}, err
		}
	case state != "" && state != archive.RunIdle: // its last invocation ended while closing it
		if _, err := v.close(ctx); err != nil {
			return payload.RunAnswer{}, err
		}
	}
	if done, err := v.o.Store.FinishedRun(ctx, id); err != nil {
		return payload.RunAnswer{}, fmt.Errorf("look for the run %s: %w", id, err)
	} else if done.Exists() {
		return finished(&done.Value), nil
	}
	if err := v.create(ctx, req, id); err != nil {
		return payload.RunAnswer{}, err
	}
	return v.work(ctx)
}

// recall is called if runs/active.json is missing, because it was lost or there was no
// run yet. It takes what a new run has to know of earlier runs from the last run that
// has ended. What stays lost is a run that was active, and which scans are archived
// already, so that a run in mode latest may archive one again.
func (v *invocation) recall(ctx context.Context) error {
	last, err := store.LastRun(ctx, v.o.Store)
	if err != nil {
		return fmt.Errorf("look for the runs before, because runs/active.json is missing: %w", err)
	}
	if last.ID == "" {
		return nil // this is the first run
	}
	v.o.Log.WarnContext(ctx, "runs/active.json is missing: the last run that has ended stands in for it", "last", last.ID)
	last.Header = v.run.Header
	*v.run = last
	v.run.State = archive.RunIdle
	return nil
}

// expire ends a run whose deadline is past. Its open systems are timed out.
func (v *invocation) expire(ctx context.Context) error {
	v.endOpen(archive.SystemTimedOut, v.overtime())
	_, err := v.end(ctx, v.outcome())
	return err
}

// overtime returns the reason of a system that is timed out.
func (v *invocation) overtime() string {
	return fmt.Sprintf("not finished within SCAN_TIMEOUT (%s)", v.o.ScanTimeout)
}

// create writes the new run with the baseline of each system, before the first trigger.
func (v *invocation) create(ctx context.Context, req request, id string) error {
	app, err := v.appliance(ctx)
	if err != nil {
		return err
	}
	before := app.Received()
	all, err := app.Systems(ctx)
	if err != nil {
		return err
	}
	read := app.Received() - before
	names := req.Systems
	if len(names) == 0 {
		names = v.o.Systems
	}
	chosen, err := choose(all, names)
	if err != nil {
		return err
	}
	if err := app.Describe(ctx, chosen); err != nil {
		return err
	}
	info := app.Info(ctx)
	started := v.o.Now().UTC()
	if least := v.run.StartedAt.Add(time.Millisecond); started.Before(least) {
		started = least // the order of runs never depends on the clock alone
	}
	earlier := v.run.Systems
	if last := v.run.Appliance.API; last != "" && last != v.api {
		v.o.Log.WarnContext(ctx, "RUNECAST_API has changed the API's version: every system has another id from now on", "last", last, "now", v.api)
	}
	*v.run = archive.Run{
		Header: v.run.Header, ID: id, Trigger: req.trigger(), Mode: req.Mode, State: archive.RunRunning,
		StartedAt: started, Deadline: started.Add(v.o.ScanTimeout), Lease: &v.lease, Last: v.run.Last,
		Appliance: archive.Appliance{URL: v.o.ApplianceURL, API: v.api, InstanceUUID: info.InstanceUUID, Version: info.Version, Definitions: info.Definitions},
	}
	if req.Mode == payload.Analyze { // listing the systems was a look, and nothing can be new yet
		v.paceLooks(read)
	}
	for _, s := range chosen {
		v.run.Systems = append(v.run.Systems, v.begin(s, req, v.typeOf(s, earlier)))
	}
	// A crash before this write leaves no run, and Lambda repeats the start. A crash
	// after it leaves a run of which nothing was triggered, and a tick goes on with it
	// as soon as its lease has run out.
	if err := v.save(ctx); err != nil {
		return err
	}
	v.o.Log.InfoContext(ctx, "run started", "run", id, "trigger", v.run.Trigger, "mode", req.Mode, "systems", len(chosen))
	return nil
}

// begin returns a system in its first state. In mode latest the baseline is the scan
// that was archived last, since that scan is nothing new.
func (v *invocation) begin(s runecast.System, req request, kind string) archive.RunSystem {
	rs := archive.RunSystem{ID: s.ID, Name: s.Name, Type: kind, State: archive.SystemPending, Baseline: s.Scan.Timestamp}
	never := s.Scan == (runecast.Scan{})
	switch {
	case req.Mode == payload.Analyze && s.Scan.Trouble != "":
		rs.State, rs.Reason = archive.SystemFailed, "not analysed, because its last results could not be read: "+s.Scan.Trouble
	case req.Mode == payload.Analyze && v.api == runecast.V2:
		rs.Watch = &archive.Watch{Checks: s.Scan.Rules}
		if never {
			rs.Watch.Checks = -1
		}
	case req.Mode == payload.Analyze:
	case never:
		rs.State, rs.Baseline = archive.SystemFailed, ""
		rs.Reason = `it was never analysed: start it with the mode "analyze", or analyse it in the appliance`
	default:
		rs.State, rs.Baseline = archive.SystemScanning, ""
		if !req.Force {
			rs.Baseline = v.run.Last[s.ID]
		}
	}
	return rs
}

// appliance returns the client of the appliance, which it makes once per invocation. An
// active run keeps the version of the API that it began with, and a new run the version
// of the runs before, since each version has its own ids of systems.
func (v *invocation) appliance(ctx context.Context) (Appliance, error) {
	if v.app != nil {
		return v.app, nil
	}
	app, err := v.o.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the appliance: %w", err)
	}
	past := appliance.Past{Before: v.run.Appliance.API}
	if v.run.State == archive.RunRunning {
		past = appliance.Past{Run: v.run.Appliance.API}
	}
	if v.api, err = app.APIVersion(ctx, past); err != nil {
		return nil, err
	}
	v.app = app
	return app, nil
}
