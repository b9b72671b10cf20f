package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// requestID is the member with the id of an invocation, as in Lambda's own lines.
const requestID = "requestId"

// lineHandler makes one JSON object of each record, with the invocation's id and
// without duplicate members. Of two members with one name CloudWatch Logs Insights would
// show only one, and it is not known which one Lambda's log filter would read. So an
// attribute whose name is taken is written as "name_2".
type lineHandler struct {
	slog.Handler
	scopes []scope
}

// scope is what With or WithGroup added to a logger: attributes, or a group that
// everything added later belongs to.
type scope struct {
	group string
	attrs []slog.Attr
}

// with returns the handler with one more scope.
func (h *lineHandler) with(s scope) slog.Handler {
	return &lineHandler{h.Handler, append(slices.Clip(h.scopes), s)}
}

// WithAttrs adds attributes to each line.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(scope{attrs: attrs})
}

// WithGroup puts what follows into a group.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(scope{group: name})
}

// Handle writes a line. Its time is in UTC, as in Lambda's own lines, whatever the
// variable TZ says.
func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, s := range slices.Backward(h.scopes) {
		if s.group != "" {
			attrs = []slog.Attr{slog.GroupAttrs(s.group, attrs...)}
		}
		attrs = append(slices.Clip(s.attrs), attrs...)
	}
	line := slog.NewRecord(r.Time.UTC(), r.Level, r.Message, r.PC)
	names := taken{slog.TimeKey: true, slog.LevelKey: true, slog.MessageKey: true, "timestamp": true, "message": true}
	lc, ok := lambdacontext.FromContext(ctx)
	if ok {
		names[requestID] = true
	}
	line.AddAttrs(names.distinct(attrs)...)
	if ok {
		line.AddAttrs(slog.String(requestID, lc.AwsRequestID))
	}
	return h.Handler.Handle(ctx, line)
}

// taken is the set of the names of an object's members.
type taken map[string]bool

// distinct returns the attributes under names that are not taken yet, and adds the names
// to the set. The members of a group without a name become members of the object, as in
// slog.
func (t taken) distinct(attrs []slog.Attr) []slog.Attr {
	var named []slog.Attr
	for _, a := range attrs {
		a.Value = a.Value.Resolve()
		switch {
		case a.Equal(slog.Attr{}): // slog leaves it out
			continue
		case a.Value.Kind() == slog.KindGroup && a.Key == "":
			named = append(named, t.distinct(a.Value.Group())...)
			continue
		case a.Value.Kind() == slog.KindGroup:
			members := taken{}.distinct(a.Value.Group())
			if len(members) == 0 {
				continue
			}
			a.Value = slog.GroupValue(members...)
		}
		name := a.Key
		for n := 2; t[a.Key]; n++ {
			a.Key = name + "_" + strconv.Itoa(n)
		}
		t[a.Key] = true
		named = append(named, a)
	}
	return named
}
