package forward_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/site"
)

// night returns a scan of a system from so many nights ago.
func night(system string, ago, failing int) scan {
	return scan{System: system, Minute: -ago * 24 * 60, Failing: failing}
}

// A copied archive sends little: a trigger that finds a newer scan of its system
// leaves its own to the sweep, which delivers the newest first.
func TestCopiedArchiveIsNotSentWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	const nights, failing = 30, 20
	var keys []string
	for ago := nights; ago > 0; ago-- {
		for _, system := range []string{"vc-a", "vc-b"} {
			keys = append(keys, r.Put(night(system, ago, failing)))
		}
	}
	for _, key := range keys { // oldest first, as they were copied
		got, err := r.invoke(s3Event(r.Bucket, key))
		if a, ok := got.(payload.DeliveryAnswer); err != nil || !ok || a.Failed > 0 {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if sent := r.Receiver.Stats().Events["COMPLIANCE_FINDING"]; sent != 2*failing {
		t.Errorf("triggers sent %d findings, want those of the newest scans, %d", sent, 2*failing)
	}
	for range 3 {
		r.Clock.Advance(15 * time.Minute)
		if _, err := r.sweep(); err != nil {
			t.Fatal(err)
		}
	}
	if sent := r.Receiver.Stats().Events["COMPLIANCE_FINDING"]; sent != 2*failing {
		t.Errorf("with the sweeps %d findings were sent, want %d", sent, 2*failing)
	}
	for _, key := range keys {
		if d := r.Document(key); !d.Final() {
			t.Errorf("%s is %q", key, d.State)
		}
	}
}

// The queue does not bring an object again that is left to the sweep; a delivery that has
// begun goes on.
func TestTriggerLeavesTheOlderToTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	older := r.Put(night("vc-a", 3, 30))
	r.RefuseFrom(1, 429)
	r.delivered(older, archive.DeliverySending) // begun
	r.SetIntercept(nil)
	left, newest := r.Put(night("vc-a", 2, 3)), r.Put(night("vc-a", 1, 3))
	got, err := r.invoke(sqs(s3Event(r.Bucket, left)))
	if res, ok := got.(events.SQSEventResponse); err != nil || !ok || len(res.BatchItemFailures) != 0 || r.Document(left).State != "" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(s3Event(r.Bucket, older)); err != nil || got.(payload.DeliveryAnswer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := r.invoke(s3Event(r.Bucket, newest)); err != nil || got.(payload.DeliveryAnswer).Complete != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if a, err := r.sweep(); err != nil || a.Superseded != 1 || r.Document(left).State != archive.DeliverySuperseded {
		t.Errorf("%+v %v", a, err)
	}
}

// A record of another bucket does not keep our object in the same event from
// being delivered, and is an error all the same.
func TestForeignRecordKeepsNothingFromBeingDelivered(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(string) string{"bare": func(e string) string { return e }, "queue": func(e string) string { return sqs(e) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})
			var all struct{ Records []json.RawMessage }
			for _, e := range []string{s3Event("foreign", "raw/v1/x.json.gz"), s3Event(r.Bucket, key)} {
				var one struct{ Records []json.RawMessage }
				if err := json.Unmarshal([]byte(e), &one); err != nil {
					t.Fatal(err)
				}
				all.Records = append(all.Records, one.Records...)
			}
			event, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.invoke(wrap(string(event)))
			if res, ok := got.(events.SQSEventResponse); name == "queue" && (!ok || err != nil || len(res.BatchItemFailures) != 1) {
				t.Errorf("%+v %v", got, err)
			}
			if name == "bare" && (fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "foreign")) {
				t.Errorf("%+v %v", got, err)
			}
			r.Shown("vc-a failed=2 passed=0 posture=0")
		})
	}
}

// An event whose object is gone ends, and is counted.
func TestEventOfAnObjectThatIsGoneEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 2})
	if _, err := r.S3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &r.Bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	got, err := r.invoke(s3Event(r.Bucket, key))
	if a, ok := got.(payload.DeliveryAnswer); err != nil || !ok || a.Gone != 1 || a.Pending != 0 || !strings.Contains(a.Next, "not in the archive any more") {
		t.Errorf("%+v %v", got, err)
	}
	got, err = r.invoke(sqs(s3Event(r.Bucket, key)))
	if res, ok := got.(events.SQSEventResponse); err != nil || !ok || len(res.BatchItemFailures) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	record := fmt.Sprintf(`{"requestContext":{"requestId":"r","functionArn":"f","condition":"RetriesExhausted"},"requestPayload":%s}`, s3Event(r.Bucket, key))
	if got, err = r.invoke(record); err != nil || got.(payload.DeliveryAnswer).Gone != 1 {
		t.Errorf("the record of a failed invocation: %+v %v", got, err)
	}
	if n := r.Counted("ObjectsGone"); n != 3 {
		t.Errorf("%d are counted", n)
	}
}

// An object that is refused as a whole does not keep others from being delivered, and
// does not make sweeps fail for ever.
func TestSweepGoesAroundAnObjectThatIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `"vc-a`) }))
	bad := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1000})
	for _, system := range []string{"vc-b", "vc-c"} {
		r.Put(scan{System: system, Minute: 1, Failing: 1})
	}
	for sweep := range 4 {
		r.Clock.Advance(5 * time.Minute) // S3 dates what was accepted by another clock
		if _, err := r.sweep(); err != nil && sweep > 0 {
			t.Fatalf("sweep %d: %v", sweep, err)
		}
	}
	d := r.Document(bad)
	if d.State != archive.DeliveryFailed || !strings.Contains(d.Reason, "another object was accepted lately") {
		t.Errorf("%q %s", d.State, d.Reason)
	}
	r.Shown("vc-b failed=1 passed=0 posture=0", "vc-c failed=1 passed=0 posture=0")
	if before := r.Requests; before > 500 {
		t.Errorf("%d requests", before)
	}
}

// An endpoint that refuses everything is no object's fault: a sweep stops at the
// second object, and says so.
func TestSweepStopsWhereEverythingIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(string) bool { return true }))
	for i := range 5 {
		r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1000})
	}
	if _, err := r.sweep(); err == nil || r.Requests > 500 {
		t.Errorf("%v after %d requests", err, r.Requests)
	}
	r.SetIntercept(nil)
	if a, err := r.sweep(); err != nil || a.Complete != 5 {
		t.Errorf("%+v %v", a, err)
	}
}
