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

	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/lambda"
)

// Invoker is a deployed function: the collector, or for Sweep the forwarder.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
}

// Plan is the collector's schedule.
type Plan struct {
	// At is the time that the start is scheduled for.
	At time.Time
	// Mode is payload.Analyze or payload.Latest.
	Mode string
	// Pause is the time between an answer and the next tick.
	Pause time.Duration
	// GoesOn gets the error of an invocation that failed, and reports whether there
	// is a run that a tick can go on with.
	GoesOn func(error) bool
}

// running is the state of an answer whose run is not over.
const running = "running"

// Run starts a run, and ticks until the collector answers that the run is over, or
// an invocation fails and there is no run to go on with. It returns the last
// answer. A function error is returned as *lambda.Error.
func Run(ctx context.Context, collector Invoker, p Plan) (payload.RunAnswer, error) {
	request, err := json.Marshal(payload.RunRequest{Action: payload.Start, Mode: p.Mode, ScheduledTime: payload.Stamp(p.At)})
	if err != nil {
		return payload.RunAnswer{}, fmt.Errorf("write the start event: %w", err)
	}
	for {
		a, err := invoke(ctx, collector, request)
		failure, failed := errors.AsType[*lambda.Error](err)
		switch {
		case failed && p.GoesOn(failure):
		case err != nil || a.State != running:
			return a, err
		}
		select {
		case <-time.After(p.Pause):
			request = []byte(`{"action":"tick"}`)
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}

func invoke(ctx context.Context, collector Invoker, request []byte) (payload.RunAnswer, error) {
	r, err := collector.Invoke(ctx, request)
	if err != nil {
		return payload.RunAnswer{}, err
	}
	if err := r.Err(); err != nil {
		return payload.RunAnswer{}, err
	}
	var a payload.RunAnswer
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		return payload.RunAnswer{}, fmt.Errorf("read the collector's answer to %s: %w", request, err)
	}
	return a, nil
}

// Sweep is the forwarder's schedule: it starts a sweep after every pause until the
// context ends. It drops the answers: the archive and the function's log tell what
// each sweep did.
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
