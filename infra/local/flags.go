package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/appliance"
)

// parse reads the flags. It writes to stderr what is wrong with them, and returns
// it as an error; flag.ErrHelp for -h.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{
		mode: trigger.Direct(), patience: 10 * time.Second, tick: 3 * time.Second, settle: 5 * time.Second, analysis: payload.Analyze,
		root: ".", out: "out", bin: filepath.Join("out", "bin"),
	}
	o.appliance.Quirks = map[string]appliance.Quirk{}
	f := flag.NewFlagSet("local", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = fmt.Fprint(stderr, "Runs the whole product on this machine: make run ARGS=\"-api v2 -scan-time 30s -fail vc2\"\n"+
			"A NAME is that of a system in the appliance, or what stands before its first dot.\n\n")
		f.PrintDefaults()
	}
	o.estateFlags(f)
	o.faultFlags(f)
	o.runFlags(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, refuse(stderr, "unexpected argument "+f.Arg(0))
	}
	if wrong := o.wrong(); wrong != "" {
		return o, refuse(stderr, wrong)
	}
	if o.timeout == 0 {
		o.timeout = o.scanTimeout() + 10*time.Minute
	}
	return o, nil
}

func refuse(stderr io.Writer, what string) error {
	_, _ = fmt.Fprintln(stderr, what)
	return errors.New(what)
}

// wrong returns what is wrong with the values of the flags or their combination; ""
// if nothing is.
func (o options) wrong() string {
	a := o.appliance
	switch {
	case a.Findings < 1:
		return "-objects must be at least 1"
	case a.ScanTime <= 0:
		return "-scan-time must be above 0, as in 2s"
	case o.collectorTimeout <= 0:
		return "-collector-timeout must be above 0, as in 15m"
	case o.timeout < 0, o.tokenFor < 0, a.HugeIssue < 0:
		return "-timeout, -token-for and -huge must not be below 0"
	case o.indexing.LoseEvery < 0, o.indexing.TwiceEvery < 0, o.indexing.Delay < 0:
		return "-lose, -double and -index must not be below 0"
	case a.ResultsFile == "" && (a.IssuesFile != "" || a.VCentersFile != ""):
		return "-issues and -vcenters go with -results"
	case a.ResultsFile != "" && (a.API != appliance.APIv1 || len(a.Quirks) > 0 || a.HugeIssue > 0):
		return "-results serves the file as it is: leave out -api, -huge, -fail, -hang, -vanish, -empty and -unscanned"
	}
	return ""
}

// estateFlags declares the flags about the appliance and its systems.
func (o *options) estateFlags(f *flag.FlagSet) {
	a := &o.appliance
	f.IntVar(&a.Findings, "objects", appliance.DefaultFindings, "about how many findings the appliance's systems have together")
	f.Uint64Var(&a.Seed, "seed", 1, "the appliance's systems and results are made from this number")
	f.IntVar(&a.HugeIssue, "huge", 0, "how many objects one failed check affects, beside -objects")
	f.StringVar(&a.ResultsFile, "results", "", "serve the saved /results document in `FILE` (plain or gzip) instead of made-up systems")
	f.StringVar(&a.IssuesFile, "issues", "", "`FILE` with the saved /issues document that belongs to it")
	f.StringVar(&a.VCentersFile, "vcenters", "", "`FILE` with the saved /vcenters document that belongs to it")
	a.API = appliance.APIv1
	f.Func("api", "which API the appliance speaks: `v1`, v2, both, or mixed: read by v2, trigger by v1 (default v1)",
		choice(&a.API, appliance.APIv1, appliance.APIv2, appliance.APIBoth, appliance.APIMixed))
	f.BoolVar(&a.TextIDs, "text-ids", false, "API v2 sends its ids as strings, not as numbers")
	f.DurationVar(&a.ScanTime, "scan-time", appliance.DefaultScanTime, "how long the analysis of one system takes")
	f.DurationVar(&a.LastScanAge, "last-scan", appliance.DefaultLastScanAge, "how long ago the last analyses ended; below 0, in the future")
	quirk := func(name, usage string, set func(*appliance.Quirk)) {
		f.Func(name, usage+"; may be repeated", func(system string) error {
			if system = strings.ToLower(system); system == "" {
				return errors.New("must name a system")
			}
			q := a.Quirks[system]
			set(&q)
			a.Quirks[system] = q
			return nil
		})
	}
	quirk("fail", "the analysis of `NAME` fails", func(q *appliance.Quirk) { q.FailsAs = "FINISHED_WITH_ERROR" })
	quirk("hang", "the analysis of `NAME` never ends", func(q *appliance.Quirk) { q.Endless = true })
	quirk("vanish", "`NAME` is disconnected during its analysis", func(q *appliance.Quirk) { q.Vanishes = true })
	quirk("empty", "the analysis of `NAME` leaves no results", func(q *appliance.Quirk) { q.Empties = true })
	quirk("unscanned", "`NAME` was never analysed before", func(q *appliance.Quirk) { q.Unscanned = true })
}

// faultFlags declares the flags about faults of the appliance and of Dynatrace, and
// about wrong credentials.
func (o *options) faultFlags(f *flag.FlagSet) {
	faults := &o.appliance.Faults
	f.BoolVar(&faults.Conflict, "conflict", false, "a trigger during an analysis is refused with 409")
	f.BoolVar(&faults.BrokenCatalogue, "broken-issues", false, "all of /issues fails with 500, single types do not")
	f.Func("login", "a wrong token gets a `redirect` to a login page, or that page, instead of 401",
		choice(&faults.Login, appliance.LoginRedirect, appliance.LoginPage))
	f.Func("errors", "the appliance's errors are `html`, not JSON", choice(&faults.Errors, appliance.ErrorsHTML))
	f.DurationVar(&o.tokenFor, "token-for", 0, "the Runecast token expires after this time (default never)")
	f.Func("update", "the appliance updates itself (503) at `TIME+LENGTH`, as 20s+10s; may be repeated", func(text string) error {
		u, err := parseUpdate(text)
		faults.Updates = append(faults.Updates, u)
		return err
	})
	f.DurationVar(&faults.Skew, "skew", 0, "how far the appliance's clock is ahead; below 0, behind")
	f.Func("cut", "break off answers, as `PATH:CALL:BYTES`: of this path (* for any segment) the answer to this call (1 the first, 0 each) after so many bytes; may be repeated", func(text string) error {
		c, err := parseCut(text)
		o.cuts = append(o.cuts, c)
		return err
	})
	f.BoolVar(&o.platformToken, "platform-token", false, "the Dynatrace token is a platform token (dt0s16), not an access token (dt0c01)")
	f.StringVar(&o.token, "token", "", "give the forwarder this Dynatrace token, a wrong one")
	f.IntVar(&o.indexing.LoseEvery, "lose", 0, "Dynatrace loses each `n`-th finding after its 202")
	f.IntVar(&o.indexing.TwiceEvery, "double", 0, "Dynatrace stores each `n`-th finding twice")
	f.DurationVar(&o.indexing.Delay, "index", 0, "how long Dynatrace takes to index an event")
	f.Func("query", "the query service is `refused`, slow or limited, or none is there for the token", choice(&o.query, queryRefused, querySlow, queryLimited, queryNone))
	f.StringVar(&o.runecastToken, "runecast-token", "", "give the collector this Runecast token, a wrong one")
}

// runFlags declares the flags about the product's settings and about this run.
func (o *options) runFlags(f *flag.FlagSet) {
	f.Func("mode", "`analyze` the systems, or archive their latest results (default analyze)", choice(&o.analysis, payload.Analyze, payload.Latest))
	f.Func("runecast-api", "the collector's setting RUNECAST_API, `auto`, v1 or v2 (default auto)", choice(&o.runecastAPI, "auto", "v1", "v2"))
	f.DurationVar(&o.collectorTimeout, "collector-timeout", functionTimeout, "how long one invocation of the collector may take")
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
	f.BoolVar(&o.proxy, "proxy", false, "the functions go through a real proxy, Debian's tinyproxy, and nothing past it")
	f.BoolVar(&o.keep, "keep", false, "keep the archive of the last run under out/bucket")
	f.BoolVar(&o.verbose, "v", false, "write the functions' logs to the terminal, not to out/log")
	f.DurationVar(&o.timeout, "timeout", 0, "give up after this time (default what the analyses may take, and 10m)")
}

// choice returns the parser of a flag that takes one of these values only.
func choice(into *string, values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return errors.New("must be " + strings.Join(values, " or "))
		}
		*into = value
		return nil
	}
}

func parseUpdate(text string) (appliance.Update, error) {
	after, length, _ := strings.Cut(text, "+")
	a, err := time.ParseDuration(after)
	l, err2 := time.ParseDuration(length)
	if err := errors.Join(err, err2); err != nil {
		return appliance.Update{}, errors.New("must be like 20s+10s")
	}
	if a < 0 || l <= 0 {
		return appliance.Update{}, errors.New("TIME must not be below 0, and LENGTH must be above 0")
	}
	return appliance.Update{After: a, For: l}, nil
}

func parseCut(text string) (appliance.Cut, error) {
	malformed := errors.New("must be like /rc2/api/v1/results:3:20000")
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return appliance.Cut{}, malformed
	}
	call, err := strconv.ParseUint(parts[1], 10, 31)
	after, err2 := strconv.ParseUint(parts[2], 10, 62)
	_, err3 := path.Match(parts[0], "")
	if errors.Join(err, err2, err3) != nil || !strings.HasPrefix(parts[0], "/") {
		return appliance.Cut{}, malformed
	}
	return appliance.Cut{Path: parts[0], Call: int(call), After: int64(after)}, nil
}
