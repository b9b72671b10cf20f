// Command local is the product on one machine: the appliance and Dynatrace's
// ingest simulated, a real S3 server, both Lambda binaries under the Runtime
// API, and what AWS puts in between. It promises to tell whether the dashboard
// shows what the appliance shows: exit status 0 if so, else 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/simulate/appliance"
)

// options are the flags.
type options struct {
	appliance      appliance.Options
	mode           trigger.Mode
	keep           bool
	token          string // instead of the right Dynatrace token
	runecastToken  string // instead of the right Runecast token
	verbose        bool
	timeout        time.Duration
	tick           time.Duration
	settle         time.Duration
	stdout, stderr *os.File
	// root is the module's folder, out where everything goes that is made, bin
	// where the functions' binaries are.
	root, out, bin string
}

// logs is the folder of the log files.
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

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{
		mode: trigger.Direct(), tick: 3 * time.Second, settle: 5 * time.Second,
		root: ".", out: "out", bin: filepath.Join("out", "bin"),
	}
	f := flag.NewFlagSet("local", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = fmt.Fprint(stderr, "Runs the whole product on this machine: make run ARGS=\"-objects 200000 -seed 7\"\n\n")
		f.PrintDefaults()
	}
	a := &o.appliance
	f.IntVar(&a.Findings, "objects", appliance.DefaultFindings, "about how many findings the appliance's systems have together")
	f.Uint64Var(&a.Seed, "seed", 1, "the appliance's systems and results are made from this number")
	f.DurationVar(&a.ScanTime, "scan-time", appliance.DefaultScanTime, "how long the analysis of one system takes")
	f.StringVar(&a.ResultsFile, "results", "", "serve the saved /results document in `FILE` (plain or gzip) instead of made-up systems")
	f.StringVar(&a.IssuesFile, "issues", "", "`FILE` with the saved /issues document that belongs to it")
	f.StringVar(&a.VCentersFile, "vcenters", "", "`FILE` with the saved /vcenters document that belongs to it")
	f.Func("trigger", "how S3 calls the forwarder, `direct` or queue (default direct)", func(way string) error {
		switch way {
		case "direct":
			o.mode = trigger.Direct()
		case "queue":
			o.mode = trigger.Queue(region)
		default:
			return errors.New("must be direct or queue")
		}
		return nil
	})
	f.BoolVar(&o.keep, "keep", false, "keep the archive of the last run under out/bucket")
	f.StringVar(&o.token, "token", "", "give the forwarder this Dynatrace token, a wrong one")
	f.StringVar(&o.runecastToken, "runecast-token", "", "give the collector this Runecast token, a wrong one")
	f.BoolVar(&o.verbose, "v", false, "write the functions' logs to the terminal, not to out/log")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this time")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var wrong string
	switch {
	case f.NArg() > 0:
		wrong = "unexpected argument " + f.Arg(0)
	case a.Findings < 1, a.ScanTime <= 0, o.timeout <= 0:
		wrong = "-objects, -scan-time and -timeout must be positive"
	case a.ResultsFile == "" && (a.IssuesFile != "" || a.VCentersFile != ""):
		wrong = "-issues and -vcenters go with -results"
	default:
		return o, nil
	}
	_, _ = fmt.Fprintln(stderr, wrong)
	return o, errors.New(wrong)
}

// run is one run from build to verdict.
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

// play starts the stack, lets it work once, and judges what came of it.
func play(ctx context.Context, o options, show *display.Display) error {
	show.Begin("start")
	s, err := startStack(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	show.Done("appliance, S3, Secrets Manager, X-Ray, Dynatrace ingest")
	answer, err := s.collect(ctx, show)
	if err != nil {
		return err
	}
	deliveries, err := s.deliver(ctx, show)
	if err != nil {
		return err
	}
	show.Begin("compare")
	v, err := s.judge(answer, deliveries)
	if err != nil {
		return err
	}
	if len(v.problems) == 0 {
		show.Done("every tile of the dashboard is equal")
	} else {
		show.Done("differences: %d", len(v.problems))
	}
	v.print(o.stdout)
	return v.err()
}
