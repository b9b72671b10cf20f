package eventbridge_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"runecast-ingest/internal/simulate/eventbridge"
)

func client(t *testing.T, b *eventbridge.Bus) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(server.URL), Region: "eu-central-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
}

func entry(source, kind, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: &source, DetailType: &kind, Detail: &detail}
}

func TestTheSDKPutsEvents(t *testing.T) {
	t.Parallel()
	var b eventbridge.Bus
	at := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	dated := entry("ours", "Kind", `{"a": 1}`)
	dated.Time, dated.Resources, dated.EventBusName = &at, []string{"arn"}, aws.String("default")
	out, err := client(t, &b).PutEvents(t.Context(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		dated, entry("ours", "Kind", `[]`), entry("aws.s3", "Kind", `{}`), entry("ours", "Kind", `{}`),
		entry("ours", "", `{}`), entry("ours", strings.Repeat("x", 129), `{}`), entry("ours", "Kind", `{`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, e := range out.Entries {
		codes = append(codes, aws.ToString(e.ErrorCode))
		if (e.EventId == nil) == (e.ErrorCode == nil) {
			t.Errorf("%+v", e)
		}
	}
	if got, want := fmt.Sprint(codes), "[ MalformedDetail NotAuthorizedForSourceException  InvalidArgument InvalidArgument MalformedDetail]"; got != want || out.FailedEntryCount != 5 {
		t.Errorf("%d failed: %s, want %s", out.FailedEntryCount, got, want)
	}
	taken := b.Events()
	if len(taken) != 2 || taken[0].ID == taken[1].ID || string(taken[0].Detail) != `{"a": 1}` || !taken[0].Time.Equal(at) ||
		taken[0].Region != "eu-central-1" || len(taken[0].Resources) != 1 || time.Since(taken[1].Time) > time.Minute {
		t.Errorf("%+v", taken)
	}
}

func TestWhatTheServiceRefuses(t *testing.T) {
	t.Parallel()
	many := make([]types.PutEventsRequestEntry, 11)
	for i := range many {
		many[i] = entry("ours", "Kind", `{}`)
	}
	half := entry("ours", "Kind", `{"a":"`+strings.Repeat("x", 128<<10)+`"}`)
	for name, c := range map[string]struct {
		entries []types.PutEventsRequestEntry
		refuse  string
		want    string
	}{
		"too many":  {many, "", "ValidationException"},
		"none":      {[]types.PutEventsRequestEntry{}, "", "ValidationException"},
		"too large": {[]types.PutEventsRequestEntry{half, half}, "", "ValidationException"},
		"no right":  {many[:1], "AccessDeniedException", "AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b eventbridge.Bus
			b.Refuse(c.refuse)
			_, err := client(t, &b).PutEvents(t.Context(), &sdk.PutEventsInput{Entries: c.entries})
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != c.want || len(b.Events()) > 0 {
				t.Errorf("%v, and %d events", err, len(b.Events()))
			}
		})
	}
	var b eventbridge.Bus
	if _, err := client(t, &b).ListRules(t.Context(), &sdk.ListRulesInput{}); err == nil || !strings.Contains(err.Error(), "UnknownOperationException") {
		t.Errorf("another operation: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	const signed = "AWS4-HMAC-SHA256 Credential=a/20261122/eu-central-1/events/aws4_request"
	const body = `{"Entries":[{"Source":"ours","DetailType":"Kind","Detail":"{}"}]}`
	for name, c := range map[string]struct{ body, authorization, kind, want string }{
		"good":                    {body, signed, "application/x-amz-json-1.1", `"FailedEntryCount":0`},
		"unsigned":                {body, "", "application/x-amz-json-1.1", "MissingAuthenticationTokenException"},
		"for another service":     {body, strings.Replace(signed, "events", "s3", 1), "application/x-amz-json-1.1", "InvalidSignatureException"},
		"another protocol":        {body, signed, "application/json", "SerializationException"},
		"no JSON":                 {`<x>`, signed, "application/x-amz-json-1.1", "SerializationException"},
		"an unknown member":       {`{"Entries":[{"Sauce":"ours"}]}`, signed, "application/x-amz-json-1.1", "SerializationException"},
		"a bus that is not there": {strings.Replace(body, `"Source"`, `"EventBusName":"other","Source"`, 1), signed, "application/x-amz-json-1.1", "InvalidArgument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			r.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
			r.Header.Set("Authorization", c.authorization)
			r.Header.Set("Content-Type", c.kind)
			w := httptest.NewRecorder()
			new(eventbridge.Bus).ServeHTTP(w, r)
			if got, _ := io.ReadAll(w.Body); !strings.Contains(string(got), c.want) {
				t.Errorf("got %d %s", w.Code, got)
			}
		})
	}
}
