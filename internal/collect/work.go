package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/telemetry"
)

// patience is how many rounds in a row may fail before an invocation gives up with an
// error; the run stays active, and the next tick tries again. It is also how often an
// invocation tries to trigger one system before that system fails, and part of the
// bound on failed downloads, see progress.due.
const patience = 5

// calm is for how many poll intervals results must stay the same before they count, if
// their scan may still go on; see settled.
const calm = 20

// work takes the run as far as this invocation's time allows.
func (v *invocation) work(ctx context.Context) (payload.RunAnswer, error) {
	err := v.rounds(ctx)
	lost := errors.As(err, new(*stateError))
	switch {
	case errors.Is(err, errTaken):
		v.o.Log.WarnContext(ctx, "stopped: another invocation works on the run", "run", v.run.ID)
		return busy(v.run), nil
	case lost: // nothing more may be written
		return payload.RunAnswer{}, err
	case !v.anyOpen():
		return v.end(ctx, v.outcome())
	}
	// A crash before this write costs only time: the run goes on with the first tick
	// after its lease has run out.
	v.run.Lease = nil
	if serr := v.save(ctx); serr != nil && !errors.Is(serr, errTaken) {
		return payload.RunAnswer{}, errors.Join(err, serr)
	}
	if err != nil {
		return payload.RunAnswer{}, fmt.Errorf("run %s is not finished and goes on with the next tick: %w", v.run.ID, err)
	}
	return goesOn(v.run), nil
}

// outcome returns the final state of the run: done if a system was archived or is
// unchanged, else failed.
func (v *invocation) outcome() string {
	for _, s := range v.run.Systems {
		if s.State == archive.SystemArchived || s.State == archive.SystemUnchanged {
			return archive.RunDone
		}
	}
	return archive.RunFailed
}

// rounds repeats trigger, poll and archive until no system is open or the time of the
// invocation is up: then it returns nil. It returns an error if going on is of no use.
func (v *invocation) rounds(ctx context.Context) error {
	work, cancel := ctx, context.CancelFunc(func() {})
	if !v.stop.IsZero() {
		work, cancel = context.WithTimeout(ctx, v.stop.Sub(v.o.Now()))
	}
	defer cancel()
	for failed := 0; v.anyOpen(); {
		late := !v.o.Now().Before(v.run.Deadline)
		err := v.round(ctx, work, late)
		switch {
		case errors.Is(err, errTaken), errors.As(err, new(*stateError)):
			return err
		case late: // after a last look
			if err != nil {
				v.note(err)
			}
			v.endOpen(archive.SystemTimedOut, v.overtime())
			return nil
		case work.Err() != nil:
			return nil
		case err == nil:
			failed = 0
		case fault.ClassOf(err) != fault.Retry:
			return err
		default:
			v.note(err)
			v.o.Log.WarnContext(ctx, "round failed", "run", v.run.ID, "error", err.Error())
			if failed++; failed == patience {
				return err
			}
		}
		if !v.anyOpen() {
			return nil
		}
		wait := v.wait()
		if !v.stop.IsZero() && !v.o.Now().Add(wait).Before(v.stop) {
			return nil
		}
		if v.o.Sleep(work, wait) != nil {
			return nil
		}
	}
	return nil
}

// note writes an error into the reason of every open system.
func (v *invocation) note(err error) {
	for i := range v.run.Systems {
		if s := &v.run.Systems[i]; open(s) {
			s.Reason = err.Error()
		}
	}
}

// round triggers what is to be triggered, looks at the scans once, and downloads what is
// ready. The state is saved under ctx, everything else is done under work, which ends
// earlier. late: the run's deadline is past, and this is its last round, which triggers
// nothing.
func (v *invocation) round(ctx, work context.Context, late bool) error {
	app, err := v.appliance(work)
	if err != nil {
		return err
	}
	if !late {
		if err := v.trigger(ctx, work, app); err != nil {
			return err
		}
	}
	ids := v.inState(archive.SystemScanning)
	if len(ids) == 0 || !late && v.o.Now().Before(v.run.NextLook) {
		return nil
	}
	scans, err := v.look(ctx, work, app, ids, late)
	if err != nil {
		return err
	}
	ready := make(map[string]runecast.Scan)
	for i := range v.run.Systems {
		s := &v.run.Systems[i]
		if s.State != archive.SystemScanning {
			continue
		}
		scan, listed := scans[s.ID]
		if !listed {
			v.missing(s, len(scans))
		} else if v.judge(s, scan) {
			ready[s.ID] = scan
		}
	}
	return v.download(ctx, work, app, ready, late)
}

// look reads the scans of these systems, and sets in the run when to look again. It may
// archive some of the systems, see lookAndDownload.
func (v *invocation) look(ctx, work context.Context, app Appliance, ids []string, late bool) (scans map[string]runecast.Scan, err error) {
	if v.run.Appliance.API == runecast.V2 {
		return app.Statuses(work, ids)
	}
	before, read := app.Received(), app.Statuses
	if v.progress(0).lookIsDownload(v.run.NextLook) && !late {
		read = func(work context.Context, _ []string) (map[string]runecast.Scan, error) {
			return v.lookAndDownload(ctx, work, app)
		}
	}
	scans, err = read(work, ids)
	v.paceLooks(app.Received() - before)
	return scans, err
}

// paceLooks sets in the run when to look again after a look that has read so many bytes.
// If the look has read little, NextLook stays as it is.
func (v *invocation) paceLooks(read int64) {
	now := v.o.Now()
	if next := pause(v.o.PollInterval, read, v.o.LookBytes, v.run.Downloads.Last.Add(period).Sub(now)); next > v.o.PollInterval && v.run.Appliance.API != runecast.V2 {
		v.run.NextLook = now.Add(next).UTC()
	}
}

// inState returns the ids of the systems in a state.
func (v *invocation) inState(state string) (ids []string) {
	for _, s := range v.run.Systems {
		if s.State == state {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// judge reports whether a system's results are to be downloaded, by what the look has
// shown of its scan. If they are not, it sets the system's reason, and may end the system.
func (v *invocation) judge(s *archive.RunSystem, scan runecast.Scan) bool {
	latest := v.run.Mode == payload.Latest
	known := !latest && scan.Timestamp == s.Baseline || latest && scan.Timestamp != "" && scan.Key() == s.Baseline
	switch {
	case scan.Trouble != "":
		s.Reason = scan.Trouble
	case scan == (runecast.Scan{}):
		s.Reason = noResults
	case known && latest:
		s.State, s.Reason = archive.SystemUnchanged, ""
	case known:
		s.Reason = "the appliance still shows the analysis of before (" + strings.TrimSpace(scan.Status+" "+scan.Timestamp) + ")"
	case scan.Silent():
		return v.settled(s, scan)
	case scan.Succeeded():
		return true
	case scan.Failed():
		v.fail(s, fmt.Sprintf("the analysis ended with the status %q: look at the system in the appliance", scan.Status))
	default:
		s.Reason = fmt.Sprintf("the appliance shows the status %q", scan.Status)
	}
	return false
}

// missing deals with a system that the look has not listed; others is how many it has
// listed. A vCenter has no results before its first analysis, and an appliance that is
// starting lists no results at all: then the system waits. Otherwise it fails.
func (v *invocation) missing(s *archive.RunSystem, others int) {
	had := s.Baseline != "" || v.run.Mode == payload.Latest
	if had && others > 0 {
		v.fail(s, "the appliance lists it no more: connect it again, or leave it out of the run")
		return
	}
	s.Reason = noResults
}

const noResults = "the appliance shows no results of it"

// settled reports whether the results of a scan of which the appliance does not say
// when it is over have been the same for long enough: at two looks in a row. A scan that
// lists fewer rules than the one before, or that is the first, may still grow slowly: it
// must stay the same for longer (calm). A scan without any rule has probably just begun,
// unless the one before had none either.
func (v *invocation) settled(s *archive.RunSystem, scan runecast.Scan) bool {
	now, w := v.o.Now(), s.Watch
	if w == nil {
		w = &archive.Watch{}
		s.Watch = w
	}
	if key := scan.Key(); w.Seen != key {
		w.Seen, w.Since = key, now.UTC()
		s.Reason = "new results appear: they count when they stay the same"
		return false
	}
	analyze := v.run.Mode == payload.Analyze
	switch {
	case analyze && scan.Rules == 0 && w.Checks != 0:
		s.Reason = "the appliance shows an analysis without any rule, and there were some before"
		if w.Checks < 0 {
			s.Reason = "the appliance shows its first analysis, without any rule: enable a security profile for it"
		}
		return false
	case analyze && (w.Checks < 0 || scan.Rules < w.Checks) && now.Sub(w.Since) < calm*v.o.PollInterval:
		s.Reason = fmt.Sprintf("the appliance shows %d rules so far: they count when they stay the same for %s", scan.Rules, calm*v.o.PollInterval)
		return false
	}
	return true
}

// fail ends a system as failed, and logs why.
func (v *invocation) fail(s *archive.RunSystem, reason string) {
	s.State, s.Reason = archive.SystemFailed, reason
	v.o.Log.Warn("system failed", "run", v.run.ID, "system", s.ID, "name", s.Name, "reason", reason)
}

// trigger starts the analysis of every system that still needs it, one after the
// other. Each system is saved as triggering before its POST; the same write saves the
// outcome of the POST before. A POST that fails for the moment is repeated in the next
// round. An error is about the state or the time.
func (v *invocation) trigger(ctx, work context.Context, app Appliance) error {
	if err := v.recognise(work, app); err != nil {
		return err
	}
	for i := range v.run.Systems {
		s := &v.run.Systems[i]
		if s.State != archive.SystemPending && s.State != archive.SystemTriggering {
			continue
		}
		// A crash after this write leaves open whether the POST has gone out: the next
		// tick looks at the system's scan before it triggers again (recognise).
		s.State = archive.SystemTriggering
		if err := v.save(ctx); err != nil {
			return err
		}
		err := telemetry.Trace(work, "trigger", func(work context.Context) error { return app.Trigger(work, s.ID) }, "system", s.ID)
		switch {
		case err == nil:
			s.State, s.Reason = archive.SystemScanning, ""
		case work.Err() != nil:
			return err
		case fault.ClassOf(err) != fault.Retry:
			v.fail(s, err.Error())
		default:
			s.Reason = err.Error()
			if v.attempts[s.ID]++; v.attempts[s.ID] == patience {
				v.fail(s, err.Error())
			}
		}
	}
	return nil
}

// recognise looks at the systems of which it is not known whether their POST has gone
// out. A system that is being analysed, or has been since, is not triggered again.
func (v *invocation) recognise(work context.Context, app Appliance) error {
	var scans map[string]runecast.Scan
	for i := range v.run.Systems {
		s := &v.run.Systems[i]
		if s.State != archive.SystemTriggering {
			continue
		}
		if scans == nil {
			var err error
			if scans, err = app.Statuses(work, v.inState(archive.SystemTriggering)); err != nil {
				return err
			}
		}
		scan, listed := scans[s.ID]
		if listed && scan.Trouble == "" && (scan.Timestamp != s.Baseline || scan.Status != "" && !scan.Final()) {
			s.State = archive.SystemScanning
		}
	}
	return nil
}
