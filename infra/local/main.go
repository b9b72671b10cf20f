// Command local is the product on one machine: the appliance and Dynatrace's
// ingest simulated, a real S3 server, both Lambda binaries under the Runtime
// API, and what AWS puts in between. It promises to tell whether the dashboard
// shows what the appliance shows: exit status 0 if it does, 1 if it does not or
// if the run failed, 2 for wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/infra/local/schedule"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/receiver"
)

// options are the values of the flags, and of a few settings that only tests change.
type options struct {
	appliance appliance.Options
	cuts      []appliance.Cut // answers of the appliance that break off
	// analysis is the run's mode. runecastAPI is the collector's RUNECAST_API; ""
	// leaves it unset.
	analysis, runecastAPI string
	mode                  trigger.Mode // how S3 calls the forwarder
	keep                  bool         // the archive of the last run stays
	proxy                 bool         // the functions go through a real proxy
	platformToken         bool         // the right Dynatrace token is a platform token
	token                 string       // a wrong Dynatrace token for the forwarder; "": the right one
	runecastToken         string       // a wrong Runecast token for the collector; "": the right one
	indexing              receiver.Indexing
	query                 string        // what the query service does instead of answering; "": it answers
	tokenFor              time.Duration // how long the Runecast token is valid; 0: for ever
	verbose               bool          // the functions' logs go to the terminal
	timeout               time.Duration // of the whole run
	collectorTimeout      time.Duration // of one invocation of the collector
	patience              time.Duration // what SCAN_TIMEOUT allows a run beyond its analyses
	tick                  time.Duration // between two ticks of the collector, and between two sweeps
	settle                time.Duration // how long to wait for a delivery or a notice when nothing happens
	stdout, stderr        *os.File
	// root is the module's folder, out the folder for everything that a run makes,
	// bin the folder of the functions' binaries.
	root, out, bin string
}

// logs returns the folder of the log files.
func (o options) logs() string { return filepath.Join(o.out, "log") }

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2) // parse has said why
	}
	o.stdout, o.stderr = os.Stdout, os.Stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	if err := run(ctx, o); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "local stack:", err)
		os.Exit(1)
	}
}

// run builds the functions and plays one run up to its verdict. When ctx ends, its
// cause becomes the error: interrupted, or not finished within -timeout.
func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not finished after %s (-timeout): see %s", o.timeout, o.logs()))
	defer cancel()
	show := display.New(o.stdout, o.verbose)
	show.Begin("build")
	err := build(ctx, o.root, o.bin)
	if err == nil {
		show.Done("collector, forwarder")
		err = play(ctx, o, show)
	}
	show.Interrupt()
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), context.Canceled):
		return errors.New("interrupted")
	default:
		return context.Cause(ctx)
	}
}

// play starts the stack, lets it make one run, compares the dashboard with the
// appliance, and prints the summary. It returns an error if they differ.
func play(ctx context.Context, o options, show *display.Display) error {
	show.Begin("start")
	s, err := startStack(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	way := ""
	if o.proxy {
		way = ", a proxy before all of them"
	}
	show.Done("appliance, S3, Secrets Manager, EventBridge, X-Ray, Dynatrace ingest%s", way)
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	go schedule.Sweep(sweeping, s.forwarder, o.tick)
	answer, err := s.collect(ctx, show)
	if err != nil {
		return err
	}
	deliveries, err := s.deliver(ctx, show)
	if err != nil {
		return err
	}
	arrivals, err := s.verify(ctx, show, answer.Run, deliveries)
	if err != nil {
		return err
	}
	show.Begin("compare")
	v, err := s.judge(ctx, answer, deliveries)
	if err != nil {
		return err
	}
	v.arrivals = arrivals
	if len(v.problems) == 0 {
		show.Done("every tile of the dashboard is equal")
	} else {
		show.Done("differences: %d", len(v.problems))
	}
	if err := v.writeReport(); err != nil {
		return err
	}
	v.print(o.stdout)
	return v.err()
}
