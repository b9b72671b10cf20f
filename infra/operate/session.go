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

// What the program reads of the environment.
const (
	stackVariable = "RUNECAST_INGEST_STACK"
	stageVariable = "RUNECAST_INGEST_STAGE"
)

// session is what every command works with.
type session struct {
	aws          awsCLI
	stack, stage string
	// raw shows answers as they came, one a line.
	raw bool
	// wide shows all columns of tables.
	wide  bool
	in    io.Reader
	out   io.Writer
	notes io.Writer // standard error
	now   func() time.Time
	newID func() string
	// began reports whether the arguments were right and work has begun.
	began bool
}

// find settles which stack is meant: by --stack, by --stage, by the
// environment, else the default stage's. A stage's stack is named after it, as
// the Makefile does it.
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

// stackName returns what is wrong with the stack's name.
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

// function is the full name of one of the stack's functions.
func (s *session) function(name string) string { return s.stack + "-" + name }

// ask invokes a function and shows its answer.
func (s *session) ask(ctx context.Context, function string, payload any) (answer, error) {
	a, err := s.invoke(ctx, function, payload)
	if err != nil {
		return nil, err
	}
	return a, s.show(a)
}

// must invokes a function; what its answer says to have failed is an error.
func (s *session) must(ctx context.Context, function string, payload any) error {
	a, err := s.ask(ctx, function, payload)
	if err != nil {
		return err
	}
	return a.wellDone()
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
func (s *session) title(format string, args ...any) { s.say("\n== "+format, args...) }

// note prints something to standard error, with --json too.
func (s *session) note(format string, args ...any) {
	_, _ = fmt.Fprintf(s.notes, format+"\n", args...)
}

// onThisStack completes a command line by the stack that is worked on.
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
