// Package schedule is EventBridge Scheduler in front of the functions: for the
// collector one start and then ticks, for the forwarder sweeps, every few
// seconds instead of minutes. It promises one invocation at a time, no retries,
// and schedules that go on whatever became of the last invocation, as the
// template configures them.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/simulate/lambda"
)

// Modes of a run: analyze the systems first, or archive what is there.
const (
	Analyze = "analyze"
	Latest  = "latest"
)

// Invoker is the collector.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
}

// Plan is a schedule.
type Plan struct {
	// At is the time that the start is scheduled for.
	At time.Time
	// Mode is Analyze or Latest.
	Mode string
	// Pause is the time between an answer and the next tick.
	Pause time.Duration
	// GoesOn hears of an invocation that failed, and tells whether there is a
	// run for a tick to go on with.
	GoesOn func(error) bool
}

// Answer is what the collector says about a run.
type Answer struct {
	Run       string `json:"run"`
	State     string `json:"state"` // running, done, failed, cancelled, idle
	Systems   int    `json:"systems"`
	Archived  int    `json:"archived"`
	Unchanged int    `json:"unchanged"`
	Failed    int    `json:"failed"`
	TimedOut  int    `json:"timedout"`
	// Bytes is the size of the raw objects written.
	Bytes    int64     `json:"bytes"`
	Failures []Failure `json:"failures"`
	// Next says what to do now.
	Next string `json:"next"`
	// Notice is what people are told of a run that has ended; nil if none has.
	Notice *Notice `json:"notice"`
}

// Notice is a message to people.
type Notice struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Failure is a system that was not archived, and why.
type Failure struct {
	System string `json:"system"`
	Reason string `json:"reason"`
}

const running = "running"

// Run starts a run and ticks until the collector says that it is over, or has
// failed with no run to go on with. The answer is the last one. A function
// error is returned as *lambda.Error.
func Run(ctx context.Context, collector Invoker, p Plan) (Answer, error) {
	payload, err := json.Marshal(map[string]string{"action": "start", "mode": p.Mode, "scheduledTime": p.At.UTC().Format(time.RFC3339)}, json.Deterministic(true))
	if err != nil {
		return Answer{}, fmt.Errorf("write the start event: %w", err)
	}
	for {
		a, err := invoke(ctx, collector, payload)
		failure, failed := errors.AsType[*lambda.Error](err)
		switch {
		case failed && p.GoesOn(failure):
		case err != nil || a.State != running:
			return a, err
		}
		select {
		case <-time.After(p.Pause):
			payload = []byte(`{"action":"tick"}`)
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}

func invoke(ctx context.Context, collector Invoker, payload []byte) (Answer, error) {
	r, err := collector.Invoke(ctx, payload)
	if err != nil {
		return Answer{}, err
	}
	if err := r.Err(); err != nil {
		return Answer{}, err
	}
	var a Answer
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		return Answer{}, fmt.Errorf("read the collector's answer to %s: %w", payload, err)
	}
	return a, nil
}

// Sweep is the forwarder's schedule: a sweep after every pause, until the
// context ends. What became of one is in the archive and in the function's log.
func Sweep(ctx context.Context, forwarder Invoker, pause time.Duration) {
	next := time.NewTicker(pause)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			_, _ = forwarder.Invoke(ctx, []byte(`{"action":"sweep"}`))
		}
	}
}
