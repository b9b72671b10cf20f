package forward_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"runecast-ingest/internal/forward"
)

func TestEventBridge(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.upload("raw/manual/a b+c%2F=.json", saved("vc-a 2@1"))
	event := `{"version":"0","source":"aws.s3","detail-type":%q,"detail":{"version":"0","bucket":{"name":%q},"object":{"key":"raw/manual/a b+c%%2F=.json","size":1}}}`
	got, err := r.invoke(fmt.Sprintf(event, "Object Created", r.bucket))
	if err != nil || got.(forward.Answer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(fmt.Sprintf(event, "Object Deleted", r.bucket)); err != nil || got.(forward.Answer).Objects != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := r.invoke(fmt.Sprintf(event, "Object Created", "other")); err == nil {
		t.Error("another bucket was accepted")
	}
}

// What Lambda keeps of a failed invocation is delivered again as it was sent.
func TestRecordOfAFailedInvocation(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.put(scan{system: "vc-a", minute: 1, failing: 2})
	record := `{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + s3Event(r.bucket, key) + `,"responsePayload":{"errorMessage":"x"}}`
	if got, err := r.invoke(record); err != nil || got.(forward.Answer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(sqs(record)); err != nil || len(got.(events.SQSEventResponse).BatchItemFailures) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestBatchOperations(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.upload("raw/manual/ü a+b%.json", saved("vc-a 2@1"))
	bad := r.put(scan{system: "vc-c", minute: 1, result: "[]"})
	late := r.put(scan{system: "vc-d", minute: 1, failing: 1})
	r.intercept = refusing(503, func(b string) bool { return strings.Contains(b, "vc-d") })
	task := func(id, bucket, key string) string {
		return fmt.Sprintf(`{"taskId":%q,%s,"s3Key":%q,"s3VersionId":null}`, id, bucket, key)
	}
	one := fmt.Sprintf(`"s3BucketArn":"arn:aws:s3:::%s"`, r.bucket)
	two := fmt.Sprintf(`"s3Bucket":%q`, r.bucket)
	for schema, bucket := range map[string]string{"1.0": one, "2.0": two} {
		payload := fmt.Sprintf(`{"invocationSchemaVersion":%q,"invocationId":"i","job":{"id":"j","userArguments":{"a":"b"}},"tasks":[%s]}`, schema, strings.Join([]string{
			task("ok", bucket, url.QueryEscape("raw/manual/ü a+b%.json")), task("bad", bucket, bad), task("missing", bucket, "raw/v1/none"),
			task("late", bucket, late), task("foreign", `"s3Bucket":"other"`, bad), task("loop", bucket, "delivery/x"), task("escape", bucket, "raw/%zz"),
		}, ","))
		got, err := r.invoke(payload)
		if err != nil {
			t.Fatal(err)
		}
		res := got.(events.S3BatchJobResponse)
		want := map[string]string{"ok": "Succeeded", "bad": "PermanentFailure", "missing": "PermanentFailure", "late": "TemporaryFailure", "foreign": "PermanentFailure", "loop": "PermanentFailure", "escape": "PermanentFailure"}
		if res.InvocationSchemaVersion != schema || res.InvocationID != "i" || len(res.Results) != len(want) {
			t.Errorf("%+v", res)
		}
		for _, one := range res.Results {
			if one.ResultCode != want[one.TaskID] || one.ResultString == "" {
				t.Errorf("schema %s: %s is %s: %s", schema, one.TaskID, one.ResultCode, one.ResultString)
			}
		}
	}
}

// An answer must be what the Lambda runtime can encode.
func TestAnswersAreJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.intercept = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(202); return true }
	got, err := r.invoke(s3Event(r.bucket, r.put(scan{system: "vc-a", minute: 1, failing: 2})))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil || !strings.HasPrefix(string(text), `{"objects":1,"complete":1,"superseded":0,"failed":0,"pending":0,"mapped":2,`) {
		t.Errorf("%s %v", text, err)
	}
}
