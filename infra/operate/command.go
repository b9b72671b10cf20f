package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// doing is a command with its flags read.
type doing func(ctx context.Context, s *session) error

// command is one word that operate knows.
type command struct {
	name, what string
	// prepare declares the command's own flags; what it gives is called after
	// they are read.
	prepare func(f *flag.FlagSet) doing
}

func commands() []command {
	return []command{
		{"first-run", "check both functions, archive and deliver what the appliance has, and say where to look", firstRunCommand},
		{"check", "try every step of both functions' ways", plainly(check)},
		{"status", "how the runs and the deliveries stand", statusCommand},
		{"start", "start a run", startCommand},
		{"tick", "carry the active run on", once(collector, action{"tick"})},
		{"cancel", "end the active run", once(collector, action{"cancel"})},
		{"sweep", "deliver what is not delivered yet", once(forwarder, action{"sweep"})},
		{"replay", "send archived scans again", replayCommand},
		{"quarantine", "what Dynatrace refused, and why", quarantineCommand},
		{"redrive", "give the functions again what the dead-letter queue keeps", plainly(redrive)},
		{"invoke", "invoke one function with a payload from a file", invokeCommand},
	}
}

// parse reads the arguments, and tells stderr what is wrong with them.
func parse(args []string, stdout, stderr io.Writer) (*session, doing, error) {
	s := &session{out: stdout}
	for _, c := range commands() {
		if len(args) == 0 || c.name != args[0] {
			continue
		}
		f := flag.NewFlagSet("operate "+c.name, flag.ContinueOnError)
		f.SetOutput(stderr)
		f.StringVar(&s.stack, "stack", cmp.Or(os.Getenv("STACK"), "runecast-ingest"), "the stack's `name`")
		f.BoolVar(&s.raw, "json", false, "show the answers as they come, one a line")
		f.BoolVar(&s.wide, "wide", false, "show all columns of tables")
		f.DurationVar(&s.every, "every", 15*time.Second, "time between two looks at what is under way")
		do := c.prepare(f)
		if err := f.Parse(args[1:]); err != nil {
			return nil, nil, err
		}
		if f.NArg() > 0 {
			_, _ = fmt.Fprintf(stderr, "operate: unexpected argument %s\n", plain(f.Arg(0)))
			return nil, nil, errors.New("usage")
		}
		return s, do, nil
	}
	usage(stderr)
	return nil, nil, errors.New("usage")
}

func usage(w io.Writer) {
	_, _ = fmt.Fprintln(w, "operate COMMAND [flags]; -h after a command lists its flags")
	for _, c := range commands() {
		_, _ = fmt.Fprintf(w, "  %-11s %s\n", c.name, c.what)
	}
}

// plainly is a command without flags of its own.
func plainly(do doing) func(*flag.FlagSet) doing {
	return func(*flag.FlagSet) doing { return do }
}

// once invokes a function once.
func once(function string, payload any) func(*flag.FlagSet) doing {
	return plainly(func(ctx context.Context, s *session) error { return s.must(ctx, function, payload) })
}

// must invokes a function; what its answer says to have failed is an error.
func (s *session) must(ctx context.Context, function string, payload any) error {
	a, err := s.ask(ctx, function, payload)
	if err != nil {
		return err
	}
	return a.wellDone()
}

// check tries both functions' ways. What is wrong with one does not hide the other.
func check(ctx context.Context, s *session) error {
	return s.both(func(function string) error { return s.must(ctx, function, action{"check"}) })
}

// both does something with each function, under its title.
func (s *session) both(do func(function string) error) error {
	var all error
	for _, function := range []string{collector, forwarder} {
		s.title("%s", s.function(function))
		all = errors.Join(all, do(function))
	}
	return all
}

func statusCommand(f *flag.FlagSet) doing {
	p := look{Action: "status"}
	f.StringVar(&p.System, "system", "", "only this system's deliveries, by `name` or id")
	f.StringVar(&p.Since, "since", "", "deliveries since this `day` or time (default 7 days ago)")
	f.StringVar(&p.Until, "until", "", "deliveries until this `day` or time")
	return func(ctx context.Context, s *session) error {
		return s.both(func(function string) error {
			if function == forwarder {
				return s.pages(ctx, p)
			}
			_, err := s.ask(ctx, collector, action{"status"})
			return err
		})
	}
}

func startCommand(f *flag.FlagSet) doing {
	p := start{Action: "start"}
	systems := f.String("systems", "", "`names` or ids, separated by commas (default all)")
	f.StringVar(&p.Mode, "mode", "", "analyze, or latest: archive what the appliance has (default analyze)")
	f.BoolVar(&p.Force, "force", false, "archive with -mode latest what was archived before")
	return func(ctx context.Context, s *session) error {
		p.Systems = names(*systems)
		return s.must(ctx, collector, p)
	}
}

// names splits a list at its commas.
func names(list string) []string {
	var all []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

func replayCommand(f *flag.FlagSet) doing {
	p := replay{Action: "replay"}
	f.StringVar(&p.Key, "key", "", "one raw `object`")
	f.StringVar(&p.Prefix, "prefix", "", "raw objects whose keys begin with this; raw/ is everything")
	f.StringVar(&p.Run, "run", "", "the objects of the run with this `id`")
	f.StringVar(&p.System, "system", "", "those of this system, by `name` or id")
	f.StringVar(&p.Since, "since", "", "those of runs since this `day` or time")
	f.StringVar(&p.Until, "until", "", "those of runs until this `day` or time")
	f.StringVar(&p.State, "state", "", "those whose delivery is complete, superseded, failed, pending or quarantined")
	f.IntVar(&p.Limit, "limit", 0, "most scans of one invocation (default what its time allows)")
	f.Float64Var(&p.Rate, "rate", 0, "most events a second (default no limit)")
	f.BoolVar(&p.DryRun, "dry-run", false, "count what would be sent; send and write nothing")
	f.Float64Var(&p.Price, "price", 0, "with -dry-run, what a GiB costs")
	f.BoolVar(&p.Force, "force", false, "with -key, show this scan even if a newer one is committed")
	return func(ctx context.Context, s *session) error { return s.pages(ctx, p) }
}

func quarantineCommand(f *flag.FlagSet) doing {
	p := refusals{Action: "quarantine"}
	f.StringVar(&p.Key, "key", "", "the raw `object` whose refused events are meant (default: which objects have any)")
	f.Func("index", "with -key, show this event whole", func(text string) error {
		p.Index = new(int64)
		if _, err := fmt.Sscan(text, p.Index); err != nil {
			return errors.New("must be a number")
		}
		return nil
	})
	return func(ctx context.Context, s *session) error { return s.pages(ctx, p) }
}
