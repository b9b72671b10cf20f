package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"
)

const (
	// triggersVariable says of how many systems a run has archived something.
	triggersVariable = "OBJECTS"
	triggersDefault  = 1000
	// triggersForwarders work at a time, as QueueConcurrency has it.
	triggersForwarders = 8
	// triggersBatch is BatchSize: how many messages of a queue an invocation brings.
	triggersBatch = 10
	// latencyVariable is how many milliseconds S3 and Dynatrace take to answer. S3 takes
	// "roughly 100–200 milliseconds" for a small object (Amazon S3 User Guide, "Best
	// practices design patterns: optimizing Amazon S3 performance"). With a small latency
	// the benchmark measures the processors of this machine, which the S3 server, the
	// receiver and the functions share.
	latencyVariable = "LATENCY_MS"
	latencyDefault  = 100
)

// BenchmarkTriggers has a run's raw objects delivered, one of each system with
// 1,000 findings, by the messages of a queue that come all at once, ten to an
// invocation. It reports the time until all scans are committed, and what one takes.
// Messages that are given back come again at once.
func BenchmarkTriggers(b *testing.B) {
	objects, latency := positive(b, triggersVariable, triggersDefault), time.Duration(positive(b, latencyVariable, latencyDefault))*time.Millisecond
	k := newTrack(b)
	k.parallel = triggersForwarders
	k.deploy()
	var took time.Duration
	var calls, requests, back int64
	for round := 0; b.Loop(); round++ {
		estates := k.archiveRun(objects, time.Now().UTC().Truncate(time.Second).Add(time.Duration(round)*time.Second))
		k.calls.Store(0)
		k.latency = latency
		began := time.Now()
		back += k.deliverAll(estates)
		took += time.Since(began)
		k.latency = 0
		calls += k.calls.Load()
		n, _ := k.scale.take()
		requests += n
		for _, e := range estates {
			register, err := k.store.Register(b.Context(), e.id)
			if err != nil || register.Value.RawKey != e.key() {
				b.Fatalf("%s is not committed: %+v, %v", e.key(), register.Value, err)
			}
		}
	}
	all := float64(objects * b.N)
	b.ReportMetric(took.Seconds()/float64(b.N), "s/run")
	b.ReportMetric(float64(calls)/all, "S3-calls/object")
	b.ReportMetric(float64(requests)/all, "requests/object")
	b.ReportMetric(float64(back)/all, "given-back/object")
	b.ReportMetric(float64(k.function.MaxMemory())/(1<<20), "peak-MiB")
}

// positive returns the number in a variable of the environment, or the default.
func positive(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a positive number", variable, text)
	}
	return n
}

// archiveRun stores the raw objects of a run over so many systems.
func (k *track) archiveRun(systems int, started time.Time) []*estate {
	k.Helper()
	machines := newEstate(1, 1).machines
	estates := make([]*estate, systems)
	var group errgroup.Group
	group.SetLimit(triggersForwarders)
	for i := range estates {
		e := &estate{id: fmt.Sprintf("5f1ab8d2-8f3c-4a57-9b6e-%012x", i), checks: 10, objects: 100, machines: machines, started: started}
		estates[i] = e
		group.Go(func() error {
			stored, err := k.store.PutRaw(k.Context(), e.key(), e.write)
			e.bytes = stored.Bytes
			return err
		})
	}
	if err := group.Wait(); err != nil {
		k.Fatal(err)
	}
	return estates
}

// deliverAll invokes the function with a message for each object, all at once, and again
// with the messages that are given back. It returns how many were given back.
func (k *track) deliverAll(estates []*estate) int64 {
	k.Helper()
	var back atomic.Int64
	var group errgroup.Group
	for some := range slices.Chunk(estates, triggersBatch) {
		group.Go(func() error {
			var event events.SQSEvent
			for _, e := range some {
				event.Records = append(event.Records, events.SQSMessage{MessageId: e.key(), EventSource: "aws:sqs", Body: e.created()})
			}
			for len(event.Records) > 0 {
				answer, err := k.fromQueue(event)
				if err != nil {
					return err
				}
				back.Add(int64(len(answer.BatchItemFailures)))
				event.Records = slices.DeleteFunc(event.Records, func(m events.SQSMessage) bool {
					return !slices.Contains(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		k.Fatal(err)
	}
	return back.Load()
}

// fromQueue invokes the function with messages of a queue.
func (k *track) fromQueue(event events.SQSEvent) (answer events.SQSEventResponse, err error) {
	text, err := json.Marshal(event)
	if err != nil {
		return answer, err
	}
	r, err := k.function.Invoke(context.WithoutCancel(k.Context()), text)
	if err == nil {
		err = r.Err()
	}
	if err == nil {
		err = json.Unmarshal(r.Payload, &answer)
	}
	return answer, err
}
