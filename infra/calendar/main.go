// Command calendar runs another command, by default all tests, as if it were
// another date. It promises that every Go program which that command builds has
// the chosen moment as its time: tests, the functions that they start, the S3
// server. Their clocks run on from that moment. Programs that were built before
// are not changed, and nothing of this gets into a release.
//
//	go run ./infra/calendar                                   all tests, at a moment that the commit chooses
//	go run ./infra/calendar -at 400d                          all tests, 400 days from now
//	go run ./infra/calendar -at leap                          all tests, into the first of March of a leap year
//	go run ./infra/calendar -at 2027-05-01T12:00:00Z -zone America/New_York
//	go run ./infra/calendar -at spring go test ./internal/forward
//
// Other programs have the real time, and so have the dates of files. Go programs
// read and set the dates of files in their own time: here S3 is a folder, and the
// dates of its objects are those of files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	_ "time/tzdata" // a machine may have none
)

func main() {
	at := flag.String("at", "", "`moment`: a number of days as in 7d, "+names()+", or a time as in 2028-02-29T12:00:00Z; none: the commit chooses")
	zone := flag.String("zone", "", "local `zone` of the programs; none: that of the moment")
	show := flag.Bool("show", false, "only show the moment, in seconds since 1970")
	flag.Parse()
	if *show {
		fmt.Println(time.Now().Unix())
		return
	}
	err := run(*at, *zone, flag.Args())
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		os.Exit(max(1, exit.ExitCode()))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "calendar:", err)
		os.Exit(1)
	}
}

// run chooses the moment, and runs a command at it.
func run(at, zone string, command []string) error {
	ctx := context.Background()
	if len(command) == 0 {
		command = []string{"make", "--no-print-directory", "test", "RACE="}
	}
	m, err := choose(at, time.Now(), commit(ctx))
	if err != nil {
		return err
	}
	if zone != "" {
		m.zone = zone
	}
	w, err := newWorld(ctx, m.zone)
	if err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if err := w.move(ctx, m.at); err != nil {
		return err
	}
	fmt.Printf("calendar: %s as if it were %s, %s (%s)\n", strings.Join(command, " "), m.at.Format(time.RFC3339), m.name, m.zone)
	if err := w.run(ctx, command[0], command[1:]...); err != nil {
		fmt.Fprintf(os.Stderr, "calendar: once more: go run ./infra/calendar -at %s -zone %s %s\n", m.at.Format(time.RFC3339), m.zone, strings.Join(flag.Args(), " "))
		return err
	}
	return nil
}

// commit returns the id of the commit that is checked out; empty: there is none.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
