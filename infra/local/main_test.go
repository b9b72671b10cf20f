package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/simulate/appliance"
)

// binFolder is where the functions' binaries are, for all tests.
var binFolder string

func TestMain(m *testing.M) {
	var err error
	if binFolder, err = os.MkdirTemp("", "functions"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(binFolder)
	os.Exit(code)
}

var buildOnce = sync.OnceValue(func() error {
	return build(context.Background(), filepath.Join("..", ".."), binFolder)
})

// small returns the options of a run that takes a few seconds, in a folder of its own.
func small(t *testing.T, args ...string) options {
	t.Helper()
	if err := buildOnce(); err != nil {
		t.Fatal(err)
	}
	o, err := parse(append([]string{"-objects", "600", "-scan-time", "200ms", "-timeout", "2m"}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.bin, o.out = binFolder, t.TempDir()
	o.tick, o.settle = 100*time.Millisecond, time.Second
	if o.stdout, err = os.Create(filepath.Join(o.out, "stdout")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.stdout.Close() })
	o.stderr = o.stdout
	return o
}

// playSmall plays a run and returns what it printed.
func playSmall(t *testing.T, o options) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), o.timeout)
	defer cancel()
	failure := play(ctx, o, display.New(o.stdout, false))
	text, err := os.ReadFile(o.stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), failure
}

func TestTheDashboardShowsWhatTheApplianceShows(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]trigger.Mode{"direct": trigger.Direct(), "queue": trigger.Queue(region)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(t)
			o.mode = mode
			text, err := playSmall(t, o)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			equal := regexp.MustCompile(`(?m)^\S.* [A-Z_]+ .*% {2}yes$`).FindAllString(text, -1)
			if len(equal) < 8 || strings.Contains(text, "  NO") {
				t.Errorf("%d systems are equal, at least 8 expected\n%s", len(equal), text)
			}
			for _, want := range []string{
				`(?m)^collector  (\d+) systems, \d+ archived   [\d.]+ [kM]B   raw/v1/dt=\d{4}-\d\d-\d\d/run=\S+$`,
				`(?m)^forwarder  [\d,]+ mapped = [\d,]+ accepted \+ 0 quarantined \+ \d+ skipped   \d+ requests$`,
				`(?m)^memory     collector [1-9]\d* MiB   forwarder [1-9]\d* MiB  \(peak\)$`,
				`(?m)^notice     Runecast analysis \S+: done, 8 of 8 systems archived\nnotice     Runecast \S+: posture \d+ %, the first scan$`,
				`(?m)^X-Ray      [1-9]\d* traces, [1-9]\d* subsegments$`,
				`\nreport     ` + regexp.QuoteMeta(o.report()) + `\n$`,
			} {
				if !regexp.MustCompile(want).MatchString(text) {
					t.Errorf("no line like %s in\n%s", want, text)
				}
			}
			html, err := os.ReadFile(o.report())
			for _, want := range []string{"Dashboard = appliance", ">vc1.example<", "8 of 8", ">deliver<"} {
				if err != nil || !strings.Contains(string(html), want) {
					t.Errorf("the report lacks %s (%v)", want, err)
				}
			}
		})
	}
}

// Whatever is odd about the appliance, the dashboard shows all results that it has, and
// the run says why the rest is missing.
func TestOddAppliances(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args     string
		patience time.Duration // shorter for a system that is never analysed; 0: the default
		systems  int           // how many the dashboard shows
		says     []string      // patterns that the summary must match
		logs     string        // what the collector's log must hold
	}{
		"API v2":                          {args: "-api v2 -text-ids", systems: 8, says: []string{`VC1\.Example +VCENTER`, `horizon\.example +HORIZON`}},
		"both APIs, the older one chosen": {args: "-api both -runecast-api v1", systems: 8, says: []string{`vc1\.example +VCENTER`}},
		"read by v2, triggered by v1":     {args: "-api mixed", systems: 2, says: []string{`VC1\.Example +VCENTER`, `not archived: nsx\.example, .*horizon\.example: .*mode "latest"`}},
		"read by v2, not triggered":       {args: "-api mixed -mode latest", systems: 8},
		"failing":                         {args: "-fail vc2", systems: 7, says: []string{`not archived: vc2\.example: .*FINISHED_WITH_ERROR`}},
		"failing in v2, where that does not show": {args: "-api v2 -fail vc1 -hang vc2", patience: 5 * time.Second, systems: 6,
			says: []string{`not archived: VC1\.Example.*: not finished within SCAN_TIMEOUT`, `not archived: .*vc2\.example: not finished within SCAN_TIMEOUT`}},
		"hanging": {args: "-hang vc2", patience: 5 * time.Second, systems: 7, says: []string{`not archived: vc2\.example: not finished within SCAN_TIMEOUT .*RUNNING`}},
		"disconnected, emptied, new": {args: "-vanish vc2 -empty example.onmicrosoft.com -unscanned vc1", systems: 6,
			says: []string{`not archived: vc2\.example: the appliance lists it no more`, `not archived: example\.onmicrosoft\.com: its results hold no rule`, `vc1\.example +VCENTER`}},
		"latest results":          {args: "-mode latest -hang vc2", systems: 8},
		"latest of none":          {args: "-mode latest -unscanned vc1", systems: 7, says: []string{`not archived: vc1\.example: it was never analysed`}},
		"broken catalogue":        {args: "-broken-issues -conflict -errors html", systems: 8},
		"broken download":         {args: "-mode latest -cut /rc2/api/v1/results:3:2000", systems: 8, logs: "the connection was cut"},
		"broken download in v2":   {args: "-api v2 -mode latest -cut /rca/api/v2/ecosystems/2772/config-scans/latest:3:500", systems: 8},
		"longer than invocations": {args: "-scan-time 7s -collector-timeout 8s", systems: 8, logs: `"run resumed"`},
		"a clock ahead":           {args: "-skew 26h", systems: 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(t, strings.Fields(c.args)...)
			if c.patience > 0 {
				o.patience = c.patience
			}
			text, err := playSmall(t, o)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if equal := strings.Count(text, "%  yes\n"); equal != c.systems || strings.Contains(text, "  NO") {
				t.Errorf("%d systems are equal, want %d", equal, c.systems)
			}
			for _, want := range c.says {
				if !regexp.MustCompile(want).MatchString(text) {
					t.Errorf("it does not say %s", want)
				}
			}
			if log, err := os.ReadFile(filepath.Join(o.logs(), "collector.jsonl")); err != nil || !strings.Contains(string(log), c.logs) {
				t.Errorf("the log lacks %s (%v)\n%s", c.logs, err, log)
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

func TestSavedDocumentsGiveTheSameResult(t *testing.T) {
	t.Parallel()
	o := small(t)
	from, err := appliance.New(o.appliance)
	if err != nil {
		t.Fatal(err)
	}
	o.appliance.ResultsFile = save(t, "results.json.gz", from.WriteResults)
	o.appliance.IssuesFile = save(t, "issues.json.gz", from.WriteIssues)
	if text, err := playSmall(t, o); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func save(t *testing.T, name string, write func(io.Writer) error) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if err := errors.Join(write(z), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// A wrong token ends the run with one sentence and the place of the log, and
// never shows the token.
func TestAWrongTokenIsNamed(t *testing.T) {
	t.Parallel()
	const wrong = "dt0c01.WRONG.VERYSECRETINDEED"
	for name, c := range map[string]struct {
		change func(*options)
		want   []string
	}{
		"Dynatrace": {func(o *options) { o.token = wrong }, []string{"the forwarder failed", "401 Unauthorized to the access token", "forwarder.jsonl"}},
		"Dynatrace, a platform token": {func(o *options) {
			o.platformToken, o.token = true, "dt0s16.WRONG.VERYSECRETINDEED"
		}, []string{"the forwarder failed", "401 Unauthorized to the platform token", "dt0s16.…", "forwarder.jsonl"}},
		"Runecast": {func(o *options) { o.runecastToken = wrong }, []string{"the collector failed", "401", "collector.jsonl"}},
		"Runecast, by a login page": {func(o *options) {
			o.runecastToken, o.appliance.Faults.Login = wrong, appliance.LoginPage
		}, []string{"the collector failed", "login page", "collector.jsonl"}},
		"Runecast, expired": {func(o *options) { o.tokenFor = 1 }, []string{"the collector failed", "401", "collector.jsonl"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(t)
			c.change(&o)
			text, err := playSmall(t, o)
			if err == nil {
				t.Fatalf("it succeeded:\n%s", text)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			_ = filepath.WalkDir(o.out, func(path string, d os.DirEntry, _ error) error {
				if d.IsDir() {
					return nil
				}
				if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "VERYSECRET") {
					t.Errorf("%s shows the token (%v)", path, err)
				}
				return nil
			})
		})
	}
}

func TestAFunctionThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	o := small(t)
	o.bin = t.TempDir()
	for _, name := range []string{"collector", "forwarder"} {
		script := "#!/bin/sh\necho RUNECAST_URL is missing >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(o.bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := playSmall(t, o); err == nil || !strings.Contains(err.Error(), "exit status 1: RUNECAST_URL is missing\n  its log: ") {
		t.Errorf("error %v", err)
	}
}

func TestOneStackAtATimeInAFolder(t *testing.T) {
	t.Parallel()
	o := small(t)
	first, err := startStack(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := startStack(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another local stack") {
		t.Errorf("error %v", err)
	}
	first.close()
	second, err := startStack(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	second.close()
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-objects", "200000", "-seed", "7", "-trigger", "queue", "-keep", "-v"}, io.Discard)
	if err != nil || o.appliance.Findings != 200_000 || o.appliance.Seed != 7 || !o.keep || !o.verbose || o.mode != trigger.Queue(region) {
		t.Errorf("%+v %v", o, err)
	}
	for name, args := range map[string]string{
		"trigger":   "-trigger sideways",
		"objects":   "-objects 0",
		"huge":      "-huge -1",
		"lost":      "-lose -1",
		"doubled":   "-double -1",
		"indexing":  "-index -1s",
		"api":       "-api v3",
		"login":     "-login maybe",
		"no name":   "-fail=",
		"update":    "-update 20s",
		"updated":   "-update 20s+0s",
		"cut":       "-cut /a:1",
		"cut where": "-cut [:1:1",
		"saved":     "-results f -fail vc2",
		"saved v2":  "-results f -api v2",
		"limit":     "-collector-timeout 0s",
		"scan time": "-scan-time 0s",
		"argument":  "now",
		"issues":    "-issues f",
		"unknown":   "-what",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said strings.Builder
			if _, err := parse(strings.Fields(args), &said); err == nil || said.Len() == 0 {
				t.Errorf("%s: %v, said %q", args, err, said.String())
			}
		})
	}
	for args, says := range map[string]string{"-objects 0": "-objects must be at least 1", "-scan-time 0s": "-scan-time must be above 0, as in 2s"} { // no flag that is right
		if _, err := parse(strings.Fields(args), io.Discard); err == nil || err.Error() != says {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := parse([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}

func TestRunOutsideOfTheRepository(t *testing.T) {
	t.Parallel()
	if err := build(t.Context(), t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "make run") {
		t.Errorf("error %v", err)
	}
}
