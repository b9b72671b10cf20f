package eventbus_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/eventbus"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/notice"
	bus "runecast-ingest/internal/simulate/eventbridge"
)

// client speaks with a simulated bus as the function does with AWS.
func client(t *testing.T, b *bus.Bus) *eventbridge.Client {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return eventbridge.New(eventbridge.Options{
		BaseEndpoint: aws.String(server.URL), Region: "eu-central-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
}

// longest returns the largest possible notice, in which every letter takes two bytes.
func longest(n int) notice.Committed {
	long := strings.Repeat(`"`, 5000)
	r := archive.Rollup{System: archive.System{ID: long, Name: long, Type: long}, RawKey: long, ScanID: fmt.Sprint("scan-", n)}
	r.Order.Run = long
	r.Change.NewlyFailed, r.Change.NewlyPassed = archive.ListRules(make([]string, 30)), archive.ListRules(make([]string, 30))
	for i := range r.Change.NewlyFailed.First {
		r.Change.NewlyFailed.First[i], r.Change.NewlyPassed.First[i] = long, long
	}
	return notice.Of(&r, "bucket", false, nil)
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"none": 0, "one": 1, "several requests": 25} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bus.Bus
			var all []notice.Committed
			for i := range n {
				all = append(all, longest(i))
			}
			if failed, err := eventbus.New(client(t, &b)).Publish(t.Context(), all); err != nil || failed != 0 {
				t.Fatal(failed, err)
			}
			var got []notice.Committed
			for _, e := range b.Events() {
				var c notice.Committed
				if err := json.Unmarshal(e.Detail, &c, json.RejectUnknownMembers(true)); err != nil {
					t.Fatal(err)
				}
				got = append(got, c)
				if e.Source != "runecast-ingest" || e.DetailType != "Scan committed" || e.Region != "eu-central-1" {
					t.Errorf("%+v", e)
				}
			}
			if d := cmp.Diff(all, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatTheBusDoesNotTake(t *testing.T) {
	t.Parallel()
	var denied, down bus.Bus
	denied.Refuse("AccessDeniedException")
	down.Refuse("InternalException")
	for name, c := range map[string]struct {
		api    eventbus.API
		failed int
		class  fault.Class
		says   string
	}{
		"no right":              {client(t, &denied), 7, fault.Config, "EventBridge: it refused the notice (AccessDeniedException): allow events:PutEvents"},
		"down":                  {client(t, &down), 7, fault.Retry, "EventBridge: it could not be told"},
		"some":                  {someFail("ThrottlingException"), 2, fault.Retry, "EventBridge: it did not take the notice (ThrottlingException: why)"},
		"some, by their source": {someFail("NotAuthorizedForSourceException"), 2, fault.Config, "allow events:PutEvents"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed, err := eventbus.New(c.api).Publish(t.Context(), make([]notice.Committed, 7))
			if err == nil || failed != c.failed || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d failed: %v", failed, err)
			}
		})
	}
}

// someFail is a bus that takes all entries of a request but the last.
type someFail string

func (code someFail) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	out := &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: make([]types.PutEventsResultEntry, len(in.Entries))}
	out.Entries[len(in.Entries)-1] = types.PutEventsResultEntry{ErrorCode: aws.String(string(code)), ErrorMessage: aws.String("why")}
	return out, nil
}

// kept is a bus that keeps the entries of the last request.
type kept []types.PutEventsRequestEntry

func (k *kept) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	*k = in.Entries
	return &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}, nil
}

// A try needs the same right as a notice: to put events of this source and type, to which
// a role may be limited.
func TestTryAsksForTheRightOfANotice(t *testing.T) {
	t.Parallel()
	var tried, published kept
	if err := eventbus.New(&tried).Try(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := eventbus.New(&published).Publish(t.Context(), make([]notice.Committed, 1)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if len(tried) != 1 || len(published) != 1 {
		t.Fatalf("%d and %d entries", len(tried), len(published))
	}
	if detail := aws.ToString(tried[0].Detail); jsontext.Value(detail).IsValid() {
		t.Errorf("the detail %s would be taken", detail)
	}
	tried[0].Detail, published[0].Detail = nil, nil
	if d := cmp.Diff(published[0], tried[0], cmpopts.IgnoreUnexported(types.PutEventsRequestEntry{})); d != "" {
		t.Errorf("(- notice, + try):\n%s", d)
	}
}

// A try returns the error that a notice would get, and puts nothing onto the bus.
func TestTryPutsNothing(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{
		"": "", "AccessDeniedException": "allow events:PutEvents on the default event bus", "InternalFailure": "it could not be told",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			var b bus.Bus
			b.Refuse(code)
			err := eventbus.New(client(t, &b)).Try(t.Context())
			if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("%v, want %q", err, says)
			}
			if n := len(b.Events()); n > 0 {
				t.Errorf("%d events are on the bus", n)
			}
		})
	}
}
