package collect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

const (
	// shownRuns is how many past runs status shows.
	shownRuns = 10
	// recently is how far back status looks first. If it finds too few runs, it looks
	// back as far as seldom, in which a monthly schedule has at least three runs.
	recently = 7 * 24 * time.Hour
	seldom   = 93 * 24 * time.Hour
)

// stateUnreadable is shown as the state of a run whose document cannot be read.
const stateUnreadable = "unreadable"

// status shows the active run and the last ones.
func (v *invocation) status(ctx context.Context) (payload.RunAnswer, error) {
	if err := v.load(ctx); err != nil {
		return payload.RunAnswer{}, err
	}
	a := idle(v.run)
	if v.run.State != "" && v.run.State != archive.RunIdle {
		a = goesOn(v.run)
		a.Open = openSystems(v.run)
	}
	var err error
	a.Runs, err = v.lastRuns(ctx)
	return a, err
}

// openSystems returns the open systems of a run, at most maxFailures of them.
func openSystems(r *archive.Run) []payload.OpenSystem {
	var all []payload.OpenSystem
	for i := range r.Systems {
		if s := &r.Systems[i]; open(s) && len(all) < maxFailures {
			all = append(all, payload.OpenSystem{System: s.Name, State: s.State, Reason: s.Reason})
		}
	}
	return all
}

// lastRuns reads the newest runs, the newest first. S3 lists them oldest first, so
// lastRuns looks at one week, and further back only if that week has too few runs.
func (v *invocation) lastRuns(ctx context.Context) ([]payload.PastRun, error) {
	ids, err := v.newest(ctx, recently)
	if err == nil && len(ids) < shownRuns {
		ids, err = v.newest(ctx, seldom)
	}
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	runs := make([]payload.PastRun, 0, len(ids))
	for _, id := range slices.Backward(ids) {
		p, err := v.pastRun(ctx, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, p)
	}
	return runs, nil
}

// newest returns the ids of the last runs that began within a time until now, at most
// shownRuns of them, oldest first.
func (v *invocation) newest(ctx context.Context, within time.Duration) ([]string, error) {
	ids := make([]string, 0, shownRuns+1)
	for id, err := range v.o.Store.Runs(ctx, v.o.Now().Add(-within)) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, id); len(ids) > shownRuns {
			ids = slices.Delete(ids, 0, 1)
		}
	}
	return ids, nil
}

// pastRun reads one run. If its document is damaged, it returns no error but a run that
// says so, so that the others are still shown.
func (v *invocation) pastRun(ctx context.Context, id string) (payload.PastRun, error) {
	doc, err := v.o.Store.FinishedRun(ctx, id)
	if err != nil {
		if fault.ClassOf(err) != fault.Reject {
			return payload.PastRun{}, fmt.Errorf("read the run %s: %w", id, err)
		}
		return payload.PastRun{Run: id, State: stateUnreadable, Failures: []payload.RunFailure{{Reason: err.Error()}}}, nil
	}
	r := &doc.Value
	a := answer(r, "")
	return payload.PastRun{
		Run: id, State: r.State, Trigger: r.Trigger, Mode: r.Mode, StartedAt: r.StartedAt,
		RunCounts: a.RunCounts, Failures: a.Failures[:min(len(a.Failures), shownFailures)],
	}, nil
}

// shownFailures bounds the failures of a past run in an answer.
const shownFailures = 10
