// Package telemetry writes the functions' logs, metrics and X-Ray subsegments. It
// promises that every line that a function writes, also one of a library, is one JSON
// object without duplicate members, and that a trace holds only the class of an error,
// so that no text of a finding and no secret gets into it.
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

// traceKey is the context key under which aws-lambda-go passes the trace header. If the
// context has none, there is no X-Ray segment to add a subsegment to.
const traceKey = "x-amzn-trace-id"

// Logger returns a logger that writes to w one JSON object a line, with the members by
// which Lambda filters (timestamp, level, message, requestId; AWS docs "Lambda log
// formats"). For the whole process it redirects the lines of the X-Ray SDK, and what
// libraries print with package log, into this logger.
func Logger(w io.Writer, level slog.Level) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr})
	log := slog.New(&lineHandler{Handler: h})
	xray.SetLogger(xrayLog{log})
	capture(log)
	return log
}

// Trace runs do inside an X-Ray subsegment with searchable annotations, which are pairs
// of key and value. It returns do's error; the subsegment gets the error's class only.
// Without an X-Ray segment in the context it only runs do.
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

// xrayLog writes the lines of the X-Ray SDK to slog: warnings and errors as warnings,
// all others as debug lines.
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
