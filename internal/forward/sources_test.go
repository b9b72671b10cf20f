package forward_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/site"
)

func TestEventBridge(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Upload("raw/manual/a b+c%2F=.json", site.Saved("vc-a 2@1"))
	event := `{"version":"0","source":"aws.s3","detail-type":%q,"detail":{"version":"0","bucket":{"name":%q},"object":{"key":"raw/manual/a b+c%%2F=.json","size":1}}}`
	got, err := r.invoke(fmt.Sprintf(event, "Object Created", r.Bucket))
	if err != nil || got.(payload.DeliveryAnswer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(fmt.Sprintf(event, "Object Deleted", r.Bucket)); err != nil || got.(payload.DeliveryAnswer).Objects != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := r.invoke(fmt.Sprintf(event, "Object Created", "other")); err == nil {
		t.Error("another bucket was accepted")
	}
}

// The payload in Lambda's record of a failed invocation is handled as when it came first.
func TestRecordOfAFailedInvocation(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})
	record := `{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + s3Event(r.Bucket, key) + `,"responsePayload":{"errorMessage":"x"}}`
	if got, err := r.invoke(record); err != nil || got.(payload.DeliveryAnswer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(sqs(record)); err != nil || len(got.(events.SQSEventResponse).BatchItemFailures) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestBatchOperations(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Upload("raw/manual/ü a+b%.json", site.Saved("vc-a 2@1"))
	bad := r.Put(scan{System: "vc-c", Minute: 1, Result: "[]"})
	late := r.Put(scan{System: "vc-d", Minute: 1, Failing: 1})
	r.SetIntercept(site.Refusing(503, func(b string) bool { return strings.Contains(b, "vc-d") }))
	task := func(id, bucket, key string) string {
		return fmt.Sprintf(`{"taskId":%q,%s,"s3Key":%q,"s3VersionId":null}`, id, bucket, key)
	}
	one := fmt.Sprintf(`"s3BucketArn":"arn:aws:s3:::%s"`, r.Bucket)
	two := fmt.Sprintf(`"s3Bucket":%q`, r.Bucket)
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
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(202); return true })
	got, err := r.invoke(s3Event(r.Bucket, r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil || !strings.HasPrefix(string(text), `{"objects":1,"complete":1,"superseded":0,"failed":0,"pending":0,"mapped":2,`) {
		t.Errorf("%s %v", text, err)
	}
}
