package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// buildCommit builds both functions of a commit into the folder bin. It makes a
// work tree for that and removes it afterwards. A crash leaves the work tree: the
// next run removes it first.
func buildCommit(ctx context.Context, commit, bin string) (err error) {
	tree := filepath.Join(work, "tree")
	remove := func() error {
		_, err := output(context.WithoutCancel(ctx), "git", "worktree", "remove", "--force", tree)
		return err
	}
	if _, err := os.Stat(tree); err == nil {
		if err := remove(); err != nil {
			return fmt.Errorf("remove the work tree of an interrupted run: %w", err)
		}
	}
	if _, err := output(ctx, "git", "worktree", "add", "--force", "--detach", tree, commit); err != nil {
		return fmt.Errorf("make a work tree of %s: %w", commit, err)
	}
	defer func() { err = errors.Join(err, remove()) }()
	return build(ctx, tree, bin)
}

// build builds both functions of a source tree into a folder, with the flags of
// the deployed ones, for this machine.
func build(ctx context.Context, root, bin string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return fmt.Errorf("build the functions: %w", err)
	}
	for _, function := range []string{"collector", "forwarder"} {
		cmd := exec.CommandContext(ctx, "go", append(buildCommand(), "-o", filepath.Join(bin, function), "./functions/"+function)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the %s: %w\n%s", function, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// buildCommand returns the arguments of `go` for a build, as the Makefile has them.
func buildCommand() []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid= -X main.version=bench"}
}

// output runs a command in this folder and returns its standard output without
// space at both ends. The error has its standard error.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}
