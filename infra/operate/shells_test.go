package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shells are those in which the documents' lines are typed: bash is needed, the
// others are tried where they are installed.
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

// What a document has people type holds no comment: an interactive zsh takes it for
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

// A line that asks for a token stores what was typed, and nothing if nothing was
// typed, whatever the variable held before: in every shell.
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

// Every command of the documents is understood by every shell.
func TestCommandsParseInEveryShell(t *testing.T) {
	t.Parallel()
	for _, shell := range shells(t) {
		for _, document := range []string{"README.md", "infra/operate/RUNBOOK.md"} {
			for _, s := range steps(t, document) {
				if out, err := exec.CommandContext(t.Context(), shell, "-n", "-c", s.command).CombinedOutput(); err != nil {
					t.Errorf("%s, %s: %s\n%s", document, shell, s.command, out)
				}
			}
		}
	}
}
