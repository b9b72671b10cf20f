package forward

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// Handle takes an invocation's payload: an S3 event, bare, by EventBridge or in
// SQS messages, a task of S3 Batch Operations, the record of a failed
// invocation, or an action: sweep, replay, verify, check, status, quarantine. An S3 test
// event is dropped. For SQS and Batch Operations the answer says what is to be
// tried again; otherwise an error makes Lambda try again.
func (f *Forwarder) Handle(ctx context.Context, text jsontext.Value) (any, error) {
	var probe struct {
		Records []struct {
			EventSource string `json:"eventSource"`
		} `json:"Records"`
		Tasks  []jsontext.Value `json:"tasks"`
		Action string           `json:"action"`
		Source string           `json:"source"`
		failedInvocation
	}
	if err := json.Unmarshal(text, &probe); err != nil {
		return nil, unknownPayload("it is not a JSON object (" + err.Error() + ")")
	}
	switch {
	case len(probe.RequestPayload) > 0:
		return f.Handle(probe.invocation(ctx), probe.RequestPayload)
	case len(probe.Records) > 0 || len(probe.Tasks) > 0 || probe.Source == "aws.s3":
		if err := stray(text); err != nil {
			return nil, err
		}
	}
	switch {
	case len(probe.Records) > 0 && probe.Records[0].EventSource == "aws:sqs":
		return f.queue(ctx, text)
	case len(probe.Tasks) > 0:
		return f.batch(ctx, text)
	case probe.Action == payload.Sweep:
		if _, err := payload.ParseSweep(text); err != nil {
			return nil, err
		}
		return f.Sweep(ctx)
	case probe.Action == payload.Replay:
		return f.Replay(ctx, text)
	case probe.Action == payload.Verify:
		return f.Verify(ctx, text)
	case probe.Action == payload.Check && f.o.Check != nil:
		return f.o.Check(ctx, text)
	case probe.Action == payload.Status || probe.Action == payload.Quarantine:
		return f.inspect(ctx, probe.Action, text)
	case probe.Action != "":
		return nil, unknownPayload(fmt.Sprintf("the action %q is not known", probe.Action))
	}
	return f.direct(ctx, text)
}

// testEvent is what S3 sends when a notification is set up.
const testEvent = "s3:TestEvent"

func unknownPayload(what string) error {
	return &fault.Error{Class: fault.Reject, Where: "payload", What: "cannot be understood: " + what,
		Cure: `send an S3 event, as in events/forwarder-s3.json, {"action":"sweep"}, or another of the files in events/`}
}

// direct delivers the objects of a bare S3 event. One error, or a record of
// another bucket, does not keep the other objects from being delivered.
func (f *Forwarder) direct(ctx context.Context, event []byte) (payload.DeliveryAnswer, error) {
	a := payload.DeliveryAnswer{Reasons: []string{}}
	keys, failed := f.keys(event)
	win := deliver.WindowOf(ctx, f.o.Now())
	for _, key := range keys {
		out, err := f.trigger(ctx, key, win)
		failed = errors.Join(failed, err)
		count(&a, out)
	}
	a.Next = advice(a)
	return a, failed
}

// queue delivers the objects of SQS messages. A message whose object is not
// finished is given back, by its message id.
func (f *Forwarder) queue(ctx context.Context, event []byte) (events.SQSEventResponse, error) {
	res := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	var batch events.SQSEvent
	if err := json.Unmarshal(event, &batch); err != nil {
		return res, unknownPayload(err.Error())
	}
	win := deliver.WindowOf(ctx, f.o.Now())
	for _, m := range batch.Records {
		if err := f.message(ctx, m, win); err != nil {
			f.o.Log.WarnContext(ctx, "message given back to the queue", "messageId", m.MessageId, "error", err.Error())
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return res, nil
}

func (f *Forwarder) message(ctx context.Context, m events.SQSMessage, win deliver.Window) error {
	keys, pending := f.keys([]byte(m.Body))
	for _, key := range keys {
		out, err := f.trigger(ctx, key, win)
		if err == nil && !out.Ended() && !over(&out) {
			err = fmt.Errorf("%s is %s: %s", key, out.State, out.Reason)
		}
		pending = errors.Join(pending, err)
	}
	return pending
}

// keys returns the raw objects that an event says were created. With an error come
// those of the other records.
func (f *Forwarder) keys(event []byte) ([]string, error) {
	var e struct {
		Event   string                 `json:"Event"`
		Records []events.S3EventRecord `json:"Records"`
		eventBridge
		failedInvocation
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, unknownPayload(err.Error())
	}
	switch {
	case e.Event == testEvent:
		return nil, nil
	case len(e.RequestPayload) > 0:
		return f.keys(e.RequestPayload)
	case e.Source == "aws.s3":
		return f.created(&e.eventBridge)
	case len(e.Records) == 0 || e.Records[0].EventSource != "aws:s3":
		return nil, unknownPayload("it is no S3 event and has no action")
	}
	var keys []string
	var foreign error
	for _, r := range e.Records {
		if !strings.HasPrefix(r.EventName, "ObjectCreated:") {
			continue
		}
		key := r.S3.Object.URLDecodedKey // S3 encodes keys as in a URL's query
		if err := f.ours(r.S3.Bucket.Name, key); err != nil {
			foreign = errors.Join(foreign, err)
			continue
		}
		if archive.IsFolder(key) {
			continue
		}
		keys = append(keys, key)
	}
	return keys, foreign
}

// ours refuses objects of another bucket and those that are not raw: what the
// function writes itself must never come back to it.
func (f *Forwarder) ours(bucket, key string) error {
	switch {
	case bucket != f.o.Archive.Bucket():
		return &fault.Error{Class: fault.Reject, Where: "payload", What: fmt.Sprintf("bucket %q is not the archive", bucket),
			Cure: "remove the notification of the other bucket"}
	case !strings.HasPrefix(key, archive.RawPrefix):
		return &fault.Error{Class: fault.Reject, Where: "payload", What: fmt.Sprintf("key %q is not under %s", key, archive.RawPrefix),
			Cure: "limit the bucket's notification to the prefix " + archive.RawPrefix}
	}
	return nil
}

// count adds how the delivery of an object ended.
func count(a *payload.DeliveryAnswer, o deliver.Outcome) {
	a.Objects++
	switch o.State {
	case archive.DeliveryComplete:
		a.Complete++
	case archive.DeliverySuperseded:
		a.Superseded++
	case archive.DeliveryFailed:
		a.Failed++
	case stateGone:
		a.Gone++
	case deliver.StateLeft:
		a.Left++
	default:
		a.Pending++
	}
	a.Mapped += o.Scan.Mapped
	a.Accepted += o.Scan.Accepted
	a.Quarantined += o.Scan.Quarantined
	a.Skipped += o.Scan.Skipped
	a.Requests += o.Scan.Requests
	a.Bytes += o.Scan.Bytes
	if o.Reason != "" {
		a.Reasons = append(a.Reasons, o.Reason)
	}
}

// advice is what to do now.
func advice(a payload.DeliveryAnswer) string {
	switch {
	case a.Failed > 0:
		return "mend what the reason says; the raw object stays in the archive"
	case a.Pending > 0:
		return "invoke again with the same event once the reason is mended; nothing is sent twice"
	case a.Gone > 0 && a.Gone == a.Objects:
		return "nothing: the event is about objects that are not in the archive any more"
	case a.Objects == 0:
		return "nothing: no object was created under raw/"
	}
	return "look at the dashboard Security Posture overview"
}
