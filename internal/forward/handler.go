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
// SQS messages; a task of S3 Batch Operations; the record of a failed invocation;
// or an action: sweep, replay, verify, check, status, quarantine. An S3 test event
// is ignored. The answers to SQS and to Batch Operations name the messages and tasks
// that are to be tried again; for any other payload an error makes Lambda try again.
// A payload that is none of these is a fault of class reject.
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
		return nil, unknownPayload(payload.Explain(err))
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

// direct delivers the objects of an S3 event that comes bare or by EventBridge. An
// error of one object, or a record of another bucket, does not keep the other
// objects from being delivered.
func (f *Forwarder) direct(ctx context.Context, event []byte) (payload.DeliveryAnswer, error) {
	a := payload.DeliveryAnswer{Reasons: []string{}}
	objects, failed := f.objects(event)
	win := deliver.WindowOf(ctx, f.o.Now())
	for _, o := range objects {
		out, err := f.trigger(ctx, o.key, win)
		failed = errors.Join(failed, err)
		count(&a, o.key, out)
	}
	a.Next = advice(a)
	return a, failed
}

// object is a raw object that an event says was created.
type object struct {
	key string
	// size is in bytes, as stored; 0: the event does not say it.
	size int64
}

// objects returns the raw objects that an event says were created. If some records
// are refused, it returns the objects of the others together with the error.
func (f *Forwarder) objects(event []byte) ([]object, error) {
	var e struct {
		Event   string                 `json:"Event"`
		Action  string                 `json:"action"`
		Records []events.S3EventRecord `json:"Records"`
		eventBridge
		failedInvocation
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, unknownPayload(payload.Explain(err))
	}
	switch {
	case e.Event == testEvent:
		return nil, nil
	case len(e.RequestPayload) > 0:
		return f.objects(e.RequestPayload)
	case e.Source == "aws.s3":
		return f.created(&e.eventBridge)
	case e.Action != "":
		return nil, &fault.Error{Class: fault.Reject, Where: "payload", What: fmt.Sprintf("cannot be followed: it asks for the action %q by way of a queue of S3 events", e.Action),
			Cure: "invoke the function with it; `runecast-ingest redrive` does that with dead letters"}
	case len(e.Records) == 0 || e.Records[0].EventSource != "aws:s3":
		return nil, noEvent(event)
	}
	var found []object
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
		found = append(found, object{key: key, size: r.S3.Object.Size})
	}
	return found, foreign
}

// ours refuses an object of another bucket, and one that is not under raw/: an object
// that the function itself writes must never invoke it.
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

// count adds the outcome of one delivery to an answer. Each reason names the key of
// its object.
func count(a *payload.DeliveryAnswer, key string, o deliver.Outcome) {
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
	switch {
	case strings.Contains(o.Reason, key):
		a.Reasons = append(a.Reasons, o.Reason)
	case o.Reason != "":
		a.Reasons = append(a.Reasons, key+": "+o.Reason)
	}
}

// advice returns what a person is to do now.
func advice(a payload.DeliveryAnswer) string {
	switch {
	case a.Failed > 0:
		return "mend what the reason says; the raw object stays in the archive"
	case a.Pending > 0:
		return "nothing, if no reason is yours to mend: the sweep goes on; else invoke again with the same event once it is mended; nothing is sent twice"
	case a.Gone > 0 && a.Gone == a.Objects:
		return "nothing: the event is about objects that are not in the archive any more"
	case a.Objects == 0:
		return "nothing: no object was created under raw/"
	}
	return "look at the dashboard Security Posture overview"
}
