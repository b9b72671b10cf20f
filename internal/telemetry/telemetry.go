// Package telemetry is how the functions are observed: structured logs and
// X-Ray subsegments. It promises that neither carries a finding's text or a
// secret: traces get an error's class only.
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
// also leads the X-Ray SDK's own lines into the log.
func Logger(w io.Writer, level slog.Level) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr})
	log := slog.New(&requestHandler{h})
	xray.SetLogger(xrayLog{log})
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

// requestHandler adds the invocation's id to each line.
type requestHandler struct{ slog.Handler }

func (h *requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", lc.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *requestHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return &requestHandler{h.Handler.WithAttrs(a)}
}

func (h *requestHandler) WithGroup(name string) slog.Handler {
	return &requestHandler{h.Handler.WithGroup(name)}
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
