// Command operate is what an operator types after a deployment: it asks the
// stack's two functions by the AWS CLI and shows their answers as tables. It
// promises an exit status to go by: 0 all is well, 1 something is not, and the
// text says what, 2 the command itself is wrong. Region, profile and
// credentials are the AWS CLI's own affair.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit statuses.
const (
	exitFine  = 0
	exitWrong = 1
	exitUsage = 2
)

// run does one command and gives the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, do, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		return exitUsage // parse has said why
	}
	err = do(ctx, s)
	if err == nil {
		return exitFine
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintln(stderr, "operate:", plain(line))
	}
	return exitWrong
}

// The functions of a stack, as their names end.
const (
	collector = "collector"
	forwarder = "forwarder"
)

// session is what every command works with.
type session struct {
	aws   awsCLI
	stack string
	// raw shows answers as they came, one a line.
	raw bool
	// wide shows all columns of tables.
	wide bool
	// every is the time between two looks at what is under way.
	every time.Duration
	out   io.Writer
}

// ask invokes a function and shows its answer.
func (s *session) ask(ctx context.Context, function string, payload any) (answer, error) {
	a, err := s.invoke(ctx, function, payload)
	if err != nil {
		return nil, err
	}
	return a, s.show(a)
}

// show prints an answer.
func (s *session) show(a answer) error {
	if s.raw {
		_, err := fmt.Fprintf(s.out, "%s\n", a)
		return err
	}
	return writeTables(s.out, a, s.wide)
}

// title stands above what follows.
func (s *session) title(format string, args ...any) { s.tell("\n== "+format, args...) }

// tell says something beside the answers; not with -json, which is for programs.
func (s *session) tell(format string, args ...any) {
	if !s.raw {
		_, _ = fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// wait lets a while pass, or ends with the context.
func (s *session) wait(ctx context.Context) error {
	t := time.NewTimer(s.every)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	}
}
