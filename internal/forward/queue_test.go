package forward_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/simulate/site"
)

// sized returns the event of an object with its size, as S3 sends it.
func sized(bucket, key string, size int) string {
	return strings.Replace(s3Event(bucket, key), `"size":1}`, fmt.Sprintf(`"size":%d}`, size), 1)
}

// flights counts the requests that are on their way to the receiver.
type flights struct {
	mu        sync.Mutex
	now, most int
	together  chan struct{} // closed once as many as wanted were on their way
	wanted    int
	patience  context.Context
}

func (f *flights) intercept(int, http.ResponseWriter, *http.Request) bool {
	f.mu.Lock()
	f.now++
	f.most = max(f.most, f.now)
	if f.now == f.wanted {
		select {
		case <-f.together:
		default:
			close(f.together)
		}
	}
	f.mu.Unlock()
	select {
	case <-f.together:
	case <-f.patience.Done():
	}
	f.mu.Lock()
	f.now--
	f.mu.Unlock()
	return false
}

// Small objects of a queue's messages are delivered several at a time. Together they have
// no more than SEND_CONCURRENCY requests in flight.
func TestQueueDeliversSmallObjectsTogether(t *testing.T) {
	t.Parallel()
	const concurrency, objects = 3, 6
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = concurrency })
	var bodies, keys []string
	for i := range objects {
		keys = append(keys, r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 30}))
		bodies = append(bodies, sized(r.Bucket, keys[i], 4000))
	}
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := &flights{together: make(chan struct{}), wanted: concurrency, patience: patience}
	r.SetIntercept(f.intercept)
	got, err := r.invoke(sqs(bodies...))
	if res, ok := got.(events.SQSEventResponse); err != nil || !ok || len(res.BatchItemFailures) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	for _, key := range keys {
		if d := r.Document(key); d.State != archive.DeliveryComplete {
			t.Errorf("%s is %q", key, d.State)
		}
	}
	if f.most != concurrency {
		t.Errorf("%d requests were on their way at a time, want %d", f.most, concurrency)
	}
}

// An object is delivered alone if it is large, or if the event does not say its size.
func TestQueueDeliversLargeObjectsAlone(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"large": 129 << 10, "unknown": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *forwarderconfig.Settings) { c.SendConcurrency = 1 })
			var bodies []string
			for i := range 4 {
				bodies = append(bodies, sized(r.Bucket, r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 3}), size))
			}
			// One object is a request of findings and one of its scan event: another's
			// would come between.
			var order []string
			r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				for i := range 4 {
					if strings.Contains(r.Sent(n), fmt.Sprintf("vc-%d", i)) {
						order = append(order, fmt.Sprint(i))
					}
				}
				return false
			})
			if got, err := r.invoke(sqs(bodies...)); err != nil || len(got.(events.SQSEventResponse).BatchItemFailures) != 0 {
				t.Errorf("%+v %v", got, err)
			}
			if seen := strings.Join(order, ""); seen != "00112233" {
				t.Errorf("the requests were of the objects %s in this order", seen)
			}
		})
	}
}

// Two messages of one invocation may name the same object. The second finds it delivered,
// and neither is given back.
func TestQueueTakesTheSameObjectTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30})
	event := sized(r.Bucket, key, 4000)
	var requests atomic.Int64
	r.SetIntercept(func(int, http.ResponseWriter, *http.Request) bool { requests.Add(1); return false })
	got, err := r.invoke(sqs(event, event, event))
	if res, ok := got.(events.SQSEventResponse); err != nil || !ok || len(res.BatchItemFailures) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	d := r.Document(key)
	if st := r.Receiver.Stats(); d.State != archive.DeliveryComplete || d.Generation != 1 || d.Requests != requests.Load() || st.DuplicateFindings != 0 {
		t.Errorf("%+v, %d requests, %+v", d, requests.Load(), st)
	}
}
