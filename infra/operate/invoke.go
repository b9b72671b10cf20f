package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// invokeCommand makes the command for payloads that no other command sends, such
// as capture.
func (s *session) invokeCommand() *cobra.Command {
	c := s.asking("invoke FUNCTION FILE", "Invoke a function with a payload from a file, - is standard input", func(ctx context.Context, args []string) error {
		text, err := s.payload(args[1])
		if err != nil {
			return fmt.Errorf("read the payload: %w", err)
		}
		return s.must(ctx, args[0], jsontext.Value(text))
	})
	c.Example = "  runecast-ingest invoke collector events/collector-capture.json --json"
	return ofFunction(c)
}

// payload returns the content of a file, or of standard input for "-": one JSON object
// as UTF-8, whatever encoding it was saved in.
func (s *session) payload(file string) ([]byte, error) {
	saved := s.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // reading is over
		saved = f
	}
	text, err := archive.Text(saved)
	if err != nil {
		return nil, err
	}
	said, err := io.ReadAll(text)
	if err != nil {
		return nil, err
	}
	var members map[string]jsontext.Value
	switch err := json.Unmarshal(said, &members); {
	case len(bytes.TrimSpace(said)) == 0:
		return nil, notSent(file, "it is empty")
	case err != nil:
		return nil, notSent(file, payload.Explain(err))
	case members == nil:
		return nil, notSent(file, "it is null")
	}
	return said, nil
}

// notSent returns the fault of a file that holds no payload.
func notSent(file, what string) error {
	return &fault.Error{Class: fault.Config, Where: file, What: what, Cure: `let it hold one JSON object, as {"action":"status"}; the files in events/ are samples`}
}

func (s *session) logsCommand() *cobra.Command {
	var since string
	var follow bool
	c := s.onStack("logs FUNCTION", "Show a function's log, and follow it", func(ctx context.Context, args []string) error {
		if err := s.aws.atLeast(ctx, "logs", [3]int{}, [3]int{2, 0, 0}); err != nil {
			return err
		}
		call := []string{"logs", "tail", "/aws/lambda/" + s.function(args[0]), "--since", since}
		if follow {
			call = append(call, "--follow")
		}
		if err := s.aws.pass(ctx, s.out, s.notes, call...); ctx.Err() == nil {
			return err
		}
		return nil // interrupted: that is how following ends
	})
	c.Example = "  runecast-ingest logs forwarder\n  runecast-ingest logs collector --since 2d --follow=false"
	c.Flags().StringVar(&since, "since", "1h", "how far back, as a `time` such as 30m, 2d or 2026-11-22T02:00:00Z")
	c.Flags().BoolVar(&follow, "follow", true, "go on until interrupted")
	return ofFunction(c)
}

// ofFunction makes a command accept only the name of a function as its first
// argument, and complete it.
func ofFunction(c *cobra.Command) *cobra.Command {
	count := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := count(c, args); err != nil {
			return err
		}
		if args[0] != collector && args[0] != forwarder {
			return &fault.Error{Class: fault.Config, What: fmt.Sprintf("there is no function %q", args[0]), Cure: "name collector or forwarder"}
		}
		return nil
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return []string{collector, forwarder}, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	return c
}
