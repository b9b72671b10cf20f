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

// patience is how many rounds in a row may fail before an invocation gives up
// and says why (the run stays; the next tick tries again), and how often it
// tries to trigger one system while the appliance answers otherwise.
const patience = 5

// calm is for how many poll intervals results must stay the same that may be
// those of a scan that goes on.
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
	// A crash before this write costs only time: the next tick waits for the lease to run out.
	v.run.Lease = nil
	if serr := v.save(ctx); serr != nil && !errors.Is(serr, errTaken) {
		return payload.RunAnswer{}, errors.Join(err, serr)
	}
	if err != nil {
		return payload.RunAnswer{}, fmt.Errorf("run %s is not finished and goes on with the next tick: %w", v.run.ID, err)
	}
	return goesOn(v.run), nil
}

// outcome is done if anything came of the run.
func (v *invocation) outcome() string {
	for _, s := range v.run.Systems {
		if s.State == archive.SystemArchived || s.State == archive.SystemUnchanged {
			return archive.RunDone
		}
	}
	return archive.RunFailed
}

// rounds repeats trigger, poll and archive until no system is open, or the
// time is up (nil), or going on makes no sense (an error).
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

// note keeps the last trouble as the reason of the systems that wait.
func (v *invocation) note(err error) {
	for i := range v.run.Systems {
		if s := &v.run.Systems[i]; open(s) {
			s.Reason = err.Error()
		}
	}
}

// round is one look at the appliance, and what follows from it. State is saved
// under ctx, everything else done under work, which ends earlier. A run past
// its time triggers no more.
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

// look reads the scans of these systems, and says in the run when to look again. It
// may archive some of them.
func (v *invocation) look(ctx, work context.Context, app Appliance, ids []string, late bool) (scans map[string]runecast.Scan, err error) {
	if v.run.Appliance.API == runecast.V2 {
		return app.Statuses(work, ids)
	}
	before, read := app.Received(), app.Statuses
	if v.progress(0).pass(v.run.NextLook) && !late {
		read = func(work context.Context, _ []string) (map[string]runecast.Scan, error) {
			return v.pass(ctx, work, app)
		}
	}
	scans, err = read(work, ids)
	v.paceLooks(app.Received() - before)
	return scans, err
}

// paceLooks says in the run when to look again after a look that has read so many
// bytes. Where looks cost little, nothing is said.
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

// judge reports whether a system's results are to be downloaded.
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

// missing is about a system that has no results. A vCenter has none before
// its first analysis, and an appliance that starts lists none at all.
func (v *invocation) missing(s *archive.RunSystem, others int) {
	had := s.Baseline != "" || v.run.Mode == payload.Latest
	if had && others > 0 {
		v.fail(s, "the appliance lists it no more: connect it again, or leave it out of the run")
		return
	}
	s.Reason = noResults
}

const noResults = "the appliance shows no results of it"

// settled reports whether the results of a scan without an end marker have been
// the same for long enough: at two looks in a row. A scan that lists fewer rules
// than the one before, or is the first, may still grow slowly: it must stay the
// same for longer. One without any rule has likely just begun, unless the one
// before had none either.
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

func (v *invocation) fail(s *archive.RunSystem, reason string) {
	s.State, s.Reason = archive.SystemFailed, reason
	v.o.Log.Warn("system failed", "run", v.run.ID, "system", s.ID, "name", s.Name, "reason", reason)
}

// trigger starts the analysis of every system that still needs it, one after
// the other. Each is written down as triggering before its POST, in the same
// write that keeps the outcome of the one before. A POST that fails for the
// moment is left to the next round; an error is about the state or the time.
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

// recognise looks at systems whose POST may or may not have gone out: one that
// is being analysed, or was since, is not triggered again.
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
