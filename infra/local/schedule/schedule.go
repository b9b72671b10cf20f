// Package schedule is EventBridge Scheduler in front of the collector: one
// start, then a tick every few seconds instead of minutes. It promises one
// invocation at a time and no retries, as the template configures it.
package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/simulate/lambda"
)

// Invoker is the collector.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
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
}

// Failure is a system that was not archived, and why.
type Failure struct {
	System string `json:"system"`
	Reason string `json:"reason"`
}

const running = "running"

// Run starts a run scheduled for the time at and ticks, with the pause in
// between, until the collector says that it is over. The answer is the last
// one. A function error is returned as *lambda.Error.
func Run(ctx context.Context, collector Invoker, at time.Time, pause time.Duration) (Answer, error) {
	start, err := json.Marshal(map[string]string{"action": "start", "scheduledTime": at.UTC().Format(time.RFC3339)}, json.Deterministic(true))
	if err != nil {
		return Answer{}, fmt.Errorf("write the start event: %w", err)
	}
	a, err := invoke(ctx, collector, start)
	for err == nil && a.State == running {
		select {
		case <-time.After(pause):
			a, err = invoke(ctx, collector, []byte(`{"action":"tick"}`))
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return a, err
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
