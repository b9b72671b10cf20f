package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/fault"
)

// readTimeout is how long the AWS CLI waits for an answer, in seconds: longer
// than a function may run, so that it never asks a second time.
const readTimeout = "910"

// awsCLI is the program `aws`, version 1 or 2, as PATH finds it.
type awsCLI struct{}

// run calls the CLI and returns its standard output. The error has the CLI's own
// message.
func (awsCLI) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "aws", args...)
	// One attempt: a replay must not start twice because an answer was lost.
	cmd.Env = append(os.Environ(), "AWS_MAX_ATTEMPTS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return out, explained(ctx, args, err, stderr.String())
}

// pass calls the CLI and passes its output on while it comes.
func (awsCLI) pass(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "aws", args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return explained(ctx, args, cmd.Run(), "")
}

// explained returns the error of a failed call: the CLI's own message, if there
// is one, with its cure.
func explained(ctx context.Context, args []string, err error, message string) error {
	what := "aws " + strings.Join(args[:min(2, len(args))], " ")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return &fault.Error{Class: fault.Config, What: "there is no AWS CLI in PATH", Cure: "install it, then try `aws sts get-caller-identity`"}
	case message != "":
		message = strings.Join(strings.Fields(message), " ")
		return &fault.Error{Class: fault.Config, Where: what, What: message, Cure: cure(args, message)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// cure returns what helps against a failure whose message is for programmers;
// "": the CLI's own message is enough.
func cure(args []string, message string) string {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(message), strings.ToLower(word)) })
	}
	switch {
	case says("ExpiredToken", "token has expired", "token included in the request is expired", "session has expired", "SSO session", "Error when retrieving token from sso", "refresh failed"):
		return "the login has expired: log in again, as by `aws sso login`"
	case says("Unable to locate credentials", "InvalidClientTokenId", "UnrecognizedClientException"):
		return "log in, then try `aws sts get-caller-identity`"
	case says("Connection was closed", "Read timeout", "Connection broken", "RemoteDisconnected", "Connection reset", "Connection aborted", "IncompleteRead"):
		if len(args) > 1 && args[0] == "lambda" && args[1] == "invoke" {
			return "the connection was cut while the function worked, and it works on, for 15 minutes at most: `" + self + " status` shows how far it is. " +
				"Where a network cuts connections that are silent for minutes: `aws configure set tcp_keepalive true`"
		}
		return "the connection was cut: try again"
	case says("Could not connect", "Connect timeout", "Failed to establish", "Name or service not known", "Temporary failure in name resolution"):
		return "there is no way to AWS: look at the network, HTTPS_PROXY and the region"
	}
	return ""
}

// atLeast refuses a CLI that is too old for a command. one and two are the oldest
// versions of AWS CLI 1 and 2 that suffice; a zero one: no version of AWS CLI 1
// does. A version that cannot be read is let through: the CLI itself then says
// what it does not know.
func (c awsCLI) atLeast(ctx context.Context, command string, one, two [3]int) error {
	out, err := c.run(ctx, "--version")
	if err != nil {
		return err
	}
	var v [3]int
	if n, _ := fmt.Sscanf(string(out), "aws-cli/%d.%d.%d", &v[0], &v[1], &v[2]); n < len(v) {
		return nil
	}
	least := two
	if v[0] == 1 && one != [3]int{} {
		least = one
	}
	if slices.Compare(v[:], least[:]) >= 0 {
		return nil
	}
	dotted := func(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
	return &fault.Error{
		Class: fault.Config, What: fmt.Sprintf("the AWS CLI is %s, and %s needs %s or newer", dotted(v), command, dotted(least)),
		Cure: "install a newer one: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
	}
}

// functionError is the error that a function ended with.
type functionError struct {
	function string
	Message  string `json:"errorMessage"`
	Type     string `json:"errorType"`
}

func (e *functionError) Error() string {
	text := e.Message
	if text == "" {
		text = e.Type
	}
	return e.function + ": " + text
}

// refused reports whether a function refused the payload, and so did nothing.
// The function would refuse the same payload again.
func refused(err error) bool {
	var e *functionError
	return errors.As(err, &e) && strings.HasPrefix(e.Message, "payload: ")
}

// invoke calls a function by its full name, waits for its answer and returns it.
// An error of the function itself is a *functionError.
func (c awsCLI) invoke(ctx context.Context, function string, payload []byte) (answer, error) {
	dir, err := os.MkdirTemp("", self)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", function, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in, out := filepath.Join(dir, "payload.json"), filepath.Join(dir, "answer.json")
	if err := os.WriteFile(in, payload, 0o600); err != nil {
		return nil, fmt.Errorf("invoke %s: %w", function, err)
	}
	meta, err := c.run(ctx, "lambda", "invoke", "--output", "json", "--function-name", function,
		"--cli-read-timeout", readTimeout, "--payload", "fileb://"+in, out)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", function, err)
	}
	return answer(bytes.TrimSpace(text)), failure(function, meta, text)
}

// failure returns the error with which a function ended; nil: it answered. meta is
// what the CLI prints, text the function's output.
func failure(function string, meta, text []byte) error {
	var outcome struct {
		FunctionError string
	}
	if err := json.Unmarshal(meta, &outcome); err != nil {
		return fmt.Errorf("read what the AWS CLI says about %s: %w", function, err)
	}
	if outcome.FunctionError == "" {
		return nil
	}
	e := &functionError{function: function, Type: outcome.FunctionError}
	if err := json.Unmarshal(text, e); err != nil {
		e.Message = string(text)
	}
	return e
}

// invoke calls one of the stack's functions, collector or forwarder, and returns
// its answer.
func (s *session) invoke(ctx context.Context, function string, payload any) (answer, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("write the payload for the %s: %w", function, err)
	}
	a, err := s.aws.invoke(ctx, s.function(function), text)
	if err != nil {
		return nil, err
	}
	return a, nil
}
