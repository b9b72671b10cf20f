package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// typed runs the built program as an operator's shell does, against the script.
func (s *script) typed(t *testing.T, command string, env ...string) (output string, code int) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "STAND_IN="+server.URL, "XDG_CACHE_HOME="+s.cache(t))
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput() // its status is the process's
	return string(out), cmd.ProcessState.ExitCode()
}

// quoted is a word as it is typed in a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// A key or a name arrives as it was typed, also with an apostrophe, a dollar or
// another special character.
func TestOddValuesArriveAsTyped(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"raw/manual/O'Brien's/results.json", "raw/manual/$HOME/$(id)/`id`.json", `raw/manual/a "b" \ c.json`, "raw/manual/100 % #1; rm -rf *.json",
		"raw/manual/-x=y.json", "raw/manual/Übersicht ✅.json", "--force", "raw/manual/two\nlines.json",
	} {
		for _, flag := range []string{"key", "prefix", "system", "run", "since"} {
			s := &script{answers: []string{`{"complete":1}`}}
			out, code := s.typed(t, "runecast-ingest replay --"+flag+" "+quoted(value))
			want, err := json.Marshal(map[string]any{"action": "replay", flag: value})
			if err != nil {
				t.Fatal(err)
			}
			if code != exitFine || len(s.asked) != 1 {
				t.Fatalf("exit %d, asked %q, %s", code, s.asked, out)
			}
			if d := cmp.Diff(decoded(t, string(want)), unnumbered(decoded(t, strings.TrimPrefix(s.asked[0], "runecast-ingest-forwarder ")))); d != "" {
				t.Errorf("--%s %q:\n%s", flag, value, d)
			}
		}
	}
	s := &script{answers: []string{`{"state":"done"}`}}
	if out, code := s.typed(t, `runecast-ingest start --systems "O'Brien's vCenter, \$5 \"lab\""`); code != exitFine ||
		!cmp.Equal(decoded(t, strings.TrimPrefix(s.asked[0], "runecast-ingest-collector ")), map[string]any{"action": "start", "systems": []any{"O'Brien's vCenter", `$5 "lab"`}}) {
		t.Errorf("asked %q, %s", s.asked, out)
	}
}

// unnumbered returns a replay's first payload without its id.
func unnumbered(value any) any {
	if m, ok := value.(map[string]any); ok {
		if next, ok := m["next"].(string); ok && regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} $`).MatchString(next) {
			delete(m, "next")
		}
	}
	return value
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// A variable of the shell whose name is a word of the program changes nothing.
func TestTheEnvironmentIsNoArgument(t *testing.T) {
	t.Parallel()
	var env []string
	for _, name := range []string{
		"VERSION", "FORCE", "SYSTEM", "SYSTEMS", "SINCE", "UNTIL", "RUN", "PREFIX", "KEY", "INDEX", "STATE", "LIMIT", "RATE", "DRY_RUN", "PRICE", "MODE", "JSON", "WIDE",
		"FUNCTION", "EVENT", "STACK", "STAGE", "ARGS", "OPERATE", "RUNECAST_INGEST_FORCE", "RUNECAST_INGEST_SYSTEM",
	} {
		env = append(env, name+"=1")
	}
	for command, want := range map[string]string{
		"runecast-ingest replay --prefix raw/":  `runecast-ingest-forwarder {"action":"replay","prefix":"raw/"}`,
		"runecast-ingest start":                 `runecast-ingest-collector {"action":"start"}`,
		"runecast-ingest quarantine":            `runecast-ingest-forwarder {"action":"quarantine"}`,
		"runecast-ingest sweep --stage weekend": `runecast-ingest-weekend-forwarder {"action":"sweep"}`,
	} {
		s := &script{answers: []string{`{}`}}
		out, code := s.typed(t, command, env...)
		for i, asked := range s.asked { // a replay's first call has an id of its own
			s.asked[i] = regexp.MustCompile(`,"next":"[0-9a-f-]{36} "`).ReplaceAllString(asked, "")
		}
		if code != exitFine || !cmp.Equal(s.asked, []string{want}) {
			t.Errorf("%s: exit %d, asked %q, %s", command, code, s.asked, out)
		}
	}
}

func TestWhichStack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, env string
		stack     string // "": refused
	}{
		"nothing said":                   {"", "", "runecast-ingest"},
		"the default stage":              {"--stage default", "", "runecast-ingest"},
		"a stage":                        {"--stage prod", "", "runecast-ingest-prod"},
		"a stack":                        {"--stack posture", "", "posture"},
		"a stage of the environment":     {"", "RUNECAST_INGEST_STAGE=prod", "runecast-ingest-prod"},
		"a stack of the environment":     {"", "RUNECAST_INGEST_STACK=posture", "posture"},
		"both of the environment":        {"", "RUNECAST_INGEST_STACK=posture RUNECAST_INGEST_STAGE=prod", "posture"},
		"a stage over the environment":   {"--stage prod", "RUNECAST_INGEST_STACK=posture RUNECAST_INGEST_STAGE=dev", "runecast-ingest-prod"},
		"a stack over the environment":   {"--stack mine", "RUNECAST_INGEST_STACK=posture", "mine"},
		"both":                           {"--stack mine --stage prod", "", ""},
		"an address":                     {"--stack arn:aws:cloudformation:eu-central-1:123456789012:stack/mine", "", ""},
		"a stage that cannot be":         {"--stage pro_d", "", ""},
		"an environment that cannot be":  {"", "RUNECAST_INGEST_STACK=-x", ""},
		"an unset variable of the shell": {`--stack "$UNSET"`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{answers: []string{`{}`}}
			out, code := s.typed(t, "unset RUNECAST_INGEST_STACK RUNECAST_INGEST_STAGE; "+c.env+" runecast-ingest sweep "+c.args)
			if c.stack == "" {
				if code != exitUsage || len(s.asked) > 0 || !strings.Contains(out, "stack") {
					t.Errorf("exit %d, asked %q, %s", code, s.asked, out)
				}
				return
			}
			if want := []string{c.stack + `-forwarder {"action":"sweep"}`}; code != exitFine || !cmp.Equal(s.asked, want) {
				t.Errorf("exit %d, asked %q, %s", code, s.asked, out)
			}
		})
	}
}

// An unset variable of the shell leaves an empty value in a command. The command
// must not do more than was meant: replay everything, or analyse all systems.
func TestEmptyValuesAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"replay":     {"replay", "--key", ""},
		"start":      {"start", "--systems", ""},
		"status":     {"status", "--system="},
		"quarantine": {"quarantine", "--key", ""},
		"invoke":     {"invoke", "", "events/collector-tick.json"},
		"map":        {"map", ""},
		"catalogue":  {"map", "results.json", "--catalog", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			if _, stderr, code := s.operate(t, args...); code != exitUsage || len(s.asked) > 0 || stderr == "" {
				t.Errorf("exit %d, asked %q, %s", code, s.asked, stderr)
			}
		})
	}
}

func TestPayloadFromStandardInput(t *testing.T) {
	s := &script{input: `{"action":"tick"}`, answers: []string{`{}`}}
	if _, stderr, code := s.operate(t, "invoke", "collector", "-"); code != exitFine || !cmp.Equal(s.asked, []string{`runecast-ingest-collector {"action":"tick"}`}) {
		t.Errorf("exit %d, asked %q, %s", code, s.asked, stderr)
	}
}

// A payload that a Windows shell has saved is sent, and what is none is not.
func TestPayloadsAsProgramsSaveThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ saved, says string }{
		"a mark":      {"\ufeff{\"action\":\r\n\"tick\"}\r\n", ""},
		"UTF-16":      {"\xff\xfe{\x00\"\x00a\x00c\x00t\x00i\x00o\x00n\x00\"\x00:\x00\"\x00t\x00i\x00c\x00k\x00\"\x00}\x00", ""},
		"empty":       {" \n", "it is empty: let it hold one JSON object"},
		"a word":      {"tick", "it is not valid JSON at byte 1"},
		"a list":      {"[]", "the payload is a list, and not a JSON object"},
		"null":        {"null", "it is null"},
		"cut":         {`{"action":`, "it is not valid JSON at byte 10"},
		"two of them": {`{"action":"tick"}{}`, "it is not valid JSON at byte 17"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "payload.json")
			if err := os.WriteFile(file, []byte(c.saved), 0o600); err != nil {
				t.Fatal(err)
			}
			s := &script{answers: []string{`{}`}}
			out, code := s.typed(t, "runecast-ingest invoke collector "+file)
			if c.says == "" {
				if code != exitFine || !cmp.Equal(s.asked, []string{`runecast-ingest-collector {"action":"tick"}`}) {
					t.Errorf("exit %d, asked %q, %s", code, s.asked, out)
				}
				return
			}
			if code != exitWrong || len(s.asked) != 0 || !strings.Contains(out, file+": "+c.says) || !strings.Contains(out, "events/") {
				t.Errorf("exit %d, asked %q, %s", code, s.asked, out)
			}
		})
	}
}

// Paths of files may hold spaces, as that of a home folder may.
func TestMapTakesNamesWithSpaces(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "my $files'")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"results.json": `{"createdTs":1793584800000,"scannedIssues":[{"issue":{"issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"SSH"},"status":"FAIL"}]}`,
		"issues.json":  `{"issues":[]}`,
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &script{}
	file := func(name string) string { return quoted(filepath.Join(home, name)) }
	out, code := s.typed(t, "runecast-ingest map "+file("results.json")+" --catalog "+file("issues.json")+" --report "+file("report.html")+" --system 'my cluster'")
	html, err := os.ReadFile(filepath.Join(home, "report.html"))
	if code != exitFine || err != nil || !strings.Contains(string(html), "my cluster") || len(s.calls) > 0 {
		t.Errorf("exit %d, %v, asked %q, %s", code, err, s.calls, out)
	}
	if out, code := s.typed(t, "runecast-ingest map "+file("results.json")+" --system \"$(printf 'vc\\033[2J')\" >/dev/null"); code != exitFine || !strings.Contains(out, "vc [2J") {
		t.Errorf("exit %d, %q", code, out)
	}
	if out, code := s.typed(t, "runecast-ingest map "+file("results.json")); code != exitFine || !strings.Contains(out, `"event.type":"COMPLIANCE_SCAN_COMPLETED"`) {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string][]string{
		"__complete re":                  {"redrive", "replay", "replay-batch"},
		"__complete replay --st":         {"--stack", "--stage", "--state"},
		"__complete replay --state ":     {"complete", "superseded", "failed", "pending", "quarantined"},
		"__complete start --mode ":       {"analyze", "latest"},
		"__complete logs ":               {"collector", "forwarder"},
		"__complete invoke forwarder ev": nil, // files
	} {
		s := &script{}
		stdout, _, code := s.operate(t, strings.Split(args, " ")...)
		var got []string
		for line := range strings.Lines(stdout) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "" && !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if code != exitFine || !cmp.Equal(got, want) {
			t.Errorf("%q: exit %d, offers %q", args, code, got)
		}
	}
	s := &script{}
	out, code := s.typed(t, "runecast-ingest completion bash | bash -n")
	if code != exitFine || out != "" {
		t.Errorf("exit %d, %s", code, out)
	}
}

// The functions' binaries link none of the libraries of the operator's program.
func TestFunctionsLinkNothingOfIt(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./functions/...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "github.com/aws/aws-lambda-go") {
		t.Fatalf("%v\n%s", err, out)
	}
	for dep := range strings.Lines(string(out)) {
		for _, prefix := range []string{"github.com/spf13/", "github.com/CycloneDX/", "runecast-ingest/infra"} {
			if strings.HasPrefix(dep, prefix) {
				t.Errorf("the functions link %s", dep)
			}
		}
	}
}

// A value that a variable which is not set has left empty is refused before anything
// is asked: a list of commas, and a bound of 0, would be none.
func TestValuesOfNothingAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ command, says string }{
		"systems between commas": {`start --systems "$A,$B"`, "--systems is empty"},
		"blanks for a system":    {`replay --since 2026-11-01 --system " "`, "--system is empty"},
		"a limit of 0":           {"replay --prefix raw/ --limit 0", "--limit is 0"},
		"a pace of 0":            {"replay --prefix raw/ --rate 0.0", "--rate is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{answers: []string{`{"complete":1}`}}
			out, code := s.typed(t, "runecast-ingest "+c.command)
			if code != exitUsage || len(s.asked) != 0 || !strings.Contains(out, c.says) || !strings.Contains(out, "leave it out") {
				t.Errorf("exit %d, asked %q: %s", code, s.asked, out)
			}
		})
	}
}
