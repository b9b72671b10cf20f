package schedule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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

func says(payload string) lambda.Result { return lambda.Result{Payload: []byte(payload)} }

func TestRunTicksUntilTheRunIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &collector{begin: time.Now(), answers: []lambda.Result{
			says(`{"run":"r1","state":"running","systems":2}`),
			says(`{"run":"r1","state":"running","systems":2,"archived":1}`),
			says(`{"run":"r1","state":"done","systems":2,"archived":1,"failed":1,"bytes":7,"failures":[{"system":"a","reason":"b"}],"next":"n","later":1}`),
		}}
		at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.FixedZone("CET", 3600))
		got, err := Run(t.Context(), c, at, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		want := Answer{Run: "r1", State: "done", Systems: 2, Archived: 1, Failed: 1, Bytes: 7, Failures: []Failure{{"a", "b"}}, Next: "n"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		tick := `{"action":"tick"}`
		if d := cmp.Diff([]string{`{"action":"start","scheduledTime":"2026-11-22T02:00:00Z"}`, tick, tick}, c.asked); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]time.Duration{0, 3 * time.Second, 6 * time.Second}, c.at); d != "" {
			t.Error(d)
		}
	})
}

func TestRunEndsWithTheCollectorsError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer lambda.Result
		want   string
	}{
		"function error": {lambda.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"Error","errorMessage":"the token was refused (401)"}`)}, "the token was refused (401)"},
		"no JSON":        {says("ok"), "collector's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &collector{answers: []lambda.Result{says(`{"state":"running"}`), c.answer}}
				if _, err := Run(t.Context(), f, time.Now(), time.Second); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
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
		if _, err := Run(ctx, f, time.Now(), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
