package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func makefile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// targets returns the targets that people type: those with a help text.
func targets(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^([\w-]+):[^=\n]*## `).FindAllStringSubmatch(makefile(t), -1) {
		all = append(all, m[1])
	}
	if len(all) < 5 {
		t.Fatalf("only %v", all)
	}
	return all
}

// would returns the commands that a target would run.
func would(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-n", "-B"}, args...)...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// The Makefile is short, so that a person finds the targets quickly.
func TestMakefileIsShort(t *testing.T) {
	t.Parallel()
	if all := targets(t); len(all) > 14 {
		t.Errorf("%d targets: %v", len(all), all)
	}
}

// A variable that happens to be in the shell's environment must not change what is
// built, tested or deployed. Only ARTIFACTS_DIR counts, with which the SAM CLI calls
// make.
func TestMakeTakesNothingFromTheEnvironment(t *testing.T) {
	t.Parallel()
	var poison []string
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_0-9]+) [:?]?=|\$[({](\w+)`).FindAllStringSubmatch(makefile(t), -1) {
		for _, variable := range m[1:] {
			if variable == strings.ToUpper(variable) && variable != "" && variable != "ARTIFACTS_DIR" && !strings.HasPrefix(variable, "RUNECAST_INGEST_") {
				poison = append(poison, variable+"=poison")
			}
		}
	}
	for _, variable := range []string{"VERSION", "STAGE", "ARGS"} {
		if !slices.Contains(poison, variable+"=poison") {
			t.Errorf("%s is not tried: %v", variable, poison)
		}
	}
	for _, target := range append(targets(t), "build-CollectorFunction") {
		if got, want := would(t, poison, target), would(t, nil, target); got != want {
			t.Errorf("make %s does\n%s\nnot\n%s", target, got, want)
		}
	}
	ours := would(t, []string{"RUNECAST_INGEST_VERSION=v1.2.3", "RUNECAST_INGEST_STAGE=dev"}, "deploy", "build-CollectorFunction")
	if !strings.Contains(ours, "main.version=v1.2.3") || !strings.Contains(ours, "--config-env dev --stack-name runecast-ingest-dev") {
		t.Errorf("the product's own variables change nothing:\n%s", ours)
	}
	if given := would(t, nil, "deploy", "VERSION=v1.2.3", "STAGE=dev", "ARGS=--no-confirm-changeset"); !strings.Contains(given, "main.version=v1.2.3") || !strings.Contains(given, "file://out/settings/dev.toml --no-confirm-changeset") {
		t.Errorf("the command line changes nothing:\n%s", given)
	}
}

// Values go to the SAM CLI in a file. The SAM CLI cuts values that are typed behind
// --parameter-overrides at spaces, and with --guided writes all values into a file
// that git tracks.
func TestDeployTakesValuesFromTheFileAlone(t *testing.T) {
	t.Parallel()
	for stage, want := range map[string]string{
		"default": "--config-env default --stack-name runecast-ingest --parameter-overrides file://out/settings/default.toml",
		"prod":    "--config-env prod --stack-name runecast-ingest-prod --parameter-overrides file://out/settings/prod.toml",
		"east":    "--config-env default --stack-name runecast-ingest-east --parameter-overrides file://out/settings/east.toml",
	} {
		got := would(t, nil, "deploy", "STAGE="+stage)
		prepared := strings.Index(got, "settings prepare --stage "+stage+" --out out/settings/"+stage+".toml")
		if deployed := strings.Index(got, want); prepared < 0 || deployed < prepared {
			t.Errorf("make deploy STAGE=%s does\n%s", stage, got)
		}
	}
	packed := would(t, nil, "deploy", "TEMPLATE=dist/template.yaml")
	if strings.Contains(packed, "sam build") || !strings.Contains(packed, `sam deploy --config-file "`) || !strings.Contains(packed, `/samconfig.toml" --template-file "dist/template.yaml" `) {
		t.Errorf("make deploy TEMPLATE=dist/template.yaml does\n%s", packed)
	}
	released := regexp.MustCompile(`"dist/.*\.yaml"`)
	for processor, want := range map[string]string{"arm64": "dist/template.yaml", "x86_64": "dist/template-x86_64.yaml"} {
		line := released.FindString(would(t, nil, "deploy", "TEMPLATE=dist"))
		dir := t.TempDir()
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "out", "settings"), 0o700), os.WriteFile(filepath.Join(dir, "out", "settings", "default.toml"), []byte("MinSeverity = \"LOW\"\nArchitecture = \""+processor+"\"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		shown := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+line)
		shown.Dir = dir
		if out, err := shown.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("make deploy TEMPLATE=dist takes %s for %s: %q, %v", out, processor, line, err)
		}
	}
	for _, args := range []string{"--guided", "--parameter-overrides MinSeverity=HIGH", "--no-confirm-changeset --parameter-overrides 'A=b c'"} {
		cmd := exec.CommandContext(t.Context(), "make", "-n", "deploy", "ARGS="+args)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "settings set NAME=VALUE --stage default") {
			t.Errorf("ARGS=%s is taken: %s", args, out)
		}
	}
}

// On a hardened machine no program in the temporary folder can be started. There
// `go run` cannot start what it builds, nor `go test` the tests.
func TestNothingStartsFromTheTemporaryFolder(t *testing.T) {
	t.Parallel()
	for _, target := range targets(t) {
		for line := range strings.Lines(would(t, nil, target)) {
			if strings.Contains(line, "go run") || strings.Contains(line, "go test") && !strings.Contains(line, `TMPDIR="$PWD/out/tmp"`) {
				t.Errorf("make %s: %s", target, line)
			}
		}
	}
	// The program itself starts nothing that it has written.
	s := &script{answers: []string{`{}`, `{}`}}
	none := filepath.Join(t.TempDir(), "started")
	if err := os.Mkdir(none, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, code := s.typed(t, "runecast-ingest status", "TMPDIR="+none); code != exitFine {
		t.Errorf("exit %d, %s", code, out)
	}
	if left, err := os.ReadDir(none); err != nil || len(left) > 0 {
		t.Errorf("%v is left in the temporary folder (%v)", left, err)
	}
}
