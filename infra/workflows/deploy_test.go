package workflows

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// script returns the script of a job's step in deploy.yml.
func script(t *testing.T, job, name string) string {
	t.Helper()
	var w struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(readAll(t)["deploy.yml"]), &w); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.Jobs[job].Steps {
		if s.Name == name {
			return s.Run
		}
	}
	t.Fatalf("the job %s has no step %q", job, name)
	return ""
}

// run runs a step's script as the runner does. programs has the output of each program
// that the script calls.
func run(t *testing.T, text string, programs map[string]string, env ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for name, body := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Only dev is deployed without a person. Every other stage waits for a reviewer of its
// environment, or is started by hand. A plan without such rules, or an API that does not
// answer, counts as no reviewer.
func TestProductionWaitsForAPerson(t *testing.T) {
	t.Parallel()
	text := script(t, "approval", "Ask who approves")
	for name, c := range map[string]struct{ stage, event, gh, by string }{
		"dev":                  {"dev", "push", "exit 1", "nobody"},
		"reviewers":            {"prod", "push", "echo 2", "reviewers"},
		"no reviewers":         {"prod", "push", "echo 0", ""},
		"no such environment":  {"prod", "push", "echo 'HTTP 404' >&2; exit 1", ""},
		"no right to ask":      {"prod", "push", "echo 'HTTP 403' >&2; exit 4", ""},
		"an answer of another": {"prod", "push", "echo none", ""},
		"by hand":              {"prod", "workflow_dispatch", "exit 1", "starter"},
		"another stage":        {"east", "push", "echo 0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output := filepath.Join(t.TempDir(), "output")
			out, err := run(t, text, map[string]string{"gh": c.gh}, "TARGET="+c.stage, "RELEASE=v1.2.3", "GITHUB_EVENT_NAME="+c.event, "GITHUB_REPOSITORY=o/r", "GITHUB_OUTPUT="+output)
			by, _ := os.ReadFile(output)
			if err != nil || string(by) != "by="+c.by+"\n" || (c.by == "") != strings.Contains(out, "gh workflow run deploy.yml -f stage="+c.stage+" -f release=v1.2.3") {
				t.Errorf("%q, %v, %s", by, err, out)
			}
		})
	}
	all := readAll(t)["deploy.yml"]
	if !strings.Contains(all, "needs: approval\n    if: needs.approval.outputs.by != ''") || !strings.Contains(all, "actions: read") {
		t.Error("the deployment does not wait for the answer, or may not ask")
	}
}

// The query of deploy.yml counts the reviewers in GitHub's answer.
func TestReviewersAreCounted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("there is no jq here; .ci/run installs it where it may")
	}
	_, query, _ := strings.Cut(script(t, "approval", "Ask who approves"), "--jq '")
	query, _, _ = strings.Cut(query, "'")
	for answer, want := range map[string]string{
		`{"name":"prod"}`:                       "0",
		`{"name":"prod","protection_rules":[]}`: "0",
		`{"protection_rules":[{"type":"branch_policy"},{"type":"wait_timer","wait_timer":30}]}`:                                    "0",
		`{"protection_rules":[{"type":"required_reviewers","reviewers":[]}]}`:                                                      "0",
		`{"protection_rules":[{"type":"wait_timer"},{"type":"required_reviewers","reviewers":[{"type":"User"},{"type":"Team"}]}]}`: "2",
	} {
		cmd := exec.CommandContext(t.Context(), "jq", query)
		cmd.Stdin = strings.NewReader(answer)
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s has %s reviewers, %v", answer, out, err)
		}
	}
}

// The step shows only the subject of the token, in both forms.
func TestSubjectIsShown(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("there is no jq here; .ci/run installs it where it may")
	}
	text := script(t, "deploy", "Show whom the role has to trust")
	// {"iss":"https://token.actions.githubusercontent.com","sub":"repo:o@1/r@2:environment:prod","x":"?>~?>~"} in base64url without padding
	const claims = "eyJpc3MiOiJodHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tIiwic3ViIjoicmVwbzpvQDEvckAyOmVudmlyb25tZW50OnByb2QiLCJ4IjoiPz5-Pz5-In0"
	out, err := run(t, text, map[string]string{"curl": `echo '{"value":"aGVhZA.` + claims + `.c2lnbmF0dXJl"}'`}, "ACTIONS_ID_TOKEN_REQUEST_URL=https://x/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t")
	if err != nil || out != "the OIDC subject is repo:o@1/r@2:environment:prod\n" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := run(t, text, map[string]string{"curl": "exit 22"}, "ACTIONS_ID_TOKEN_REQUEST_URL=u", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"); err == nil {
		t.Errorf("without a token: %q", out)
	}
}

// The released zips are deployed and no others, with the stage's whole settings file.
func TestTheReleaseIsDeployed(t *testing.T) {
	t.Parallel()
	all := readAll(t)["deploy.yml"]
	at := -1
	for _, next := range []string{"gh release download", "sha256sum --check --strict", "gh attestation verify", "cmp out/dist/SHA256SUMS dist/SHA256SUMS", "configure-aws-credentials", "make deploy TEMPLATE=dist "} {
		i := strings.Index(all, next)
		if i < at {
			t.Errorf("deploy.yml lacks %q, or does it too early", next)
		}
		at = i
	}
	if strings.Contains(all, "sam build") || strings.Contains(all, "--parameter-overrides") {
		t.Error("deploy.yml builds what it deploys, or hands values over that are cut")
	}
	const settings = "RunecastSystems: Prod vCenter,Lab\nStandards: '{\"X\":{\"name\":\"My \\\\n ''own'' $HOME `id` %s\"}}'\n# end"
	dir := t.TempDir()
	out, err := run(t, "cd "+dir+"\n"+script(t, "deploy", "Deploy"), map[string]string{"make": "cat .settings/prod.yaml"}, "SETTINGS="+settings, "RUNECAST_INGEST_STAGE=prod")
	if err != nil || out != settings+"\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// With ATTESTATIONS=off both steps about attestations are left out, and no other step.
func TestAttestationsCanBeLeftOut(t *testing.T) {
	t.Parallel()
	for file, step := range map[string]string{
		"release.yml": "      - if: vars.ATTESTATIONS != 'off'\n        uses: actions/attest-build-provenance@",
		"deploy.yml":  "      - name: Check the attestations\n        if: vars.ATTESTATIONS != 'off'\n",
	} {
		if text := readAll(t)[file]; !strings.Contains(text, step) || strings.Count(text, "vars.ATTESTATIONS") != 1 {
			t.Errorf("%s does not leave its step out, or more", file)
		}
	}
}
