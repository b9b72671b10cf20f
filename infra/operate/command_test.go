package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command sends what the payload file of its name shows.
func TestPayloads(t *testing.T) {
	const key = "raw/v1/dt=2026-11-22/run=20261122T020000Z-4f3a/vc1.example-2ebce7c4.json.gz"
	for file, args := range map[string]string{
		"collector-cancel":         "cancel",
		"collector-check":          "check",
		"collector-latest":         "start --mode latest",
		"collector-start-systems":  "start --mode analyze --systems vc1.example,prod-aws",
		"collector-status":         "status",
		"collector-tick":           "tick",
		"forwarder-check":          "check",
		"forwarder-quarantine":     "quarantine",
		"forwarder-replay":         "replay --system vc1.example --since 2026-11-01",
		"forwarder-replay-dry-run": "replay --prefix raw/ --dry-run --price 0.2",
		"forwarder-replay-failed":  "replay --state failed",
		"forwarder-replay-force":   "replay --force --key " + key,
		"forwarder-replay-run":     "replay --run 20261122T020000Z-4f3a --rate 20000",
		"forwarder-status":         "status",
		"forwarder-sweep":          "sweep",
	} {
		t.Run(file, func(t *testing.T) {
			s := &script{answers: []string{`{"ok":true}`, `{"ok":true}`}}
			if _, stderr, code := s.operate(t, strings.Fields(args)...); code != exitFine {
				t.Fatal(stderr)
			}
			function, _, _ := strings.Cut(file, "-")
			i := slices.IndexFunc(s.asked, func(call string) bool { return strings.HasPrefix(call, "runecast-ingest-"+function+" ") })
			if i < 0 {
				t.Fatalf("the %s was not asked: %q", function, s.asked)
			}
			_, sent, _ := strings.Cut(s.asked[i], " ")
			want, err := os.ReadFile(filepath.Join(root, "events", file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if json.Unmarshal([]byte(sent), &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(unnumbered(a), b) {
				t.Errorf("sent %s, not %s", sent, want)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	for name, c := range map[string]struct {
		args    string
		answers []string
		code    int
		want    string // in either output
	}{
		"nothing":                {"", nil, exitUsage, "first-run"},
		"unknown command":        {"dance", nil, exitUsage, `unknown command "dance"`},
		"nothing to set":         {"settings set", nil, exitUsage, "missing: what to set, as MinSeverity=HIGH"},
		"unknown flag":           {"sweep --key k", nil, exitUsage, "unknown flag: --key"},
		"argument":               {"sweep now", nil, exitUsage, "now"},
		"index":                  {"quarantine --index x", nil, exitUsage, `--index must be a whole number, not "x"`},
		"help":                   {"replay -h", nil, exitFine, "--dry-run"},
		"a check failed":         {"check", []string{`{"ok":false}`, `{"ok":true}`}, exitWrong, "a check failed"},
		"the other failed":       {"check", []string{`{"ok":true}`, `{"ok":false}`}, exitWrong, "a check failed"},
		"a system failed":        {"start", []string{`{"state":"done","archived":1,"failed":1,"timedout":1}`}, exitWrong, "2 failed"},
		"a delivery failed":      {"sweep", []string{`{"failed":1}`}, exitWrong, "1 failed"},
		"a status with one":      {"status", []string{`{}`, `{"failed":1}`}, exitFine, "failed"},
		"the function failed":    {"sweep", []string{`!{"errorMessage":"abc.live: 403: give the token the scope","errorType":"Error"}`}, exitWrong, "runecast-ingest: runecast-ingest-forwarder: abc.live: 403: give the token the scope"},
		"it crashed":             {"sweep", []string{`!{"errorType":"Runtime.ExitError"}`}, exitWrong, "Runtime.ExitError"},
		"no JSON":                {"sweep", []string{"!\x1b[31mred"}, exitWrong, "runecast-ingest: runecast-ingest-forwarder:  [31mred"},
		"AWS refuses":            {"sweep", nil, exitWrong, "aws lambda invoke: An error occurred (TooManyRequestsException)"},
		"a price and no dry run": {"replay --prefix raw/ --price 0.2", nil, exitWrong, "add --dry-run, or leave --price out"},
		"raw":                    {"sweep --json", []string{`{"b":1,"a":"x"}`}, exitFine, "{\"b\":1,\"a\":\"x\"}\n"},
		"another stack":          {"sweep --stack prod", nil, exitWrong, "TooManyRequests"},
		"a file that is not":     {"invoke collector nowhere.json", nil, exitWrong, "nowhere.json"},
		"a check of one alone":   {"check --json", []string{`!{"errorMessage":"broken"}`, `{"ok":true}`}, exitWrong, `{"ok":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: c.answers}
			stdout, stderr, code := s.operate(t, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit %d, %q and %q, wanted %d and %q", code, stdout, stderr, c.code, c.want)
			}
			if name == "another stack" && !slices.Contains(s.asked, `prod-forwarder {"action":"sweep"}`) {
				t.Errorf("asked %q", s.asked)
			}
		})
	}
}

func TestNoCLI(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out, err strings.Builder
	if code := run(t.Context(), []string{"sweep"}, nil, &out, &err); code != exitWrong || !strings.Contains(err.String(), "no AWS CLI in PATH: install it") {
		t.Errorf("exit %d, %q", code, err.String())
	}
}

func TestPagesGoOnByTheCursor(t *testing.T) {
	s := &script{answers: []string{`{"accepted":5,"failed":1,"cursor":"a"}`, `{"accepted":7,"cursor":"a"}`, `{"accepted":1,"cursor":""}`}}
	_, stderr, code := s.operate(t, "replay", "--prefix", "raw/", "--limit", "1")
	first := regexp.MustCompile(`,"next":"[0-9a-f-]{36} "`)
	if !first.MatchString(s.asked[0]) {
		t.Errorf("the first call has no id: %s", s.asked[0])
	}
	s.asked[0] = first.ReplaceAllString(s.asked[0], "")
	want := []string{
		`runecast-ingest-forwarder {"action":"replay","prefix":"raw/","limit":1}`,
		`runecast-ingest-forwarder {"action":"replay","prefix":"raw/","limit":1,"next":"a"}`,
		`runecast-ingest-forwarder {"action":"replay","prefix":"raw/","limit":1,"next":"a"}`,
	}
	if !slices.Equal(s.asked, want) || code != exitWrong || !strings.Contains(stderr, "1 failed") {
		t.Errorf("asked %q, exit %d, %s", s.asked, code, stderr)
	}
	for _, args := range [][]string{{"replay", "--prefix", "raw/"}, {"quarantine"}} {
		s = &script{answers: []string{`{"cursor":"a"}`, `{"cursor":"a"}`, `{}`}}
		if _, stderr, code := s.operate(t, args...); len(s.asked) != 2 || code != exitWrong || !strings.Contains(stderr, "came no further") {
			t.Errorf("asked %q, exit %d, %s", s.asked, code, stderr)
		}
	}
}

func TestFirstRunWaits(t *testing.T) {
	const fine, running = `{"ok":true}`, `{"state":"running"}`
	const ended, delivered = `{"state":"idle","runs":[{"run":"r"}]}`, `{"objects":1}`
	for name, c := range map[string]struct {
		answers []string
		asked   int
		code    int
		want    string
	}{
		"at once":           {[]string{fine, fine, `{"state":"done"}`, delivered}, 4, exitFine, "fetch security.events"},
		"a long run":        {[]string{fine, fine, running, running, ended, `{"objects":1,"pending":1}`, delivered}, 7, exitFine, "fetch security.events"},
		"a check failed":    {[]string{fine, `{"ok":false}`}, 2, exitWrong, "a check failed"},
		"a system failed":   {[]string{fine, fine, running, `{"state":"idle","runs":[{"failed":1},{}]}`, delivered}, 5, exitWrong, "fetch security.events"},
		"nothing archived":  {[]string{fine, fine, `{"state":"done"}`, `{"objects":0}`}, 4, exitWrong, "nothing is archived yet"},
		"a delivery failed": {[]string{fine, fine, `{"state":"done"}`, `{"objects":1,"failed":1}`}, 4, exitWrong, "1 failed"},
		"the run vanished":  {[]string{fine, fine, running, `{"state":"idle"}`, delivered}, 5, exitWrong, "no trace"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: c.answers}
			stdout, stderr, code := s.operate(t, "first-run")
			if code != c.code || len(s.asked) != c.asked || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit %d after %q:\n%s%s", code, s.asked, stdout, stderr)
			}
		})
	}
	s := &script{answers: []string{fine, fine, running, running, running}}
	if _, stderr, code := s.operate(t, "first-run", "--timeout", "1ns"); code != exitWrong || !strings.Contains(stderr, "not finished after 1ns") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
