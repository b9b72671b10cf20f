package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Both sides are built with the flags with which the functions are deployed.
func TestFlagsAreThoseOfTheMakefile(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.Fields(strings.NewReplacer(`"`, "", "\\\n", " ").Replace(string(makefile))), " ")
	want := strings.TrimSuffix("go "+strings.Join(buildCommand(), " "), "bench")
	if !strings.Contains(plain, want) {
		t.Errorf("the Makefile builds otherwise than %s", want)
	}
}

// Wrong arguments are refused before anything is built.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		base  string
		turns int
		want  string
	}{
		"no commit":      {"", 5, "BASE=<commit>"},
		"too few turns":  {"HEAD", 2, "5 at least"},
		"unknown commit": {"no-such-commit", 5, "--unshallow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := run(t.Context(), c.base, c.turns, "", ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
