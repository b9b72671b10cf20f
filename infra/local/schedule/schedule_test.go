package schedule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/lambda"
)

// collector answers as scripted and notes what it was asked, and when.
type collector struct {
	answers []lambda.Result
	asked   []string
	at      []time.Duration
	begin   time.Time
}

func (c *collector) Invoke(_ context.Context, payload []byte) (lambda.Result, error) {
	c.asked = append(c.asked, string(payload))
	c.at = append(c.at, time.Since(c.begin))
	r := c.answers[0]
	c.answers = c.answers[1:]
	return r, nil
}

func says(text string) lambda.Result { return lambda.Result{Payload: []byte(text)} }

func TestRunTicksUntilTheRunIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &collector{begin: time.Now(), answers: []lambda.Result{
			says(`{"run":"r1","state":"running","systems":2}`),
			says(`{"run":"r1","state":"running","systems":2,"archived":1}`),
			says(`{"run":"r1","state":"done","systems":2,"archived":1,"failed":1,"bytes":7,"failures":[{"system":"a","reason":"b"}],"next":"n","later":1}`),
		}}
		at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.FixedZone("CET", 3600))
		got, err := Run(t.Context(), c, Plan{At: at, Mode: payload.Latest, Pause: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		want := payload.RunAnswer{Run: "r1", State: "done", RunCounts: payload.RunCounts{Systems: 2, Archived: 1, Failed: 1, Bytes: 7},
			Failures: []payload.RunFailure{{System: "a", Reason: "b"}}, Next: "n"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		tick := `{"action":"tick"}`
		if d := cmp.Diff([]string{`{"action":"start","mode":"latest","scheduledTime":"2026-11-22T02:00:00Z"}`, tick, tick}, c.asked); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]time.Duration{0, 3 * time.Second, 6 * time.Second}, c.at); d != "" {
			t.Error(d)
		}
	})
}

func fails(message string) lambda.Result {
	return lambda.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"Error","errorMessage":"` + message + `"}`)}
}

// A function error does not end the schedule while there is a run.
func TestTicksGoOnAfterAFunctionError(t *testing.T) {
	t.Parallel()
	const goesOn, over = `{"state":"running"}`, `{"state":"done"}`
	for name, c := range map[string]struct {
		answers []lambda.Result
		heard   []string // the errors that GoesOn gets; after the last one there is no run if err is set
		err     string
	}{
		"of ticks":               {[]lambda.Result{says(goesOn), fails("a"), fails("b"), says(goesOn), fails("c"), says(over)}, []string{"a", "b", "c"}, ""},
		"of the start":           {[]lambda.Result{fails("a"), says(goesOn), says(over)}, []string{"a"}, ""},
		"of the start, no run":   {[]lambda.Result{fails("the token was refused (401)")}, []string{"the token was refused (401)"}, "the token was refused (401)"},
		"of a tick, no run":      {[]lambda.Result{says(goesOn), fails("a"), fails("b")}, []string{"a", "b"}, "b"},
		"an answer, but no JSON": {[]lambda.Result{says(goesOn), says("ok")}, nil, "collector's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var heard []string
				f := &collector{answers: c.answers}
				_, err := Run(t.Context(), f, Plan{Pause: time.Second, GoesOn: func(err error) bool {
					heard = append(heard, err.Error())
					return c.err == "" || len(heard) < len(c.heard)
				}})
				if (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				if len(f.answers) > 0 {
					t.Errorf("it ended with %d answers left", len(f.answers))
				}
				if d := cmp.Diff(c.heard, heard); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := &collector{answers: []lambda.Result{says(`{"state":"running"}`)}}
		if _, err := Run(ctx, f, Plan{Pause: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// Sweeps go on after an error, and end with their context.
func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		var payloads []string
		Sweep(ctx, invoker(func(payload []byte) (lambda.Result, error) {
			payloads = append(payloads, string(payload))
			return lambda.Result{}, errors.New("the endpoint is down")
		}), 10*time.Second)
		if len(payloads) != 3 || payloads[0] != `{"action":"sweep"}` {
			t.Errorf("%d sweeps in 35 s: %q", len(payloads), payloads)
		}
	})
}

type invoker func([]byte) (lambda.Result, error)

func (i invoker) Invoke(_ context.Context, payload []byte) (lambda.Result, error) { return i(payload) }
