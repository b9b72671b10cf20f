package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/spf13/pflag"

	"runecast-ingest/internal/fault"
)

// The functions of a stack, as their names end.
const (
	collector = "collector"
	forwarder = "forwarder"
)

// Environment variables that name the stack or the stage.
const (
	stackVariable = "RUNECAST_INGEST_STACK"
	stageVariable = "RUNECAST_INGEST_STAGE"
)

// session is the state of one command: its streams, its stack and its flags.
type session struct {
	aws          awsCLI
	stack, stage string
	// raw: --json was given, so that answers are shown as they came, one a line.
	raw bool
	// wide: --wide was given, so that tables have all columns.
	wide  bool
	in    io.Reader // standard input
	out   io.Writer // standard output
	notes io.Writer // standard error
	now   func() time.Time
	newID func() string // a new UUID
	// began: the arguments were right and the command has begun its work.
	began bool
}

// find sets the stack's name: from --stack, --stage or the environment, else that
// of the default stage. A stage's stack is named as in the Makefile.
func (s *session) find(flags *pflag.FlagSet) error {
	switch {
	case flags.Changed("stack") && flags.Changed("stage"):
		return errors.New("--stack and --stage both name a stack: give one of them")
	case flags.Changed("stack"):
	case flags.Changed("stage"):
		s.stack = stackOf(s.stage)
	default:
		s.stack = cmp.Or(os.Getenv(stackVariable), stackOf(os.Getenv(stageVariable)))
	}
	return s.stackName()
}

// stackName returns an error if the stack's name cannot be that of a stack.
func (s *session) stackName() error {
	if regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,127}$`).MatchString(s.stack) {
		return nil
	}
	return &fault.Error{
		Class: fault.Config, What: fmt.Sprintf("%q cannot be the name of a stack: it has letters, digits and hyphens", s.stack),
		Cure: "name it with --stack, or its stage with --stage; without both, " + stackVariable + " or " + stageVariable + " is taken",
	}
}

// stackOf returns the name of a stage's stack.
func stackOf(stage string) string {
	if stage == "" || stage == "default" {
		return self
	}
	return self + "-" + stage
}

// function returns the full name of one of the stack's functions.
func (s *session) function(name string) string { return s.stack + "-" + name }

// ask invokes a function, shows its answer and returns it.
func (s *session) ask(ctx context.Context, function string, payload any) (answer, error) {
	a, err := s.invoke(ctx, function, payload)
	if err != nil {
		return nil, err
	}
	return a, s.show(a)
}

// must invokes a function and shows its answer. It returns an error also if the
// answer says that something failed.
func (s *session) must(ctx context.Context, function string, payload any) error {
	a, err := s.ask(ctx, function, payload)
	if err != nil {
		return err
	}
	return a.wellDone()
}

// show prints an answer: as tables, or with --json as it came.
func (s *session) show(a answer) error {
	if s.raw {
		_, err := fmt.Fprintf(s.out, "%s\n", a)
		return err
	}
	return writeTables(s.out, a, s.wide)
}

// title prints a heading above the next output; not with --json.
func (s *session) title(format string, args ...any) { s.say("\n== "+format, args...) }

// note prints something to standard error, with --json too.
func (s *session) note(format string, args ...any) {
	_, _ = fmt.Fprintf(s.notes, format+"\n", args...)
}

// onThisStack returns a command line with the flag that names this stack, if it
// is not the default one.
func (s *session) onThisStack(line string) string {
	if s.stack == self {
		return line
	}
	return line + " --stack=" + s.stack
}

// say prints something beside the answers; not with --json, which is for programs.
func (s *session) say(format string, args ...any) {
	if !s.raw {
		_, _ = fmt.Fprintf(s.out, format+"\n", args...)
	}
}
