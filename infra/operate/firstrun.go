package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runecast-ingest/infra/dynatrace"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// firstRun is the command that shows after a deployment that everything works:
// both checks, a run without an analysis, and its delivery.
type firstRun struct {
	*session
	// timeout is how long the run and its delivery may take.
	timeout time.Duration
	// every is the time between two requests for the state of the run or delivery.
	every time.Duration
}

func (s *session) firstRunCommand() *cobra.Command {
	r := firstRun{session: s}
	c := s.asking("first-run", "Check both functions, archive and deliver what the appliance has, and say where to look", func(ctx context.Context, _ []string) error {
		ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("not finished after %s: `%s status` shows how far it is", r.timeout, self))
		defer cancel()
		return r.do(ctx)
	})
	c.Flags().DurationVar(&r.timeout, "timeout", 30*time.Minute, "how long the run and its delivery may take")
	c.Flags().DurationVar(&r.every, "every", 15*time.Second, "time between two looks at what is under way")
	return c
}

// do checks both functions, archives without an analysis, waits for the delivery,
// and says where to look in Dynatrace. A failed check ends it, since the run would
// fail as well. A crash of this program loses nothing: the functions continue, and
// first-run can be repeated.
func (r *firstRun) do(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	r.title("a run without an analysis")
	a, err := r.ask(ctx, collector, payload.RunRequest{Action: payload.Start, Mode: payload.Latest})
	if err != nil {
		return err
	}
	outcome, err := r.ended(ctx, a)
	if err != nil {
		return err
	}
	r.title("delivery")
	delivered, err := r.delivered(ctx)
	if err != nil {
		return errors.Join(outcome, err)
	}
	r.title("where to look")
	r.say("Dynatrace: Dashboards → Security Posture overview. In a notebook, this shows which rows have arrived:\n\n%s", strings.TrimSpace(dynatrace.FirstRows()))
	return errors.Join(outcome, delivered)
}

// ended waits for the end of the run that answer a is about. outcome says what
// failed in the run; err says that its end could not be seen.
func (r *firstRun) ended(ctx context.Context, a answer) (outcome, err error) {
	waited := false
	for a.figures().State == "running" {
		if err := r.wait(ctx); err != nil {
			return nil, err
		}
		waited = true
		if a, err = r.invoke(ctx, collector, payload.Action{Action: payload.Status}); err != nil {
			return nil, err
		}
	}
	if !waited {
		return a.wellDone(), nil
	}
	return a.lastRun(), r.show(a)
}

// delivered waits until no raw object is pending. outcome says which deliveries
// failed; err says that their end could not be seen.
func (r *firstRun) delivered(ctx context.Context) (outcome, err error) {
	for {
		a, err := r.invoke(ctx, forwarder, payload.Action{Action: payload.Status})
		if err != nil {
			return nil, err
		}
		f := a.figures()
		switch {
		case f.Objects == 0:
			err = &fault.Error{Class: fault.Reject, What: "nothing is archived yet", Cure: "start an analysis with `" + self + " start`"}
			return err, r.show(a)
		case f.Pending == 0:
			return a.wellDone(), r.show(a)
		}
		if err := r.wait(ctx); err != nil {
			return nil, errors.Join(err, r.show(a))
		}
	}
}

// wait waits for the time between two looks, or returns an error when the context
// ends.
func (r *firstRun) wait(ctx context.Context) error {
	t := time.NewTimer(r.every)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	}
}
