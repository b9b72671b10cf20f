package telemetry

import (
	"context"
	"fmt"
	stdlog "log"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/smithy-go/logging"
	"github.com/go-json-experiment/json"
)

// Serve hands Lambda's invocations to handle, one after the other, and ends with
// the process: it never returns. An invocation that fails or panics ends with a
// line of level ERROR; what a library prints meanwhile carries the invocation's
// id, too.
func Serve[In, Out any](ctx context.Context, log *slog.Logger, handle func(context.Context, In) (Out, error)) {
	lambda.StartWithOptions(&served{lambda.NewHandler(handle), capture(log)}, lambda.WithContext(ctx))
}

// served is a handler that says which invocation is under way, before the
// payload is decoded.
type served struct {
	lambda.Handler
	printed *printed
}

// Invoke takes one invocation.
func (s *served) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		s.printed.invocation.Store(lc)
	}
	return s.Handler.Invoke(ctx, payload)
}

// AWS leads the lines of the AWS SDK into the log.
func AWS(log *slog.Logger) logging.Logger { return awsLog{context.Background(), log} }

type awsLog struct {
	ctx context.Context //nolint:containedctx // logging.ContextLogger hands over a context so
	log *slog.Logger
}

// WithContext gives the logger for one call.
func (l awsLog) WithContext(ctx context.Context) logging.Logger { return awsLog{ctx, l.log} }

// Logf writes a line, a debug one as such and any other as a warning.
func (l awsLog) Logf(class logging.Classification, format string, v ...any) {
	level := slog.LevelWarn
	if class == logging.Debug {
		level = slog.LevelDebug
	}
	if l.log.Enabled(l.ctx, level) {
		l.log.Log(l.ctx, level, "aws: "+fmt.Sprintf(format, v...))
	}
}

// capture leads what is printed with package log, which would be plain text on
// the standard error, into the log. Only what the Go runtime itself says of a
// crash is still plain text.
func capture(log *slog.Logger) *printed {
	p := &printed{log: log}
	stdlog.SetFlags(0)
	stdlog.SetPrefix("")
	stdlog.SetOutput(p)
	return p
}

// printed makes a line of each text that a library prints.
type printed struct {
	log *slog.Logger
	// invocation is the newest one; package log knows none.
	invocation atomic.Pointer[lambdacontext.LambdaContext]
}

// Write never fails, and takes one call for one text, as package log makes them.
func (p *printed) Write(text []byte) (int, error) {
	ctx := context.Background()
	if lc := p.invocation.Load(); lc != nil {
		ctx = lambdacontext.NewContext(ctx, lc)
	}
	failure, ok := failureIn(text)
	if !ok {
		p.log.InfoContext(ctx, "printed by a library", "text", strings.TrimSpace(string(text)))
		return len(text), nil
	}
	said := []slog.Attr{slog.String("errorType", failure.Type), slog.String("errorMessage", failure.Message)}
	if len(failure.StackTrace) > 0 {
		said = append(said, slog.Any("stackTrace", failure.StackTrace))
	}
	p.log.LogAttrs(ctx, slog.LevelError, "invocation failed", said...)
	return len(text), nil
}

// failureIn reads the error document with which aws-lambda-go ends an
// invocation, and which it prints before.
func failureIn(text []byte) (failure messages.InvokeResponse_Error, ok bool) {
	ok = json.Unmarshal(text, &failure) == nil && failure.Type != ""
	return failure, ok
}
