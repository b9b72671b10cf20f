package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

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

func TestMetricsAreLinesThatCloudWatchReads(t *testing.T) {
	var out bytes.Buffer
	now := time.UnixMilli(1793584800123)
	m := NewMetrics(&out, "forwarder", func() time.Time { return now })
	m.Put(Count("Accepted", int64(12)), Bytes("Sent", 9_500_000), Seconds("ScanAge", 90*time.Second))
	want := `{"_aws":{"Timestamp":1793584800123,"CloudWatchMetrics":[{"Namespace":"RunecastIngest","Dimensions":[["function"]],` +
		`"Metrics":[{"Name":"Accepted","Unit":"Count"},{"Name":"Sent","Unit":"Bytes"},{"Name":"ScanAge","Unit":"Seconds"}]}]},` +
		`"level":"INFO","function":"forwarder","Accepted":12,"Sent":9500000,"ScanAge":90}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
	out.Reset()
	m.Put(Count("a", 1), Count("a", 2), Count("level", 3))
	if !strings.Contains(out.String(), `[{"Name":"a","Unit":"Count"}]`) || !strings.HasSuffix(out.String(), `"level":"INFO","function":"forwarder","a":1}`+"\n") {
		t.Errorf("two of one name: %s", out.String())
	}
	out.Reset()
	m.Put(Metric{"x", "Count", math.NaN()})
	m.Put()
	(*Metrics)(nil).Put(Count("x", 1))
	if out.Len() > 0 {
		t.Errorf("wrote %s", out.String())
	}
}
