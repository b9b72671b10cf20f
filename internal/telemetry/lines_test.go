package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"runecast-ingest/internal/secret"
)

func invocation(ctx context.Context) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "r-1"})
}

// withoutTime cuts the timestamp, which is the first member.
func withoutTime(t *testing.T, line string) string {
	t.Helper()
	_, rest, ok := strings.Cut(line, `Z",`)
	if !ok || !strings.HasPrefix(line, `{"timestamp":"`) {
		t.Fatalf("the line %q does not begin with a timestamp", line)
	}
	return "{" + strings.TrimSuffix(rest, "\n")
}

func TestNoMemberIsThereTwice(t *testing.T) {
	for name, c := range map[string]struct {
		log  func(context.Context, *slog.Logger)
		want string
	}{
		"nothing special": {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a", 1) }, `{"level":"INFO","message":"m","a":1,"requestId":"r-1"}`},
		"slog's own names": {
			func(ctx context.Context, l *slog.Logger) {
				l.InfoContext(ctx, "m", "message", "a", "level", "b", "timestamp", "c", "msg", "d", "time", "e", "requestId", "f")
			},
			`{"level":"INFO","message":"m","message_2":"a","level_2":"b","timestamp_2":"c","msg_2":"d","time_2":"e","requestId_2":"f","requestId":"r-1"}`,
		},
		"twice in a line":     {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a", 1, "a", 2, "a", 3) }, `{"level":"INFO","message":"m","a":1,"a_2":2,"a_3":3,"requestId":"r-1"}`},
		"the other name, too": {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a_2", 1, "a", 2, "a", 3) }, `{"level":"INFO","message":"m","a_2":1,"a":2,"a_3":3,"requestId":"r-1"}`},
		"With, then again":    {func(ctx context.Context, l *slog.Logger) { l.With("a", 1).With("a", 2).InfoContext(ctx, "m", "a", 3) }, `{"level":"INFO","message":"m","a":1,"a_2":2,"a_3":3,"requestId":"r-1"}`},
		"in a group": {func(ctx context.Context, l *slog.Logger) {
			l.InfoContext(ctx, "m", slog.Group("g", "a", 1, "a", 2, "message", "x"))
		}, `{"level":"INFO","message":"m","g":{"a":1,"a_2":2,"message":"x"},"requestId":"r-1"}`},
		"a group without name": {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a", 1, slog.Group("", "a", 2)) }, `{"level":"INFO","message":"m","a":1,"a_2":2,"requestId":"r-1"}`},
		"an empty group":       {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", slog.Group("g"), "g", 1) }, `{"level":"INFO","message":"m","g":1,"requestId":"r-1"}`},
		"WithGroup": {func(ctx context.Context, l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("a", 2).InfoContext(ctx, "m", "a", 3, "level", 4)
		}, `{"level":"INFO","message":"m","a":1,"g":{"a":2,"a_2":3,"level":4},"requestId":"r-1"}`},
		"WithGroup, no name":    {func(ctx context.Context, l *slog.Logger) { l.WithGroup("").InfoContext(ctx, "m", "a", 1) }, `{"level":"INFO","message":"m","a":1,"requestId":"r-1"}`},
		"a secret stays hidden": {func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a", secret.NewValue("hush")) }, `{"level":"INFO","message":"m","a":"[redacted]","requestId":"r-1"}`},
		"without an invocation": {func(_ context.Context, l *slog.Logger) { l.Info("m", "requestId", "mine") }, `{"level":"INFO","message":"m","requestId":"mine"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c.log(invocation(t.Context()), Logger(&out, slog.LevelInfo))
			if got := withoutTime(t, out.String()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Loggers that are derived from one another do not see each other's attributes.
func TestDerivedLoggersAreApart(t *testing.T) {
	var out bytes.Buffer
	base := Logger(&out, slog.LevelInfo).With("a", 1)
	one, two := base.With("b", 2), base.With("c", 3)
	one.InfoContext(t.Context(), "m")
	two.InfoContext(t.Context(), "m")
	first, second, _ := strings.Cut(out.String(), "\n")
	if got, want := withoutTime(t, first)+withoutTime(t, second), `{"level":"INFO","message":"m","a":1,"b":2}{"level":"INFO","message":"m","a":1,"c":3}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever attributes a record has, the line is one JSON object with every value and
// without duplicate members.
func TestLines(t *testing.T) {
	names := rapid.SampledFrom([]string{"", "a", "a_2", "b", "time", "timestamp", "level", "msg", "message", "requestId", "source", "g"})
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		log := Logger(&out, slog.LevelInfo)
		values := 0
		var attr func(depth int) slog.Attr
		attr = func(depth int) slog.Attr {
			name := names.Draw(t, "name")
			if depth < 3 && rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				var members []slog.Attr
				for range rapid.IntRange(0, 4).Draw(t, "members") {
					members = append(members, attr(depth+1))
				}
				return slog.GroupAttrs(name, members...)
			}
			values++
			return slog.String(name, fmt.Sprintf("value-%d.", values))
		}
		attrs := func() (list []slog.Attr) {
			for range rapid.IntRange(0, 4).Draw(t, "attributes") {
				list = append(list, attr(0))
			}
			return list
		}
		for range rapid.IntRange(0, 3).Draw(t, "scopes") {
			if rapid.Bool().Draw(t, "group") {
				log = log.WithGroup(names.Draw(t, "group name"))
			} else {
				log = slog.New(log.Handler().WithAttrs(attrs()))
			}
		}
		ctx := t.Context()
		if rapid.Bool().Draw(t, "in an invocation") {
			ctx = invocation(ctx)
		}
		log.LogAttrs(ctx, slog.LevelInfo, "m", attrs()...)
		var line map[string]jsontext.Value
		if err := json.Unmarshal(out.Bytes(), &line); err != nil { // refuses a member that is there twice
			t.Fatalf("%v: %s", err, out.String())
		}
		if string(line["message"]) != `"m"` || string(line["level"]) != `"INFO"` || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("got %s", out.String())
		}
		for n := range values {
			if !strings.Contains(out.String(), fmt.Sprintf(`"value-%d."`, n+1)) {
				t.Errorf("the value %d is not in %s", n+1, out.String())
			}
		}
	})
}

// The time of a line is in UTC, whatever the local zone is.
func TestLinesAreInUTC(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Date(2027, 10, 31, 2, 6, 2, 0, time.FixedZone("CET", 3600))
	if err := Logger(&out, slog.LevelInfo).Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "m", 0)); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, `{"timestamp":"2027-10-31T01:06:02Z",`) {
		t.Errorf("%s", got)
	}
}
