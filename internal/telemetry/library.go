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

// Serve hands Lambda's invocations to handle, one after the other. It does not return.
// An invocation that fails or panics ends with a line of level ERROR. What a library
// prints during an invocation is logged with the invocation's id.
func Serve[In, Out any](ctx context.Context, log *slog.Logger, handle func(context.Context, In) (Out, error)) {
	lambda.StartWithOptions(&served{lambda.NewHandler(handle), capture(log)}, lambda.WithContext(ctx))
}

// served is a handler that records which invocation is under way before it decodes the
// payload.
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

// AWS returns a logger for the AWS SDK that writes into the log.
func AWS(log *slog.Logger) logging.Logger { return awsLog{context.Background(), log} }

type awsLog struct {
	ctx context.Context //nolint:containedctx // logging.ContextLogger hands over a context so
	log *slog.Logger
}

// WithContext returns the logger for one call of the SDK.
func (l awsLog) WithContext(ctx context.Context) logging.Logger { return awsLog{ctx, l.log} }

// Logf writes a line: one of the class debug at level DEBUG, any other at level WARN.
func (l awsLog) Logf(class logging.Classification, format string, v ...any) {
	level := slog.LevelWarn
	if class == logging.Debug {
		level = slog.LevelDebug
	}
	if l.log.Enabled(l.ctx, level) {
		l.log.Log(l.ctx, level, "aws: "+fmt.Sprintf(format, v...))
	}
}

// capture redirects what libraries print with package log into the log; it would
// otherwise be plain text on the standard error. Only the Go runtime's own report of a
// crash is still plain text.
func capture(log *slog.Logger) *printed {
	p := &printed{log: log}
	stdlog.SetFlags(0)
	stdlog.SetPrefix("")
	stdlog.SetOutput(p)
	return p
}

// printed writes a log line for each text that a library prints.
type printed struct {
	log *slog.Logger
	// invocation is the one that began last; package log passes no context.
	invocation atomic.Pointer[lambdacontext.LambdaContext]
}

// Write logs one text, as package log hands it over. It never fails.
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

// failureIn decodes the error document that aws-lambda-go prints before it ends a failed
// invocation; false: the text is something else.
func failureIn(text []byte) (failure messages.InvokeResponse_Error, ok bool) {
	ok = json.Unmarshal(text, &failure) == nil && failure.Type != ""
	return failure, ok
}
