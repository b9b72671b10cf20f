package forward

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/payload"
)

const (
	// atOnce is how many small objects of a queue's messages are delivered at the same
	// time: most of a delivery's time is spent waiting for answers of S3.
	atOnce = 4
	// smallObject is the most bytes, as stored, of a small object. Its events fit into a
	// few request bodies. A larger object is delivered alone, so that the memory of an
	// invocation is bounded by that of one large delivery.
	smallObject = 128 << 10
)

// queue delivers the objects of SQS messages, several small ones at a time. The answer
// lists the ids of the messages that SQS is to deliver again: those with an object
// whose delivery has not ended.
func (f *Forwarder) queue(ctx context.Context, event []byte) (events.SQSEventResponse, error) {
	res := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	var batch events.SQSEvent
	if err := json.Unmarshal(event, &batch); err != nil {
		return res, unknownPayload(payload.Explain(err))
	}
	win := deliver.WindowOf(ctx, f.o.Now())
	room := semaphore.NewWeighted(atOnce)
	var group errgroup.Group
	messages := f.messages(batch.Records)
	for _, same := range byObject(messages) {
		weight := weightOf(same[0].objects)
		_ = room.Acquire(context.WithoutCancel(ctx), weight) // a delivery ends in time, and gives its room back
		group.Go(func() error {
			defer room.Release(weight)
			for _, m := range same {
				m.pending = errors.Join(m.pending, f.triggers(ctx, m.objects, win))
			}
			return nil
		})
	}
	_ = group.Wait() // each message has its own error
	for _, m := range messages {
		if m.pending != nil {
			f.o.Log.WarnContext(ctx, "message given back to the queue", "messageId", m.id, "error", m.pending.Error())
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.id})
		}
	}
	return res, nil
}

// message is one message of a queue.
type message struct {
	id      string
	objects []object
	// pending is why the message is given back to the queue; nil: it is done.
	pending error
}

// messages reads the bodies of SQS messages, each of which is an S3 event.
func (f *Forwarder) messages(records []events.SQSMessage) []*message {
	all := make([]*message, len(records))
	for i, r := range records {
		m := &message{id: r.MessageId}
		m.objects, m.pending = f.objects([]byte(r.Body))
		all[i] = m
	}
	return all
}

// byObject groups the messages that name the same object. The messages of a group are
// handled one after the other, so that the second finds the delivery of the first. A
// message that names several objects is a group of its own.
func byObject(messages []*message) [][]*message {
	var groups [][]*message
	place := map[string]int{}
	for _, m := range messages {
		if len(m.objects) == 1 {
			key := m.objects[0].key
			if i, ok := place[key]; ok {
				groups[i] = append(groups[i], m)
				continue
			}
			place[key] = len(groups)
		}
		groups = append(groups, []*message{m})
	}
	return groups
}

// weightOf returns how many of the atOnce places a message takes: one if it names one
// object that is known to be small, else all of them.
func weightOf(objects []object) int64 {
	if len(objects) == 1 && objects[0].size > 0 && objects[0].size <= smallObject {
		return 1
	}
	return atOnce
}

// triggers delivers the objects of one message. The error names those whose delivery
// has not ended.
func (f *Forwarder) triggers(ctx context.Context, objects []object, win deliver.Window) (pending error) {
	for _, o := range objects {
		out, err := f.trigger(ctx, o.key, win)
		if err == nil && !out.Ended() && !triggerDone(&out) {
			err = fmt.Errorf("%s is %s: %s", o.key, out.State, out.Reason)
		}
		pending = errors.Join(pending, err)
	}
	return pending
}
