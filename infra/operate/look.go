package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"runecast-ingest/internal/payload"
)

func (s *session) checkCommand() *cobra.Command {
	return s.asking("check", "Try every step of both functions' ways, each failure with its cure",
		func(ctx context.Context, _ []string) error { return s.check(ctx) })
}

// check sends both functions their check. A failure of one does not keep the other
// from being checked.
func (s *session) check(ctx context.Context) error {
	return s.both(func(function string) error { return s.must(ctx, function, payload.Action{Action: payload.Check}) })
}

// both calls do for each function, below a heading with the function's name, and
// returns all errors.
func (s *session) both(do func(function string) error) error {
	var all error
	for _, function := range []string{collector, forwarder} {
		s.title("%s", s.function(function))
		all = errors.Join(all, do(function))
	}
	return all
}

func (s *session) statusCommand() *cobra.Command {
	p := inspection{Action: payload.Status}
	c := s.asking("status", "Show how the runs and the deliveries stand", func(ctx context.Context, _ []string) error {
		return s.both(func(function string) error {
			if function == forwarder {
				return s.pages(ctx, p)
			}
			_, err := s.ask(ctx, collector, payload.Action{Action: payload.Status})
			return err
		})
	})
	c.Example = "  runecast-ingest status --system vc1.example --since 2026-03-01 --until 2026-03-31"
	f := c.Flags()
	f.StringVar(&p.System, "system", "", "only this system's deliveries, by `name` or id")
	f.StringVar(&p.Since, "since", "", "deliveries since this `day` or time (default 7 days ago)")
	f.StringVar(&p.Until, "until", "", "deliveries until this `day` or time")
	f.StringVar(&p.Next, "next", "", "go on by the `cursor` of an earlier answer")
	return c
}

func (s *session) quarantineCommand() *cobra.Command {
	p := inspection{Action: payload.Quarantine}
	index := new(int64)
	var c *cobra.Command
	c = s.asking("quarantine", "Show what Dynatrace refused, and why", func(ctx context.Context, _ []string) error {
		if c.Flags().Changed("index") {
			p.Index = index
		}
		return s.pages(ctx, p)
	})
	c.Example = "  runecast-ingest quarantine\n  runecast-ingest quarantine --key raw/v1/… --index 7"
	f := c.Flags()
	f.StringVar(&p.Key, "key", "", "the raw `object` whose refused events are meant (default: which objects have any)")
	f.StringVar(&p.Next, "next", "", "go on by the `cursor` of an earlier answer")
	f.Int64Var(index, "index", 0, "with --key, show the event of this `number` whole")
	return c
}
