// Command bench compares the deployed functions of this work tree with those of
// another commit. It promises that only the binaries differ: both are built with
// the same flags and driven by the benchmarks of this work tree. They are measured
// by turns, so that other work of the machine slows down both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// measured has the functions, and patterns of their benchmarks that start the
// deployed binary.
var measured = []struct{ function, benchmarks string }{
	{"collector", "^Benchmark(Archive|ManySystems)$"},
	{"forwarder", "^Benchmark(Deliver|Triggers)$"},
}

// minTurns is the least number of turns, so that a median is made of enough values.
const minTurns = 5

// work is where everything is built, relative to the root.
var work = filepath.Join("out", "bench")

func main() {
	base := flag.String("base", "", "the other `commit`")
	turns := flag.Int("turns", minTurns, "how `often` each of the two is measured")
	only := flag.String("function", "", "measure this `function` alone: collector or forwarder")
	pattern := flag.String("bench", "", "the `benchmarks`, as go test takes them, in place of those that start a deployed function")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *base, *turns, *only, *pattern)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string, turns int, only, pattern string) error {
	switch {
	case base == "":
		return errors.New("name a commit to compare with: make bench BASE=<commit>")
	case turns < minTurns:
		return fmt.Errorf("-turns %d: a median needs %d at least", turns, minTurns)
	}
	commit, err := output(ctx, "git", "rev-parse", "--verify", "--short", base+"^{commit}")
	if err != nil {
		return fmt.Errorf("%q is no commit here; a shallow clone has it after git fetch --unshallow: %w", base, err)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := buildCommit(ctx, commit, filepath.Join(work, commit)); err != nil {
		return err
	}
	if err := build(ctx, ".", filepath.Join(work, "now")); err != nil {
		return err
	}
	found := false
	for _, m := range measured {
		if only != "" && only != m.function {
			continue
		}
		found = true
		if pattern != "" {
			m.benchmarks = pattern
		}
		pairs, err := measure(ctx, m.function, m.benchmarks, commit, turns)
		if err != nil {
			return fmt.Errorf("measure the %s: %w", m.function, err)
		}
		fmt.Printf("\n%s: %s and this work tree, by turns, %d each; medians, and of the ratios least and most\n\n", m.function, commit, turns)
		if err := pairs.write(os.Stdout, commit); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	if !found {
		return fmt.Errorf("-function %s: there are collector and forwarder", only)
	}
	return nil
}

// measure runs the benchmarks of a function, in turn with the binary of the
// commit and with that of this work tree, each time in a process of its own.
func measure(ctx context.Context, function, pattern, commit string, turns int) (*pairs, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(root, work, function+".test")
	if _, err := output(ctx, "go", "test", "-c", "-o", program, "./functions/"+function); err != nil {
		return nil, err
	}
	p := new(pairs)
	for turn := range turns {
		for side, build := range []string{base: commit, now: "now"} {
			cmd := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime=1x", "-test.timeout=1h")
			cmd.Dir = filepath.Join(root, "functions", function)
			cmd.Env = append(os.Environ(), "BINARY="+filepath.Join(root, work, build, function))
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("%w\n%s", err, out)
			}
			fmt.Fprintf(os.Stderr, "turn %d of %d, %s %s\n", turn+1, turns, function, build)
			if err := p.read(side, strings.Lines(string(out))); err != nil {
				return nil, err
			}
		}
		if err := p.check(turn + 1); err != nil {
			return nil, err
		}
	}
	return p, nil
}
