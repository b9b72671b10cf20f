package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

func (s *session) replayCommand() *cobra.Command {
	p := replay{payload.ReplayRequest{Action: payload.Replay}}
	anew := false
	c := s.asking("replay", "Send archived scans again", func(ctx context.Context, _ []string) error {
		if p.PricePerGiB != 0 && !p.DryRun { // the function would refuse it, and it would be remembered as begun
			return &fault.Error{Class: fault.Config, Where: "--price", What: "it is for a dry run, and this replay would send", Cure: "add --dry-run, or leave --price out"}
		}
		if p.Next == "" && !p.DryRun {
			if err := s.unfinished(p); err != nil && !anew {
				return err
			}
			p.Next = s.newID() + " " // the id, and no position: the replay begins with the first object
		}
		return s.pages(ctx, p)
	})
	c.Long = "Sends archived scans again. Of the objects chosen the newest scan of each system is sent, and only if no newer one is\n" +
		"committed; --key with --force shows an older one knowingly."
	c.Example = "  runecast-ingest replay --prefix raw/ --dry-run --price 0.2\n" +
		"  runecast-ingest replay --system vc1.example --since 2026-03-01 --until 2026-03-31"
	f := c.Flags()
	f.StringVar(&p.Key, "key", "", "one raw `object`")
	f.StringVar(&p.Prefix, "prefix", "", "raw objects whose keys begin with this `text`; raw/ is everything")
	f.StringVar(&p.Run, "run", "", "the objects of the run with this `id`")
	f.StringVar(&p.System, "system", "", "those of this system, by `name` or id")
	f.StringVar(&p.Since, "since", "", "those of runs since this `day` or time")
	f.StringVar(&p.Until, "until", "", "those of runs until this `day` or time")
	f.StringVar(&p.State, "state", "", "those whose delivery has this `state`: complete, superseded, failed, pending or quarantined")
	f.IntVar(&p.Limit, "limit", 0, "most scans of one invocation (default what its time allows)")
	f.Float64Var(&p.MaxEventsPerSecond, "rate", 0, "most events a second (default no limit)")
	f.BoolVar(&p.DryRun, "dry-run", false, "count what would be sent; send and write nothing")
	f.Float64Var(&p.PricePerGiB, "price", 0, "with --dry-run, what a GiB costs")
	f.BoolVar(&p.Force, "force", false, "with --key, show this scan even if a newer one is committed")
	f.StringVar(&p.Next, "next", "", "go on where a replay was cut off, by the `cursor` that it printed; the other flags as before")
	f.BoolVar(&anew, "anew", false, "begin once more, although the same replay was begun before and has not ended")
	return completing(c, "state", "complete", "superseded", "failed", "pending", "quarantined")
}

// pages invokes the forwarder, and again with the cursor of each answer until an
// answer has none. A failed scan does not keep the other scans from being sent.
//
// A call, or this machine, may be cut off while the function continues to work.
// So the id of a replay is made here, before its first call. A later call with the
// cursor of an earlier one continues the same replay, in which nothing is sent
// twice. The command for this is printed before the first call of a replay and
// whenever a call fails, and recorded on this machine before every call. A crash
// before a call leaves a record of a replay that has sent nothing yet; the recorded
// command sends it.
func (s *session) pages(ctx context.Context, p paged) error {
	var failed error
	r, replays := p.(replay)
	sends := replays && !r.DryRun
	cursor, last := "", r.Next
	before := s.kept(r)
	if sends {
		s.note("If this is cut off, go on with the same replay, in which nothing is sent twice:\n  %s", s.onThisStack(p.goOn(last)))
	}
	for {
		if sends {
			s.keep(r, last)
		}
		a, err := s.ask(ctx, forwarder, p)
		if err != nil {
			switch {
			case refused(err) && sends:
				s.restore(r, before)
			case last != "":
				err = errors.Join(err, errors.New("go on with: "+s.onThisStack(p.goOn(last))))
			}
			return errors.Join(failed, err)
		}
		if replays {
			failed = errors.Join(failed, a.wellDone())
		}
		f := a.figures()
		switch {
		case f.Cursor == "":
			if sends {
				s.forget(r)
			}
			return failed
		case f.Cursor == cursor && f.Accepted == 0:
			return errors.Join(failed, &fault.Error{Class: fault.Retry, Where: s.function(forwarder), What: "two invocations came no further",
				Cure: "follow the reasons above, then go on with: " + s.onThisStack(p.goOn(cursor))})
		}
		cursor, last = f.Cursor, f.Cursor
		p = p.from(cursor)
		s.title("goes on")
	}
}
