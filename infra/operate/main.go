// Command runecast-ingest is the operator's program. It invokes the two functions
// of a deployed stack by the AWS CLI and shows their answers as tables; its
// command map needs no account. It promises an exit status: 0 if all is well, 1
// if something is not and the output says what, 2 if the command itself is
// wrong. Of the environment it reads RUNECAST_INGEST_STACK,
// RUNECAST_INGEST_STAGE and RUNECAST_INGEST_SETTINGS, and for map the settings
// of the forwarder's mapping; all other values are arguments. The AWS CLI finds
// region, profile and credentials by itself.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// self is the program's name, and the name of the stack of the stage default.
const self = "runecast-ingest"

// version is set by the linker: the release, and the commit.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit statuses: all is well; something is not, and the output says what; the
// command itself is wrong.
const (
	exitFine  = 0
	exitWrong = 1
	exitUsage = 2
)

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{in: stdin, out: stdout, notes: stderr, now: time.Now, newID: uuid.NewString}
	program := s.program()
	program.SetArgs(args)
	program.SetOut(stdout)
	program.SetErr(stderr)
	command, err := program.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line = strings.TrimSpace(plain(line)); line != "" {
			_, _ = fmt.Fprintf(stderr, "%s: %s\n", self, line)
		}
	}
	if s.began {
		return exitWrong
	}
	_, _ = fmt.Fprintf(stderr, "see: %s --help\n", command.CommandPath())
	return exitUsage
}
