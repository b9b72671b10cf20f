package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"runecast-ingest/internal/fault"
)

// firstRun shows after a deployment that the whole way works.
type firstRun struct {
	*session
	patience time.Duration
	// query proves in Dynatrace that rows arrived.
	query string
}

func firstRunCommand(f *flag.FlagSet) doing {
	r := firstRun{}
	file := f.String("query", "infra/dynatrace/queries/first-rows.dql", "`file` with the query to show at the end")
	f.DurationVar(&r.patience, "patience", 30*time.Minute, "how long the run and its delivery may take")
	return func(ctx context.Context, s *session) error {
		text, err := os.ReadFile(*file)
		if err != nil {
			return fmt.Errorf("read the query: %w", err)
		}
		r.session, r.query = s, strings.TrimSpace(string(text))
		ctx, cancel := context.WithTimeoutCause(ctx, r.patience, fmt.Errorf("not finished after %s: `status` tells how far it is", r.patience))
		defer cancel()
		return r.do(ctx)
	}
}

// do checks, archives without an analysis, waits for the delivery, and tells
// where to look. A check that failed ends it, since all else would fail too.
func (r *firstRun) do(ctx context.Context) error {
	if err := check(ctx, r.session); err != nil {
		return err
	}
	r.title("a run without an analysis")
	a, err := r.ask(ctx, collector, start{Action: "start", Mode: "latest"})
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
	r.tell("Dynatrace: Dashboards → Security Posture overview. In a notebook, this shows which rows have arrived:\n\n%s", r.query)
	return errors.Join(outcome, delivered)
}

// ended waits for the end of a run, and gives what is wrong with it.
func (r *firstRun) ended(ctx context.Context, a answer) (outcome, err error) {
	waited := false
	for a.figures().State == "running" {
		if err := r.wait(ctx); err != nil {
			return nil, err
		}
		waited = true
		if a, err = r.invoke(ctx, collector, action{"status"}); err != nil {
			return nil, err
		}
	}
	if !waited {
		return a.wellDone(), nil
	}
	return a.lastRun(), r.show(a)
}

// delivered waits until nothing waits to be delivered, and gives what is wrong.
func (r *firstRun) delivered(ctx context.Context) (outcome, err error) {
	for {
		a, err := r.invoke(ctx, forwarder, look{Action: "status"})
		if err != nil {
			return nil, err
		}
		f := a.figures()
		switch {
		case f.Objects == 0:
			err = &fault.Error{Class: fault.Reject, What: "nothing is archived yet", Cure: "start an analysis with `make start`"}
			return err, r.show(a)
		case f.Pending == 0:
			return a.wellDone(), r.show(a)
		}
		if err := r.wait(ctx); err != nil {
			return nil, errors.Join(err, r.show(a))
		}
	}
}
