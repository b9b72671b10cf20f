package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// replayID is the id of a replay, as its first payload and every printed command have it.
var replayID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// A call that is cut off, for any reason, ends with the command that continues the
// same replay. Nobody needs to know more, and every shell accepts the command.
func TestCutReplayGoesOn(t *testing.T) {
	const choice = `replay --system "O'Brien's vCenter" --since 2026-03-01 --rate 20000`
	const expired = "An error occurred (ExpiredTokenException) when calling the Invoke operation: The security token included in the request is expired"
	for name, c := range map[string]struct {
		answers []string
		failure string
		cause   string
		next    string
	}{
		"the first call":   {nil, "Connection was closed before we received a valid response from endpoint URL", "the connection was cut while the function worked", "ID "},
		"a later call":     {[]string{`{"accepted":5,"cursor":"ID raw/a'b c"}`}, expired, "the login has expired: log in again", "ID raw/a'b c"},
		"an idle NAT":      {nil, "Read timeout on endpoint URL", "tcp_keepalive", "ID "},
		"no way to AWS":    {nil, "Could not connect to the endpoint URL", "there is no way to AWS", "ID "},
		"nobody logged in": {nil, "Unable to locate credentials. You can configure credentials by running \"aws configure\".", "aws sts get-caller-identity", "ID "},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: c.answers, failure: c.failure}
			out, code := s.typed(t, "runecast-ingest "+choice)
			id := replayID.FindString(s.asked[0])
			lines := regexp.MustCompile(`(?m)go on with: (runecast-ingest .*)$`).FindStringSubmatch(out)
			if code != exitWrong || id == "" || len(lines) == 0 || !strings.Contains(out, c.cause) {
				t.Fatalf("exit %d, asked %q:\n%s", code, s.asked, out)
			}
			// What was printed before the first call goes on with the same id, too.
			if before, _, _ := strings.Cut(out, "== goes on"); !strings.Contains(before, "--next='"+id+" '") {
				t.Errorf("nothing was said before the first call:\n%s", before)
			}
			want := `"system":"O'Brien's vCenter","since":"2026-03-01","maxEventsPerSecond":20000,"next":"` + strings.Replace(c.next, "ID", map[bool]string{true: "ID", false: id}[len(c.answers) > 0], 1) + `"`
			for _, shell := range shells(t) {
				s.asked, s.answers = nil, []string{`{"complete":1}`}
				if out, code := s.typed(t, shell+" -c "+quoted(lines[1])); code != exitFine || len(s.asked) != 1 || !strings.Contains(s.asked[0], want) {
					t.Errorf("%s: %s\nexit %d, asked %q, wanted %s\n%s", shell, lines[1], code, s.asked, want, out)
				}
			}
		})
	}
}

// The same command once more would be another replay, which costs the same again. It
// is refused until the first replay has ended, or with --anew.
func TestCutReplayIsNotBegunOnceMore(t *testing.T) {
	s := &script{failure: "Connection was closed"}
	again := func(code int, want string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.operate(t, append([]string{"replay"}, args...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%q: exit %d, wanted %d and %q: %s%s", args, got, code, want, stdout, stderr)
		}
	}
	again(exitWrong, "go on with: ", "--prefix", "raw/")
	id := replayID.FindString(s.asked[0])
	s.asked = nil
	again(exitWrong, "go on with `runecast-ingest replay --prefix=raw/ --next='"+id+" '`", "--prefix", "raw/")
	if len(s.asked) > 0 {
		t.Errorf("asked %q", s.asked)
	}
	s.answers = []string{`{}`, `{}`, `{}`}
	again(exitFine, "", "--prefix", "raw/", "--dry-run") // costs nothing
	again(exitFine, "", "--state", "failed")             // another choice
	again(exitWrong, "has not ended", "--prefix", "raw/")
	if len(s.asked) != 2 {
		t.Errorf("asked %q", s.asked)
	}
	s.answers = []string{`{}`}
	again(exitFine, "", "--prefix", "raw/", "--anew")
	if kept, err := os.ReadDir(filepath.Join(s.home, self)); err != nil || len(kept) > 0 {
		t.Errorf("%v is kept of what has ended, %v", kept, err)
	}
	s.answers = []string{`{}`}
	if _, stderr, code := s.operate(t, "replay", "--prefix", "raw/", "--stack", "mine"); code != exitFine || !strings.Contains(stderr, "--stack=mine") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// A replay that the function refuses has not begun: nobody is told to continue it.
// The record of an earlier replay that has begun stays.
func TestRefusedReplayIsNotBegun(t *testing.T) {
	s := &script{}
	const refusal = `!{"errorMessage":"payload: the replay is not clear: next is no cursor","errorType":"Error"}`
	replay := func(answer string, args ...string) string {
		t.Helper()
		s.asked, s.answers = nil, []string{answer}
		if answer == "" {
			s.answers = nil
		}
		stdout, stderr, _ := s.operate(t, append([]string{"replay", "--prefix", "raw/"}, args...)...)
		return stdout + stderr
	}
	if out := replay(refusal, "--next", "x"); strings.Contains(out, "go on with: ") {
		t.Errorf("it says how a replay goes on that was refused: %s", out)
	}
	if out := replay(`{}`); len(s.asked) != 1 {
		t.Errorf("the right one does not begin: %s", out)
	}
	s.failure = "Connection was closed"
	_ = replay("") // begins, and is cut off
	id := replayID.FindString(s.asked[0])
	s.failure = ""
	_ = replay(refusal, "--next", "x")
	if out := replay(`{}`); !strings.Contains(out, id) || len(s.asked) > 0 {
		t.Errorf("the replay %s is forgotten: %s", id, out)
	}
}

// To continue a replay whose call was cut off after everything was sent sends
// nothing: the same scans stay in the same generation.
func TestCutReplaySendsNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	env := r.environment()
	if out, failed := r.shell(env, "runecast-ingest first-run"); failed {
		t.Fatal(out)
	}
	r.cuts.Store(true)
	out, failed := r.shell(env, "runecast-ingest replay --prefix raw/")
	lines := regexp.MustCompile(`(?m)go on with: (runecast-ingest .*)$`).FindStringSubmatch(out)
	if !failed || len(lines) == 0 {
		t.Fatal(out)
	}
	r.cuts.Store(false)
	sent := r.receiver.Stats()
	out, failed = r.shell(env, lines[1])
	if failed || !regexp.MustCompile(`(?m)^ +complete +8$`).MatchString(out) {
		t.Error(out)
	}
	if again := r.receiver.Stats(); !reflect.DeepEqual(again, sent) {
		t.Errorf("the receiver had %+v, and has %+v", sent, again)
	}
	if out, _ := r.shell(env, "runecast-ingest status --json"); strings.Count(out, `"generation":2`) < 8 || strings.Contains(out, `"generation":3`) {
		t.Error(out)
	}
}

// Every command that prints a cursor also accepts one.
func TestCursorsAreTaken(t *testing.T) {
	for _, command := range []string{"replay --prefix raw/", "status", "quarantine"} {
		s := &script{answers: []string{`{}`, `{}`}}
		_, stderr, code := s.operate(t, append(strings.Fields(command), "--next", "ID raw/x")...)
		if code != exitFine || !slices.ContainsFunc(s.asked, func(call string) bool { return strings.Contains(call, `"next":"ID raw/x"`) }) {
			t.Errorf("%s: exit %d, asked %q, %s", command, code, s.asked, stderr)
		}
	}
}
