package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/infra/local/schedule"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/lambda"
)

// redraw is the time between two looks at the progress.
const redraw = 200 * time.Millisecond

// collect drives the collector through one run, shows its progress, and returns
// its last answer. It fails if the run did not archive any system.
func (s *stack) collect(ctx context.Context, show *display.Display) (payload.RunAnswer, error) {
	type outcome struct {
		answer payload.RunAnswer
		err    error
	}
	over, failures := make(chan outcome, 1), make(chan error)
	go func() {
		a, err := schedule.Run(ctx, s.collector, schedule.Plan{
			At: time.Now(), Mode: s.o.analysis, Pause: s.o.tick,
			GoesOn: func(err error) bool {
				if s.bucket.run().State != archive.RunRunning {
					return false
				}
				select {
				case failures <- err:
				case <-ctx.Done():
				}
				return true
			},
		})
		over <- outcome{a, err}
	}()
	look := time.NewTicker(redraw)
	defer look.Stop()
	if s.o.analysis == payload.Latest { // nothing is analysed
		show.Begin("read")
	} else {
		show.Begin("analyse")
	}
	archiving, said := false, ""
	for {
		select {
		case <-look.C:
			states := count(s.bucket.run())
			archived := states[archive.SystemArchived]
			if archived > 0 && !archiving {
				archiving = true
				show.Done("%d systems", states.total())
				show.Begin("archive")
			}
			if archiving {
				show.Update("%d of %d systems, %s findings sent", archived, states.total(), report.Thousands(s.sent()))
			} else {
				show.Update("%d of %d systems being analysed", states[archive.SystemScanning], states.total())
			}
		case err := <-failures:
			if text := err.Error(); text != said {
				show.Interrupt()
				s.note("the run goes on, but an invocation failed: %s", text)
				said = text
			}
		case out := <-over:
			if out.err != nil {
				return out.answer, s.explain("collector", out.err)
			}
			if !archiving {
				show.Done("%d systems", out.answer.Systems)
				show.Begin("archive")
			}
			return out.answer, s.collected(show, out.answer)
		}
	}
}

// collected shows the collector's last answer, and returns an error unless the
// run is done and has archived a system.
func (s *stack) collected(show *display.Display, a payload.RunAnswer) error {
	show.Done("%d of %d systems, %s", a.Archived, a.Systems, size(a.Bytes))
	var reasons []string
	systems := map[string][]string{} // by reason
	for _, f := range a.Failures {
		if systems[f.Reason] == nil {
			reasons = append(reasons, f.Reason)
		}
		systems[f.Reason] = append(systems[f.Reason], display.Shorten(f.System, nameLimit))
	}
	for _, reason := range reasons {
		s.note("not archived: %s: %s", strings.Join(systems[reason], ", "), reason)
	}
	if a.State == archive.RunDone && a.Archived > 0 {
		return nil
	}
	return fmt.Errorf("the collector ended its run as %q, %d of %d systems archived: %s\n  its log: %s",
		a.State, a.Archived, a.Systems, a.Next, s.logOf("collector"))
}

// note prints a line about something that went wrong without failing the run.
func (s *stack) note(format string, a ...any) {
	_, _ = fmt.Fprintf(s.o.stdout, "         "+format+"\n", a...) // nobody to tell if the terminal is gone
}

// states is the number of systems in each state.
type states map[string]int

func count(r archive.Run) states {
	n := states{}
	for _, system := range r.Systems {
		n[system.State]++
	}
	return n
}

func (n states) total() int {
	sum := 0
	for _, systems := range n {
		sum += systems
	}
	return sum
}

// sent returns the number of events that the receiver has accepted.
func (s *stack) sent() int64 { return int64(s.receiver.Stats().Accepted) }

// deliver waits until every raw object's delivery is final and the trigger has no
// open notification. It returns all deliveries, or an error about those that are
// left over.
func (s *stack) deliver(ctx context.Context, show *display.Display) ([]delivery, error) {
	look := time.NewTicker(redraw)
	defer look.Stop()
	show.Begin("deliver")
	for {
		all, err := s.bucket.deliveries()
		if err != nil {
			return nil, fmt.Errorf("look into the archive: %w", err)
		}
		var open []delivery
		for _, d := range all {
			if !d.Final() {
				open = append(open, d)
			}
		}
		t := s.trigger.Status()
		if t.Open == 0 && len(open) == 0 {
			show.Done("%d of %d systems, %s events sent", len(all), len(all), report.Thousands(s.sent()))
			for _, d := range all {
				if d.State == archive.DeliveryFailed {
					s.note("not delivered: %s: %s", display.Shorten(d.name(), nameLimit), d.Reason)
				}
			}
			return all, nil
		}
		// The trigger does not call again for an object whose event it gave up or never
		// received. So the wait ends when it gave up all that is open, or was idle for settle.
		if t.Open == 0 && (time.Since(t.Changed) > s.o.settle || givenUp(open, t.Dead)) {
			return nil, s.explain("forwarder", undelivered(open, t.Dead))
		}
		show.Update("%d of %d systems, %s events sent", len(all)-len(open), len(all), report.Thousands(s.sent()))
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// givenUp reports whether the events of all these raw objects were given up.
func givenUp(open []delivery, dead []trigger.Dead) bool {
	for _, d := range open {
		if lastTry(d.key, dead) == nil {
			return false
		}
	}
	return true
}

// lastTry returns the error of the last try for an object whose event was given
// up; nil if it was not given up.
func lastTry(key string, dead []trigger.Dead) error {
	for _, d := range dead {
		if d.Key == key {
			return d.Err
		}
	}
	return nil
}

// undelivered returns an error that counts the open raw objects and says why the
// first of them is not delivered.
func undelivered(open []delivery, dead []trigger.Dead) error {
	first := open[0]
	why := lastTry(first.key, dead)
	switch {
	case first.Reason != "":
		why = errors.New(first.Reason)
	case why == nil && first.State == "":
		why = errors.New("no event of it reached the forwarder")
	case why == nil:
		why = errors.New("the forwarder left it without a reason")
	}
	return fmt.Errorf("%d raw objects are not delivered; %s: %w", len(open), first.key, why)
}

// explain returns an error that says which function failed, why, and where its log
// is. If the function's process ended, the reason is the last line of the log.
func (s *stack) explain(name string, err error) error {
	if e, ok := errors.AsType[*lambda.Error](err); ok && e.Type == "Runtime.ExitError" {
		if last := lastLine(s.logOf(name)); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	}
	return fmt.Errorf("the %s failed: %w\n  its log: %s", name, err, s.logOf(name))
}

func (s *stack) logOf(name string) string {
	if s.o.verbose {
		return "above"
	}
	return filepath.Join(s.o.logs(), name+".jsonl")
}

func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return strings.ToValidUTF8(string(lines[len(lines)-1]), "?")
}
