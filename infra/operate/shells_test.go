package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shells returns the shells in which the documents' commands are typed: bash, which is
// required, and others that are installed.
func shells(t *testing.T) []string {
	t.Helper()
	found := []string{"bash"}
	for _, shell := range []string{"zsh"} {
		if _, err := exec.LookPath(shell); err == nil {
			found = append(found, shell)
		} else {
			t.Logf("%s is not installed: nothing is typed into it", shell)
		}
	}
	return found
}

// The commands of documents have no comments: an interactive zsh takes them for
// arguments.
func TestLinesHoldNoComments(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", "infra/operate/RUNBOOK.md", "infra/template/SECURITY.md", "functions/README.md", "internal/archive/FORMATS.md"} {
		block, in := "", false
		for line := range strings.Lines(read(t, document)) {
			if fence, found := strings.CutPrefix(strings.TrimSpace(line), "```"); found {
				block, in = fence, !in
				continue
			}
			typed := block == "" || block == "sh" || block == "console" && strings.HasPrefix(line, "$ ")
			if in && typed && strings.Contains(line, " # ") {
				t.Errorf("%s: %s", document, line)
			}
		}
	}
}

// In every shell a command that asks for a token stores what was typed. If nothing was
// typed it stores nothing, whatever the variable held before.
func TestLinesThatReadATokenInEveryShell(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, document := range []string{"README.md", "infra/operate/RUNBOOK.md"} {
		for _, s := range steps(t, document) {
			if strings.Contains(s.command, "read ") {
				lines = append(lines, s.command)
			}
		}
	}
	if len(lines) < 3 {
		t.Fatalf("only these read a token: %q", lines)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\nprintf 'stored:'\ncat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "T=old"}
	for _, shell := range shells(t) {
		for _, line := range lines {
			for typed, want := range map[string]string{"new\n": "stored:new", "\n": "", "": ""} {
				cmd := exec.CommandContext(t.Context(), shell, "-c", line)
				cmd.Env, cmd.Stdin = env, strings.NewReader(typed)
				out, err := cmd.CombinedOutput()
				_, stored, _ := strings.Cut(string(out), ": ")
				if stored != want || (err == nil) != (want != "") {
					t.Errorf("%s: %s\ntyped %q: %q, %v", shell, line, typed, out, err)
				}
			}
		}
	}
}

// Every command of the documents means the same in every shell: the same
// programs are called with the same arguments, whatever stands in quotes.
func TestCommandsMeanTheSameInEveryShell(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, name := range []string{"aws", "sam", "make", self} {
		script := "#!/bin/sh\nprintf '%s' \"${0##*/}\" >>\"$CALLS\"\nprintf ' <%s>' \"$@\" >>\"$CALLS\"\necho >>\"$CALLS\"\necho answer\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, document := range []string{"README.md", runbook} {
		for _, s := range steps(t, document) {
			lines = append(lines, s.command)
		}
		lines = append(lines, blocks(t, document)...)
	}
	typed := map[string]string{}
	for _, shell := range shells(t) {
		for _, line := range lines {
			calls := filepath.Join(t.TempDir(), "calls")
			cmd := exec.CommandContext(t.Context(), shell, "-c", line)
			cmd.Env, cmd.Stdin, cmd.Dir = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "CALLS=" + calls}, strings.NewReader("token\n"), t.TempDir()
			if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(line, "openssl s_client") {
				t.Errorf("%s: %s\n%v, %s", shell, line, err, out)
			}
			got, _ := os.ReadFile(calls)
			if before, ok := typed[line]; ok && before != string(got) {
				t.Errorf("%s\nmeans in %s\n%s\nelsewhere\n%s", line, shell, got, before)
			}
			typed[line] = string(got)
		}
	}
	if got := typed[`runecast-ingest settings set 'RunecastSystems=vc1.example,vc2.example' MinSeverity=HIGH`]; got != "runecast-ingest <settings> <set> <RunecastSystems=vc1.example,vc2.example> <MinSeverity=HIGH>\n" {
		t.Errorf("nothing is recorded: %q", typed)
	}
}

// blocks returns the text of each plain block with commands.
func blocks(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```\n((?:ID=|openssl |make ).*?)^```$").FindAllStringSubmatch(read(t, document), -1) {
		all = append(all, regexp.MustCompile(`(?m)  +(#.*|[a-zA-Z ,']+)$`).ReplaceAllString(m[1], "")) // without the words beside it
	}
	return all
}

// The README's commands for a self-signed appliance show its certificate and the pin
// of its key, in every shell.
func TestLinesThatShowACertificate(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here; .ci/run installs it where it may")
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	spki := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	wants := []string{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), base64.StdEncoding.EncodeToString(spki[:]) + "\n",
	}
	var lines []string
	for _, block := range blocks(t, "README.md") {
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "openssl s_client") {
				lines = append(lines, strings.ReplaceAll(line, "rc.example:443", server.Listener.Addr().String()))
			}
		}
	}
	if len(lines) != len(wants) {
		t.Fatalf("%q", lines)
	}
	for _, shell := range shells(t) {
		for i, line := range lines {
			out, err := exec.CommandContext(t.Context(), shell, "-c", line).Output()
			if err != nil || string(out) != wants[i] {
				t.Errorf("%s: %s\n%v, %s", shell, line, err, out)
			}
		}
	}
}
