package telemetry

import (
	"bytes"
	"encoding/json"
	stdlog "log"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/smithy-go/logging"
)

// What a library prints with package log becomes a line of its own.
func TestPrintedTexts(t *testing.T) {
	document := func(e messages.InvokeResponse_Error) string { // as aws-lambda-go prints it
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct {
		print func()
		want  string
	}{
		"a sentence": {func() { stdlog.Printf("failed to complete upload %d: %q", 4, "x") }, `{"level":"INFO","message":"printed by a library","text":"failed to complete upload 4: \"x\"","requestId":"r-1"}`},
		"two lines":  {func() { stdlog.Print("one\ntwo\n") }, `{"level":"INFO","message":"printed by a library","text":"one\ntwo","requestId":"r-1"}`},
		"nothing":    {func() { stdlog.Print("") }, `{"level":"INFO","message":"printed by a library","text":"","requestId":"r-1"}`},
		"other JSON": {func() { stdlog.Print(`{"level":"FATAL"}`) }, `{"level":"INFO","message":"printed by a library","text":"{\"level\":\"FATAL\"}","requestId":"r-1"}`},
		"returned error": {
			func() {
				stdlog.Printf("%s", document(messages.InvokeResponse_Error{Message: "mend <it>\nsoon", Type: "Error"}))
			},
			`{"level":"ERROR","message":"invocation failed","errorType":"Error","errorMessage":"mend <it>\nsoon","requestId":"r-1"}`,
		},
		"panic": {
			func() {
				stdlog.Printf("%s", document(messages.InvokeResponse_Error{Message: "boom", Type: "string",
					StackTrace: []*messages.InvokeResponse_Error_StackFrame{{Path: "main.go", Line: 7, Label: "main"}}}))
			},
			`{"level":"ERROR","message":"invocation failed","errorType":"string","errorMessage":"boom","stackTrace":[{"path":"main.go","line":7,"label":"main"}],"requestId":"r-1"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			capture(Logger(&out, slog.LevelInfo)).invocation.Store(&lambdacontext.LambdaContext{AwsRequestID: "r-1"})
			c.print()
			if got := withoutTime(t, out.String()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLinesOfTheAWSSDK(t *testing.T) {
	var out bytes.Buffer
	log := logging.WithContext(invocation(t.Context()), AWS(Logger(&out, slog.LevelInfo)))
	log.Logf(logging.Debug, "hidden")
	log.Logf(logging.Warn, "no checksum of %s", "x")
	if got, want := withoutTime(t, out.String()), `{"level":"WARN","message":"aws: no checksum of x","requestId":"r-1"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
