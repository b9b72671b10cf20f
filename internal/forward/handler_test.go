package forward_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// s3Event returns an event as AWS sends it, with an encoded key.
func s3Event(bucket string, keys ...string) string {
	var records []string
	for _, k := range keys {
		records = append(records, fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1}}}`, bucket, k))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func sqs(bodies ...string) string {
	var records []string
	for i, b := range bodies {
		text, _ := json.Marshal(b)
		records = append(records, fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","body":%s}`, i, text))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func (r *rig) invoke(payload string) (any, error) {
	return r.forwarder().Handle(r.T.Context(), jsontext.Value(payload))
}

func TestBareEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	good := r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})
	bad := r.Put(scan{System: "vc-b", Minute: 1, Result: `{}`})
	got, err := r.invoke(s3Event(r.Bucket, strings.ReplaceAll(good, "=", "%3D"), bad))
	a, ok := got.(payload.DeliveryAnswer)
	if err != nil || !ok || a.Objects != 2 || a.Complete != 1 || a.Failed != 1 || a.Mapped != 2 || len(a.Reasons) != 1 || a.Next == "" {
		t.Errorf("%+v %v", got, err)
	}
	r.Shown("vc-a failed=2 passed=0 posture=0")
}

func TestAwkwardKeysAreDecoded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for encoded, key := range map[string]string{
		"raw/manual/a+b%2Bc%25d%3D.json": "raw/manual/a b+c%d=.json",
		"raw/manual/%C3%BC%E2%82%AC":     "raw/manual/ü€",
	} {
		got, err := r.invoke(s3Event(r.Bucket, encoded))
		if a, ok := got.(payload.DeliveryAnswer); err != nil || !ok || a.Gone != 1 || !strings.Contains(strings.Join(a.Reasons, "\n"), key) {
			t.Errorf("%s: %v %v; want the missing key named as %s", encoded, got, err, key)
		}
	}
}

func TestEndpointErrorOfABareEventIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true })
	_, err := r.invoke(s3Event(r.Bucket, r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})))
	if err == nil || fault.ClassOf(err) != fault.Auth || !strings.Contains(err.Error(), "openpipeline.events_security") {
		t.Errorf("%v", err)
	}
}

func TestQueueGivesBackWhatIsNotFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.SetIntercept(func(_ int, w http.ResponseWriter, req *http.Request) bool {
		b := make([]byte, 4096)
		n, _ := req.Body.Read(b)
		req.Body = http.NoBody
		if strings.Contains(string(b[:n]), "vc-b") {
			w.WriteHeader(403)
		} else {
			w.WriteHeader(202)
		}
		return true
	})
	a, b := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), r.Put(scan{System: "vc-b", Minute: 1, Failing: 1})
	bad := r.Put(scan{System: "vc-c", Minute: 1, Result: "[]"})
	got, err := r.invoke(sqs(s3Event(r.Bucket, a), s3Event(r.Bucket, b), "nonsense", `{"Service":"Amazon S3","Event":"s3:TestEvent"}`, s3Event(r.Bucket, bad)))
	if err != nil {
		t.Fatal(err)
	}
	res, ok := got.(events.SQSEventResponse)
	if !ok || len(res.BatchItemFailures) != 2 || res.BatchItemFailures[0].ItemIdentifier != "m1" || res.BatchItemFailures[1].ItemIdentifier != "m2" {
		t.Errorf("%+v", got)
	}
	if d := r.Document(bad); d.State != archive.DeliveryFailed {
		t.Errorf("the bad object is %q", d.State)
	}
}

// If an event names several objects, each reason names its object.
func TestReasonsNameTheObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	good := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	bad := []string{r.Put(scan{System: "vc-b", Minute: 1, Result: "[]"}), r.Put(scan{System: "vc-c", Minute: 1})}
	a, err := handle(t.Context(), r.forwarder(), s3Event(r.Bucket, good, bad[0], bad[1]))
	if err != nil || a.Complete != 1 || a.Failed != 2 || len(a.Reasons) != 2 {
		t.Fatalf("%+v %v", a, err)
	}
	for i, key := range bad {
		if strings.Count(a.Reasons[i], key) != 1 {
			t.Errorf("the reason %q is of %s", a.Reasons[i], key)
		}
	}
}

func TestPayloadsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for name, c := range map[string]struct{ text, says string }{
		"other bucket":                          {s3Event("other", "raw/x"), `bucket "other"`},
		"other prefix":                          {s3Event(r.Bucket, "delivery/raw/x.json"), "not under raw/"},
		"empty":                                 {`{}`, "no S3 event"},
		"other action":                          {`{"action":"dance"}`, `"dance" is not known`},
		"array":                                 {`[]`, "not a JSON object"},
		"bad escape":                            {s3Event(r.Bucket, "raw/%zz"), "cannot be understood"},
		"other records":                         {`{"Records":[{"eventSource":"aws:sns"}]}`, "cannot be understood"},
		"an S3 event by SNS":                    {`{"Records":[{"EventSource":"aws:sns","Sns":{"Type":"Notification","Message":"{}"}}]}`, "a notification of SNS, and the event in it is not read: let S3 invoke the function itself"},
		"an S3 event by SNS, in a dead letter":  {`{"requestPayload":{"Type":"Notification","TopicArn":"arn:aws:sns:eu-central-1:123456789012:t","Message":"{}"}}`, "turn raw message delivery on"},
		"member of an action beside S3's event": {strings.TrimSuffix(s3Event(r.Bucket, "raw/x"), "}") + `,"dryRun":true}`, `leave "dryRun" out`},
		"member of an action beside a queue's event": {`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"}],"force":true}`, `"force" has no meaning`},
		"action beside a task":                       {`{"tasks":[{"taskId":"1"}],"action":"sweep"}`, `"action" has no meaning`},
		"member beside EventBridge's event":          {`{"source":"aws.s3","detail-type":"Object Created","detail":{},"limit":1}`, `"limit" has no meaning`},
	} {
		got, err := r.invoke(c.text)
		if err == nil || !strings.Contains(err.Error(), c.says) || fault.ClassOf(err) != fault.Reject {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"test event": `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T02:00:00Z","Bucket":"b"}`,
		"folder":     s3Event(r.Bucket, "raw/manual/vc1/"),
		"deletion":   strings.ReplaceAll(s3Event(r.Bucket, "raw/x"), "ObjectCreated:Put", "ObjectRemoved:Delete"),
	} {
		if got, err := r.invoke(text); err != nil || got.(payload.DeliveryAnswer).Objects != 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	if r.Requests != 0 {
		t.Errorf("%d requests", r.Requests)
	}
}

// The handler takes the sample payloads in events/, which are what AWS sends.
func TestSamplePayloads(t *testing.T) {
	t.Parallel()
	samples := map[string]func(got any) bool{
		"forwarder-replay.json":         func(got any) bool { return got.(payload.ReplayAnswer).Selected == 0 },
		"forwarder-replay-run.json":     func(got any) bool { return got.(payload.ReplayAnswer).Selected == 0 },
		"forwarder-replay-failed.json":  func(got any) bool { return got.(payload.ReplayAnswer).Selected == 0 },
		"forwarder-replay-dry-run.json": func(got any) bool { return got.(payload.ReplayAnswer).DryRun != nil },
		"forwarder-replay-force.json":   func(got any) bool { return got.(payload.ReplayAnswer).Complete == 1 },
		"forwarder-s3.json":             func(got any) bool { return got.(payload.DeliveryAnswer).Complete == 1 },
		"forwarder-sqs.json": func(got any) bool {
			return len(got.(events.SQSEventResponse).BatchItemFailures) == 0
		},
		"forwarder-eventbridge.json": func(got any) bool { return got.(payload.DeliveryAnswer).Complete == 1 },
		"forwarder-failed.json":      func(got any) bool { return got.(payload.DeliveryAnswer).Complete == 1 },
		"forwarder-batch-1.json":     func(got any) bool { return got.(events.S3BatchJobResponse).Results[0].ResultCode == "Succeeded" },
		"forwarder-batch-2.json":     func(got any) bool { return got.(events.S3BatchJobResponse).Results[0].ResultCode == "Succeeded" },
		"forwarder-sweep.json":       func(got any) bool { return got.(payload.DeliveryAnswer).Objects == 0 },
		"forwarder-status.json":      func(got any) bool { return got.(payload.StatusAnswer).Next != "" },
		"forwarder-quarantine.json":  func(got any) bool { return got.(payload.QuarantineList).Next != "" },
		"forwarder-check.json": func(got any) bool {
			return strings.HasPrefix(got.(string), "checked ") && !strings.Contains(got.(string), "sendTestEvent")
		},
		"forwarder-check-test-event.json": func(got any) bool { return strings.Contains(got.(string), `"sendTestEvent": true`) },
		"forwarder-verify.json":           func(got any) bool { return strings.Contains(got.(payload.VerifyAnswer).Reasons[0], "GRAIL_URL") },
		"forwarder-verify-key.json":       func(got any) bool { return strings.Contains(got.(payload.VerifyAnswer).Reasons[0], "GRAIL_URL") },
		"forwarder-s3-test-event.json":    func(got any) bool { return got.(payload.DeliveryAnswer).Objects == 0 },
	}
	for name, c := range samples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../events/" + name)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, nil)
			bucket, key := named(t, text)
			if key != "" {
				if bucket != "" {
					r.Use(bucket)
				}
				s := scan{System: "vc-a", Minute: 1, Failing: 2}
				r.PutAs(key, s)
			}
			got, err := r.invoke(string(text))
			if err != nil || !c(got) {
				t.Fatalf("%+v %v", got, err)
			}
			if key != "" && !strings.Contains(name, "verify") {
				r.Shown("vc-a failed=2 passed=0 posture=0")
			}
		})
	}
	files, err := filepath.Glob("../../events/forwarder-*.json")
	if err != nil || len(files) != len(samples) {
		t.Errorf("%d samples, %d are tested: %v %v", len(files), len(samples), files, err)
	}
}

// named returns the bucket and the decoded key of the first object in a text.
func named(t *testing.T, payload []byte) (bucket, key string) {
	t.Helper()
	type object struct {
		Bucket struct{ Name string }
		Object struct{ Key string }
	}
	var e struct {
		RequestPayload json.RawMessage
		Detail         object
		Key            string
		Tasks          []struct{ S3Key, S3Bucket, S3BucketArn string }
		Records        []struct {
			Body string
			S3   object
		}
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Fatal(err)
	}
	switch {
	case len(e.RequestPayload) > 0:
		return named(t, e.RequestPayload)
	case e.Detail.Bucket.Name != "":
		return e.Detail.Bucket.Name, e.Detail.Object.Key
	case len(e.Tasks) > 0:
		bucket = e.Tasks[0].S3Bucket + strings.TrimPrefix(e.Tasks[0].S3BucketArn, "arn:aws:s3:::")
		key, err := url.QueryUnescape(e.Tasks[0].S3Key)
		if err != nil {
			t.Fatal(err)
		}
		return bucket, key
	case len(e.Records) == 0:
		return "", e.Key
	}
	if body := e.Records[0].Body; body != "" {
		return named(t, []byte(body))
	}
	key, err := url.QueryUnescape(e.Records[0].S3.Object.Key)
	if err != nil {
		t.Fatal(err)
	}
	return e.Records[0].S3.Bucket.Name, key
}
