// Package telemetry is how the functions are observed: structured logs, metrics
// and X-Ray subsegments. It promises that all that a function writes is one JSON
// object a line, without a member that is there twice, whoever wrote it, and
// that neither a line nor a trace carries a finding's text or a secret: traces
// get an error's class only.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/aws/aws-xray-sdk-go/v2/xraylog"

	"runecast-ingest/internal/fault"
)

// traceKey is the context key under which aws-lambda-go passes the trace
// header; without it there is no segment to add to.
const traceKey = "x-amzn-trace-id"

// Logger writes JSON lines in the shape that Lambda filters by level
// (timestamp, level, message, requestId; AWS docs "Lambda log formats"). It
// also leads the X-Ray SDK's own lines into the log, and what other libraries
// print with package log.
func Logger(w io.Writer, level slog.Level) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr})
	log := slog.New(&lineHandler{Handler: h})
	xray.SetLogger(xrayLog{log})
	capture(log)
	return log
}

// Trace runs do inside an X-Ray subsegment, with annotations that can be
// searched for (key, value, key, value …). Outside of Lambda it just runs do.
func Trace(ctx context.Context, name string, do func(context.Context) error, annotations ...string) error {
	if ctx.Value(traceKey) == nil {
		return do(ctx)
	}
	var err error
	_ = xray.Capture(ctx, name, func(ctx context.Context) error {
		for i := 0; i+1 < len(annotations); i += 2 {
			_ = xray.AddAnnotation(ctx, annotations[i], annotations[i+1]) // a trace is never worth a failure
		}
		if err = do(ctx); err != nil {
			return errors.New(string(fault.ClassOf(err)))
		}
		return nil
	})
	return err
}

// xrayLog leads the X-Ray SDK's lines to slog, its info lines as debug.
type xrayLog struct{ log *slog.Logger }

func (l xrayLog) Log(level xraylog.LogLevel, msg fmt.Stringer) {
	to := slog.LevelDebug
	if level >= xraylog.LogLevelWarn {
		to = slog.LevelWarn
	}
	if ctx := context.Background(); l.log.Enabled(ctx, to) {
		l.log.Log(ctx, to, "xray: "+msg.String())
	}
}
