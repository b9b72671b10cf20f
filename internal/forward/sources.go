package forward

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// eventBridge is an "Object Created" event as EventBridge sends it. Its key is
// not encoded (S3 user guide, "EventBridge event message structure").
type eventBridge struct {
	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	Detail     struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key  string `json:"key"`
			Size int64  `json:"size"`
		} `json:"object"`
	} `json:"detail"`
}

// created returns the object of an "Object Created" event of EventBridge, and none
// for other events.
func (f *Forwarder) created(e *eventBridge) ([]object, error) {
	if e.DetailType != "Object Created" {
		return nil, nil
	}
	key := e.Detail.Object.Key
	if err := f.ours(e.Detail.Bucket.Name, key); err != nil || archive.IsFolder(key) {
		return nil, err
	}
	return []object{{key: key, size: e.Detail.Object.Size}}, nil
}

// noEvent returns the fault of a payload that is neither an event of S3 nor an action. It
// names a notification of SNS, which comes by a queue or to the function itself.
func noEvent(text []byte) error {
	var e struct {
		Type    string `json:"Type"`
		Topic   string `json:"TopicArn"`
		Records []struct {
			SNS jsontext.Value `json:"Sns"`
		} `json:"Records"`
	}
	err := json.Unmarshal(text, &e)
	if err == nil && (e.Type == "Notification" && e.Topic != "" || len(e.Records) > 0 && len(e.Records[0].SNS) > 0) {
		return &fault.Error{Class: fault.Reject, Where: "payload", What: "cannot be used: it is a notification of SNS, and the event in it is not read",
			Cure: "let S3 invoke the function itself, by EventBridge or by SQS; on an SNS subscription of a queue turn raw message delivery on. The sweep delivers what was meant"}
	}
	return unknownPayload("it is no S3 event and has no action")
}

// failedInvocation is the record that Lambda sends of a failed asynchronous invocation,
// to a queue or another destination. RequestPayload is the payload of that invocation.
type failedInvocation struct {
	RequestPayload jsontext.Value `json:"requestPayload"`
	RequestContext struct {
		RequestID string `json:"requestId"`
	} `json:"requestContext"`
}

// invocation returns the context with the request id of the invocation that failed. A
// replay takes it for its own id, so that it does not send again what that invocation
// has sent.
func (i *failedInvocation) invocation(ctx context.Context) context.Context {
	if i.RequestContext.RequestID == "" {
		return ctx
	}
	lc := lambdacontext.LambdaContext{}
	if now, ok := lambdacontext.FromContext(ctx); ok {
		lc = *now
	}
	lc.AwsRequestID = i.RequestContext.RequestID
	return lambdacontext.NewContext(ctx, &lc)
}

// batchTask is a task of S3 Batch Operations, schema 1.0 (bucket by ARN) or
// 2.0 (by name). Its key is encoded as in a URL's query.
type batchTask struct {
	TaskID      string `json:"taskId"`
	S3Key       string `json:"s3Key"`
	S3Bucket    string `json:"s3Bucket"`
	S3BucketARN string `json:"s3BucketArn"`
}

// batchJob is the S3 Batch Operations job of the tasks. User arguments are of schema
// 2.0 only.
type batchJob struct {
	ID   string `json:"id"`
	User struct {
		Action string `json:"action"`
	} `json:"userArguments"`
}

// batchRequest returns the request of a job: with the user argument action=replay,
// scans whose delivery has ended are sent again, once per job; else none is.
func (f *Forwarder) batchRequest(j *batchJob) deliver.Request {
	if j.User.Action != payload.Replay {
		return deliver.Request{}
	}
	return deliver.Request{JobID: cmp.Or(j.ID, f.o.NewID())}
}

// Result codes of S3 Batch Operations (S3 user guide, "Invoke Lambda function").
const (
	batchSucceeded = "Succeeded"
	batchTemporary = "TemporaryFailure" // the job tries again
	batchPermanent = "PermanentFailure"
)

// batch delivers the objects of an S3 Batch Operations job. The answer has a result
// code and a text for each task.
func (f *Forwarder) batch(ctx context.Context, event []byte) (events.S3BatchJobResponse, error) {
	var job struct {
		Schema       string      `json:"invocationSchemaVersion"`
		InvocationID string      `json:"invocationId"`
		Job          batchJob    `json:"job"`
		Tasks        []batchTask `json:"tasks"`
	}
	if err := json.Unmarshal(event, &job); err != nil {
		return events.S3BatchJobResponse{}, unknownPayload(payload.Explain(err))
	}
	res := events.S3BatchJobResponse{InvocationSchemaVersion: job.Schema, InvocationID: job.InvocationID, TreatMissingKeysAs: batchTemporary}
	win, request := deliver.WindowOf(ctx, f.o.Now()), f.batchRequest(&job.Job)
	for _, t := range job.Tasks {
		code, text := f.task(ctx, &t, win, request)
		res.Results = append(res.Results, events.S3BatchJobResult{TaskID: t.TaskID, ResultCode: code, ResultString: text})
	}
	return res, nil
}

// bucketOf returns the name in a bucket's ARN, arn:aws:s3:::name.
func bucketOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// task delivers the object of one task and returns the task's result code, with a
// text for the job's report.
func (f *Forwarder) task(ctx context.Context, t *batchTask, win deliver.Window, r deliver.Request) (code, text string) {
	key, err := url.QueryUnescape(t.S3Key)
	if err != nil {
		return batchPermanent, "the key is not encoded as in a URL"
	}
	bucket := t.S3Bucket
	if bucket == "" {
		bucket = bucketOf(t.S3BucketARN)
	}
	if err := f.ours(bucket, key); err != nil {
		return batchPermanent, err.Error()
	}
	if archive.IsFolder(key) {
		return batchSucceeded, "a folder"
	}
	var out deliver.Outcome
	if r.JobID != "" {
		out, err = f.deliverer.Deliver(ctx, key, win, r)
	} else {
		out, err = f.trigger(ctx, key, win)
	}
	switch {
	case err != nil && errors.Is(err, store.ErrMissing):
		return batchPermanent, err.Error()
	case out.State == stateGone:
		return batchPermanent, out.Reason
	case out.State == deliver.StateLeft:
		return batchSucceeded, out.Reason
	case err != nil:
		return batchTemporary, err.Error()
	case out.State == archive.DeliveryFailed:
		return batchPermanent, out.Reason
	case out.Ended(), out.State == deliver.StateOlder:
		return batchSucceeded, out.State
	}
	return batchTemporary, out.State + ": " + out.Reason
}
