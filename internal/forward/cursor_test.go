package forward_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// as replays in a new invocation with this request id.
func (r *rig) as(id, members string) (answer string, cursor string, err error) {
	r.T.Helper()
	a, err := r.replay(lambdacontext.NewContext(r.T.Context(), &lambdacontext.LambdaContext{AwsRequestID: id}), members)
	return fmt.Sprintf("complete %d pending %d", a.Complete, a.Pending), a.Cursor, err
}

// A scan whose delivery a sweep finishes between two calls of a replay is not sent again.
func TestReplayTakesTheSweepsWorkForItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	r.RefuseFrom(2, 429)
	got, cursor, err := r.as("one", key(k))
	if err != nil || got != "complete 0 pending 1" {
		t.Fatalf("%s %v", got, err)
	}
	r.SetIntercept(nil)
	if _, err := r.sweep(); err != nil {
		t.Fatal(err)
	}
	before := r.Requests
	got, cursor, err = r.as("two", key(k)+fmt.Sprintf(`,"next":%q`, cursor))
	if err != nil || got != "complete 1 pending 0" || cursor != "" || r.Requests != before || r.Document(k).Generation != 2 {
		t.Errorf("%s, cursor %q, %d requests, generation %d, %v", got, cursor, r.Requests-before, r.Document(k).Generation, err)
	}
}

// If the delivery of a chosen scan is still open, the replay only finishes it.
func TestReplayOfAWaitingScanIsOneDelivery(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.RefuseFrom(2, 429)
	r.delivered(k, archive.DeliverySending)
	r.RefuseFrom(2, 429)
	_, cursor, err := r.as("one", key(k))
	if err != nil || cursor == "" {
		t.Fatalf("cursor %q, %v", cursor, err)
	}
	r.SetIntercept(nil)
	if _, err := r.sweep(); err != nil {
		t.Fatal(err)
	}
	before := r.Requests
	if got, _, err := r.as("two", key(k)+fmt.Sprintf(`,"next":%q`, cursor)); err != nil || got != "complete 1 pending 0" || r.Requests != before {
		t.Errorf("%s, %d requests, %v", got, r.Requests-before, err)
	}
	if _, _, err := r.as("three", key(k)+`,"next":"vc-a"`); fault.ClassOf(err) != fault.Reject {
		t.Errorf("a cursor of somebody's own: %v", err)
	}
}

// A replay that meets a dead endpoint names the cursor. The next call goes on without
// sending again what was sent.
func TestReplayThatFailsSaysHowItGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 4 {
		r.delivered(r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1}), archive.DeliveryComplete)
	}
	r.RefuseFrom(4, 403) // two requests each
	_, cursor, err := r.as("one", `"prefix":"raw/"`)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", cursor)) || cursor == "" {
		t.Fatalf("cursor %q, %v", cursor, err)
	}
	r.SetIntercept(nil)
	if got, cursor, err := r.as("two", fmt.Sprintf(`"prefix":"raw/","next":%q`, cursor)); err != nil || got != "complete 2 pending 0" || cursor != "" {
		t.Errorf("%s, cursor %q, %v", got, cursor, err)
	}
}

// A scan that another invocation is delivering is left to the next call, and the scans
// that were replayed after it are not sent again.
func TestReplayComesBackToABusyScan(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var keys []string
	for i := range 3 {
		keys = append(keys, r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1}))
		r.delivered(keys[i], archive.DeliveryComplete)
	}
	d, err := r.Store.Delivery(t.Context(), keys[1])
	if err != nil {
		t.Fatal(err)
	}
	lease := func(l *archive.Lease) {
		t.Helper()
		d.Value.Lease = l
		if err := store.Save(t.Context(), r.Store, &d); err != nil {
			t.Fatal(err)
		}
	}
	lease(&archive.Lease{Owner: "other", Until: r.Clock.Now().Add(time.Hour)})
	got, cursor, err := r.as("one", `"prefix":"raw/"`)
	if err != nil || got != "complete 2 pending 1" || cursor == "" {
		t.Fatalf("%s, cursor %q, %v", got, cursor, err)
	}
	lease(nil)
	if _, cursor, err = r.as("two", fmt.Sprintf(`"prefix":"raw/","next":%q`, cursor)); err != nil || cursor != "" {
		t.Errorf("cursor %q, %v", cursor, err)
	}
	for _, k := range keys {
		if g := r.Document(k).Generation; g != 2 {
			t.Errorf("%s is in generation %d", k, g)
		}
	}
}

// A cursor behind which nothing is left is told of: nothing was sent.
func TestCursorBehindTheLastScan(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	if a := r.replayed(`"prefix":"raw/","next":"5f0c ~"`); a.Objects != 0 || r.Requests != 0 || !strings.Contains(a.Next, "no scan is left") {
		t.Errorf("%d objects, %d requests: %s", a.Objects, r.Requests, a.Next)
	}
}
