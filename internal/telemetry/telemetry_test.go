package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

func TestLinesHaveTheShapeThatLambdaFilters(t *testing.T) {
	var out bytes.Buffer
	log := Logger(&out, slog.LevelInfo)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "r-1"})
	log.With("run", "x").InfoContext(ctx, "archived", "system", "vc1")
	log.DebugContext(ctx, "hidden")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %v\n%s", err, out.String())
	}
	for key, want := range map[string]any{"level": "INFO", "message": "archived", "requestId": "r-1", "run": "x", "system": "vc1"} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if line["timestamp"] == nil {
		t.Error("no timestamp")
	}
}

func TestTraceWithoutASegmentJustRuns(t *testing.T) {
	want := errors.New("failed")
	ran := false
	err := Trace(t.Context(), "send", func(context.Context) error { ran = true; return want }, "run", "x")
	if !ran || !errors.Is(err, want) {
		t.Errorf("ran=%v err=%v", ran, err)
	}
}
