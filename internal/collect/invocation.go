package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

const (
	// reserve bounds the time at the end of an invocation that is kept for saving the
	// run.
	reserve = time.Minute
	// leaseMargin is how long a lease outlives its owner's deadline.
	leaseMargin = time.Minute
	// unbounded is how long the lease of an invocation without a deadline lasts.
	unbounded = 15 * time.Minute
	// decisions is how often a start or cancel is decided if another invocation was
	// faster each time.
	decisions = 3
)

// errTaken: another invocation has written the run since this one read it. The other
// one owns the run now, and this one must not write it any more.
var errTaken = errors.New("another invocation took the run over")

// invocation is one call of Handle: it may own the run for a while.
type invocation struct {
	*Collector
	lease archive.Lease
	stop  time.Time // no new work from then on; zero: no limit
	doc   store.Doc[archive.Run]
	run   *archive.Run // within doc

	app          Appliance           // nil until needed
	api          string              // the version of the API that app uses
	attempts     map[string]int      // failed triggers, by system id
	notices      []payload.RunNotice // of the runs that this invocation has closed
	catalogTried bool
	saved        time.Time // when the run was last saved
	unsaved      int       // systems that have ended since then
	downloadErr  error     // of this invocation's last download of all results; nil: it succeeded, or there was none
}

// invocation returns a new invocation with a lease of its own. It has not read the run.
func (c *Collector) invocation(ctx context.Context) *invocation {
	v := &invocation{Collector: c, attempts: make(map[string]int)}
	v.run = &v.doc.Value
	now := c.o.Now()
	left := unbounded
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
		v.stop = now.Add(left - min(reserve, left/4))
	}
	v.lease = archive.Lease{Owner: uuid.NewString(), Until: now.Add(left + leaseMargin).UTC()}
	return v
}

func (v *invocation) load(ctx context.Context) error {
	doc, err := v.o.Store.ActiveRun(ctx)
	if err != nil {
		return fmt.Errorf("load the active run: %w", err)
	}
	v.doc = doc
	return nil
}

// write writes a run document. If S3 has refused it because two writes met (409), it
// writes once more under the same condition.
func (v *invocation) write(ctx context.Context, doc *store.Doc[archive.Run]) error {
	err := v.o.Store.SaveRun(ctx, doc)
	if errors.Is(err, store.ErrRace) {
		err = v.o.Store.SaveRun(ctx, doc)
	}
	return err
}

// save writes the active run. After any error nothing may be done any more: errTaken
// says that another invocation owns the run, a *stateError that the write failed.
func (v *invocation) save(ctx context.Context) error {
	err := v.write(ctx, &v.doc)
	switch {
	case err == nil:
		v.saved, v.unsaved = v.o.Now(), 0
		return nil
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
		return errTaken
	}
	return &stateError{err}
}

// stateError is the error of a failed write of the run. Nothing may be done after it.
type stateError struct{ err error }

func (e *stateError) Error() string { return "save the run: " + e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

// decide carries out a start or cancel, and repeats it if another invocation has
// written the run meanwhile.
func (v *invocation) decide(ctx context.Context, do func(context.Context) (payload.RunAnswer, error)) (payload.RunAnswer, error) {
	for range decisions {
		a, err := do(ctx)
		if !errors.Is(err, errTaken) {
			return a, err
		}
	}
	return payload.RunAnswer{}, &fault.Error{Class: fault.Retry, What: "other invocations keep changing the run", Cure: "try again in a minute"}
}

// tick goes on with the active run, if there is one and nobody else does.
func (v *invocation) tick(ctx context.Context) (payload.RunAnswer, error) {
	if err := v.load(ctx); err != nil {
		return payload.RunAnswer{}, err
	}
	switch v.run.State {
	case "", archive.RunIdle:
		return idle(v.run), nil
	case archive.RunRunning:
		return v.resume(ctx)
	}
	return v.close(ctx)
}

// resume takes the run over, unless its lease is live.
func (v *invocation) resume(ctx context.Context) (payload.RunAnswer, error) {
	if v.run.Lease.Live(v.o.Now()) {
		return busy(v.run), nil
	}
	// A crash from here on leaves the run to the first tick after the lease has run out.
	v.run.Lease = &v.lease
	switch err := v.save(ctx); {
	case errors.Is(err, errTaken):
		return busy(v.run), nil
	case err != nil:
		return payload.RunAnswer{}, err
	}
	v.o.Log.InfoContext(ctx, "run resumed", "run", v.run.ID)
	return v.work(ctx)
}

// cancel ends the active run, if there is one, also while another invocation works on it.
func (v *invocation) cancel(ctx context.Context) (payload.RunAnswer, error) {
	if err := v.load(ctx); err != nil {
		return payload.RunAnswer{}, err
	}
	switch v.run.State {
	case "", archive.RunIdle:
		return idle(v.run), nil
	case archive.RunRunning:
		v.endOpen(archive.SystemFailed, "cancelled by hand")
		return v.end(ctx, archive.RunCancelled)
	}
	return v.close(ctx)
}

// end closes a run whose systems have all ended, under a final state. A crash
// before the state is saved leaves a run without open systems, which the next
// tick ends without looking at the systems again; a crash after it a run that the
// next tick closes.
func (v *invocation) end(ctx context.Context, state string) (payload.RunAnswer, error) {
	v.run.State, v.run.Lease, v.run.NextLook = state, nil, time.Time{}
	if err := v.save(ctx); err != nil {
		return payload.RunAnswer{}, err
	}
	return v.close(ctx)
}

// close writes the ended run to runs/<id>.json, and sets runs/active.json to idle, which
// makes room for the next run. Any invocation may repeat both writes: after a crash
// between the two the next tick or start finds that runs/<id>.json exists (412), and
// sets runs/active.json to idle. The invocation that does so publishes the notice. If
// it dies right after that write, there is no notice, and nobody repairs that.
func (v *invocation) close(ctx context.Context) (payload.RunAnswer, error) {
	kept := store.Doc[archive.Run]{Key: archive.RunKey(v.run.ID), Value: *v.run}
	kept.Value.Last = nil
	err := v.write(ctx, &kept)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return payload.RunAnswer{}, fmt.Errorf("keep the finished run: %w", err)
	}
	a := finished(v.run)
	notice := noticeOf(v.run, &a)
	v.run.State = archive.RunIdle
	switch err := v.save(ctx); {
	case errors.Is(err, errTaken):
		return a, nil // another invocation closed it, and sends the notice
	case err != nil:
		return payload.RunAnswer{}, err
	}
	v.notices = append(v.notices, notice)
	v.o.Log.InfoContext(ctx, "run ended", "run", a.Run, "state", a.State, "systems", a.Systems, "archived", a.Archived,
		"unchanged", a.Unchanged, "failed", a.Failed, "timedout", a.TimedOut, "bytes", a.Bytes)
	v.o.Metrics.Put(runMetrics(&a)...)
	return a, nil
}

// endOpen ends the systems that are still open.
func (v *invocation) endOpen(state, reason string) {
	for i := range v.run.Systems {
		s := &v.run.Systems[i]
		if !open(s) {
			continue
		}
		last := s.Reason
		s.State, s.Reason = state, reason
		if last != "" {
			s.Reason += "; last seen: " + last
		}
	}
}

// open reports whether a system has not ended.
func open(s *archive.RunSystem) bool {
	return s.State == archive.SystemPending || s.State == archive.SystemTriggering || s.State == archive.SystemScanning
}

func (v *invocation) anyOpen() bool { return v.countOpen() > 0 }

func (v *invocation) countOpen() int {
	n := 0
	for i := range v.run.Systems {
		if open(&v.run.Systems[i]) {
			n++
		}
	}
	return n
}
