package forward_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/forward"
)

// replay sends a replay with these members beside the action.
func (r *rig) replay(ctx context.Context, members string) (forward.ReplayAnswer, error) {
	r.t.Helper()
	a, err := r.forwarder().Replay(ctx, []byte(`{"action":"replay",`+members+`}`))
	if d := r.receiver.Stats().DuplicateFindings; d > 0 {
		r.t.Errorf("%d findings twice under one scan id", d)
	}
	return a, err
}

// replayed expects a replay to go well.
func (r *rig) replayed(members string) forward.ReplayAnswer {
	r.t.Helper()
	a, err := r.replay(r.t.Context(), members)
	if err != nil {
		r.t.Fatalf("replay %s: %v", members, err)
	}
	return a
}

func key(k string) string { return fmt.Sprintf(`"key":%q`, k) }

// A replay is another generation: old and new rows are never shown together.
func TestReplaySendsAnotherGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	s := scan{system: "vc-a", minute: 1, failing: 60, passing: 1}
	k := r.put(s)
	first := r.delivered(k, archive.DeliveryComplete)
	shown := "vc-a failed=60 passed=1 posture=50"
	r.intercept = func(_ int, _ http.ResponseWriter, _ *http.Request) bool { r.shown(shown); return false }
	a := r.replayed(key(k))
	if a.Complete != 1 || a.Selected != 1 || a.Accepted != 61 || a.Cursor != "" {
		t.Errorf("%+v", a)
	}
	d := r.document(k)
	if d.Generation != 2 || d.ScanID == first.Scan.ScanID || d.State != archive.DeliveryComplete || d.Force {
		t.Errorf("generation %d, scan %s, %s", d.Generation, d.ScanID, d.State)
	}
	r.shown(shown)
	before := r.requests
	r.delivered(k, archive.DeliveryComplete) // a late trigger
	if r.requests != before {
		t.Error("a trigger after the replay sent something")
	}
}

func TestReplayNeverBringsBackTheOldUnlessForced(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.put(scan{system: "vc-a", minute: 1, failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	newer := r.put(scan{system: "vc-a", minute: 2, failing: 3})
	r.delivered(newer, archive.DeliveryComplete)
	before, document := r.requests, r.document(old)
	if a := r.replayed(key(old)); a.Older != 1 || a.Complete != 0 || !strings.Contains(a.Next, "force") {
		t.Errorf("%+v", a)
	}
	if r.requests != before || r.document(old).WriteID != document.WriteID {
		t.Error("something was sent or written")
	}
	if a := r.replayed(key(old) + `,"force":true`); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=5 passed=0 posture=0")
	r.replayed(key(newer))
	r.shown("vc-a failed=3 passed=0 posture=0")
	r.replayed(key(old) + `,"force":true`)
	r.delivered(r.put(scan{system: "vc-a", minute: 3, failing: 1}), archive.DeliveryComplete) // the next analysis
	r.shown("vc-a failed=1 passed=0 posture=0")
}

// A forced replay that is interrupted goes on by itself, and stays forced.
func TestForcedReplayIsFinishedByTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	old := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.put(scan{system: "vc-a", minute: 2, failing: 3}), archive.DeliveryComplete)
	from := r.requests
	r.intercept = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= from+2 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n >= from+2
	}
	if a := r.replayed(key(old) + `,"force":true`); a.Pending != 1 || a.Cursor == "" {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=3 passed=0 posture=0")
	r.intercept = nil
	if a, err := r.sweep(); err != nil || a.Complete != 1 {
		t.Errorf("%+v %v", a, err)
	}
	if d := r.document(old); d.Generation != 2 {
		t.Errorf("generation %d: what was sent was not used", d.Generation)
	}
	r.shown("vc-a failed=60 passed=0 posture=0")
}

func TestReplaySelections(t *testing.T) {
	r := newRig(t, nil)
	for _, system := range []string{"vc-a", "vc-b"} {
		for minute := 1; minute <= 2; minute++ {
			r.delivered(r.put(scan{system: system, minute: minute, failing: minute}), archive.DeliveryComplete)
		}
	}
	broken := r.put(scan{system: "vc-c", minute: 1, result: "[]"})
	r.delivered(broken, archive.DeliveryFailed)
	run, day := scan{minute: 2}.run(), night.Format(time.DateOnly)
	for name, tc := range map[string]struct {
		members                 string
		selected, complete, old int
	}{
		"a run":                {fmt.Sprintf(`"run":%q`, run), 2, 2, 0},
		"an older run":         {fmt.Sprintf(`"run":%q`, scan{minute: 1}.run()), 3, 0, 2},
		"an unknown run":       {fmt.Sprintf(`"run":%q`, night.Format("20060102T150405Z")+"-0000"), 0, 0, 0},
		"a system by id":       {`"system":"vc-b"`, 1, 1, 0},
		"a prefix":             {fmt.Sprintf(`"prefix":"%srun=%s/vc-a"`, archive.AnalysesOf(night), run), 1, 1, 0},
		"everything":           {`"prefix":"raw/"`, 3, 2, 0},
		"a day":                {fmt.Sprintf(`"since":%[1]q,"until":%[1]q`, day), 3, 2, 0},
		"a day without":        {fmt.Sprintf(`"since":%q`, night.Add(24*time.Hour).Format(time.DateOnly)), 0, 0, 0},
		"until a moment":       {fmt.Sprintf(`"until":%q`, scan{minute: 2}.started().Format(time.RFC3339)), 3, 0, 2},
		"a state":              {`"state":"complete"`, 2, 2, 0},
		"a state and a system": {`"state":"failed","system":"vc-a"`, 0, 0, 0},
		"pending":              {`"state":"pending"`, 0, 0, 0},
		"failed":               {`"state":"failed"`, 1, 0, 0},
		"hand-made ones":       {`"prefix":"raw/manual/"`, 0, 0, 0},
		"a prefix above all":   {`"prefix":"raw/v","system":"vc-a"`, 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.replayed(tc.members)
			if a.Selected != tc.selected || a.Complete != tc.complete || a.Older != tc.old {
				t.Errorf("selected %d, complete %d, older %d; want %+v", a.Selected, a.Complete, a.Older, tc)
			}
			r.shown("vc-a failed=2 passed=0 posture=0", "vc-b failed=2 passed=0 posture=0")
		})
	}
}

func TestUnclearReplaysAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.delivered(r.put(scan{system: "vc-a", minute: 1, failing: 1}), archive.DeliveryComplete)
	before := r.requests
	for name, members := range map[string]string{
		"nothing":              `"limit":1`,
		"a misspelt member":    `"prefix":"raw/","dryrun":true`,
		"key and more":         `"key":"raw/v1/x","system":"a"`,
		"force for many":       `"prefix":"raw/","force":true`,
		"another prefix":       `"prefix":"delivery/"`,
		"an unknown state":     `"state":"done"`,
		"no time":              `"since":"yesterday"`,
		"a wrong type":         `"limit":"3"`,
		"a negative limit":     `"prefix":"raw/","limit":-1`,
		"a missing raw object": `"key":"raw/v1/missing.json.gz"`,
	} {
		if _, err := r.replay(t.Context(), members); fault.ClassOf(err) != fault.Reject {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.requests != before {
		t.Error("something was sent")
	}
}

func TestReplayGoesOnOverSeveralCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 5 {
		r.delivered(r.put(scan{system: fmt.Sprintf("vc-%d", i), minute: 1, failing: 1}), archive.DeliveryComplete)
	}
	cursor, calls, complete := "", 0, 0
	for calls == 0 || cursor != "" {
		a := r.replayed(fmt.Sprintf(`"prefix":"raw/","limit":2,"next":%q`, cursor))
		cursor, complete = a.Cursor, complete+a.Complete
		calls++
	}
	if calls != 3 || complete != 5 {
		t.Errorf("%d calls, %d replayed", calls, complete)
	}
	for i := range 5 {
		if d := r.document(scan{system: fmt.Sprintf("vc-%d", i), minute: 1}.key()); d.Generation != 2 {
			t.Errorf("vc-%d is in generation %d", i, d.Generation)
		}
	}
}

// Lambda repeats an asynchronous invocation that failed: what it had replayed
// is not sent once more.
func TestRepeatedInvocationReplaysOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 1})
	r.delivered(k, archive.DeliveryComplete)
	for _, request := range []string{"one", "one", "two"} {
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: request})
		if a, err := r.replay(ctx, key(k)); err != nil || a.Complete != 1 {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if d := r.document(k); d.Generation != 3 {
		t.Errorf("generation %d, want 3", d.Generation)
	}
}

// So does whoever sends the record of a failed invocation again.
func TestRecordOfAFailedReplayReplaysOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 1})
	r.delivered(k, archive.DeliveryComplete)
	for range 2 {
		if _, err := r.invoke(fmt.Sprintf(`{"requestContext":{"requestId":"r-1"},"requestPayload":{"action":"replay","key":%q}}`, k)); err != nil {
			t.Fatal(err)
		}
	}
	if d := r.document(k); d.Generation != 2 {
		t.Errorf("generation %d, want 2", d.Generation)
	}
}

func TestReplayByBatchOperations(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.put(scan{system: "vc-a", minute: 1, failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	k := r.put(scan{system: "vc-a", minute: 2, failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	job := func(id, action, key string) string {
		t.Helper()
		got, err := r.invoke(fmt.Sprintf(`{"invocationSchemaVersion":"2.0","invocationId":"i","job":{"id":%q,"userArguments":{"action":%q}},`+
			`"tasks":[{"taskId":"t","s3Key":%q,"s3VersionId":null,"s3Bucket":%q}]}`, id, action, key, r.bucket))
		if err != nil {
			t.Fatal(err)
		}
		res := got.(events.S3BatchJobResponse).Results[0]
		return fmt.Sprint(res.ResultCode, " ", res.ResultString, " ", r.document(key).Generation)
	}
	for i, step := range [][4]string{
		{"j1", "replay", k, "Succeeded complete 2"},
		{"j1", "replay", k, "Succeeded complete 2"}, // the task is repeated: its answer was lost
		{"j2", "replay", k, "Succeeded complete 3"},
		{"j3", "deliver", k, "Succeeded complete 3"},
		{"j1", "replay", old, "Succeeded older 1"},
	} {
		if got := job(step[0], step[1], step[2]); got != step[3] {
			t.Errorf("step %d: %s, want %s", i, got, step[3])
		}
	}
	r.shown("vc-a failed=3 passed=0 posture=0")
}

// A dry run counts exactly what the replay then sends, and sends nothing.
func TestDryRunEqualsTheReplay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Forwarder){
		"defaults": nil,
		"small batches, coverage of objects": func(c *config.Forwarder) {
			small(c)
			c.Mapping.Coverage = "object"
		},
		"one model, no coverage": func(c *config.Forwarder) { c.Mapping.EventModel, c.Mapping.Coverage = "xspm", "none" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			old := r.put(scan{system: "vc-a", minute: 1, failing: 7})
			for _, k := range []string{old, r.put(scan{system: "vc-a", minute: 2, failing: 70, passing: 3}), r.put(scan{system: "vc-b", minute: 2, failing: 9})} {
				r.delivered(k, archive.DeliveryComplete)
			}
			before, requests, documents := r.receiver.Stats(), r.requests, r.document(old).WriteID
			dry := r.replayed(`"prefix":"raw/","dryRun":true,"pricePerGiB":0.2`).DryRun
			if r.requests != requests || r.document(old).WriteID != documents {
				t.Error("the dry run sent or wrote something")
			}
			r.replayed(`"prefix":"raw/"`)
			after := r.receiver.Stats()
			if int(dry.Events) != after.Accepted-before.Accepted || dry.Bytes != after.Bytes-before.Bytes || int(dry.Requests) != r.requests-requests {
				t.Errorf("rehearsed %d events, %d bytes, %d requests; sent %d, %d, %d", dry.Events, dry.Bytes, dry.Requests,
					after.Accepted-before.Accepted, after.Bytes-before.Bytes, r.requests-requests)
			}
			if want := float64(dry.Bytes) / (1 << 30) * 0.2; dry.Cost != want || len(dry.Systems) != 2 {
				t.Errorf("cost %v, want %v; %d systems", dry.Cost, want, len(dry.Systems))
			}
			rows, _ := json.Marshal(dry.Systems[0].Rows)
			if want := `[{"standard":"CIS","severity":"CRITICAL","status":"FAILED","rows":70},{"standard":"CIS","severity":"LOW","status":"PASSED","rows":3}]`; string(rows) != want {
				t.Errorf("rows %s, want %s", rows, want)
			}
		})
	}
}

// Each body waits until the ones before it have had their time.
func TestReplayKeepsThePace(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.clock.Now()
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":2`); a.Complete != 1 {
		t.Fatalf("%+v", a)
	}
	if took := r.clock.Now().Sub(before); took < 15*time.Second || took > 35*time.Second {
		t.Errorf("60 events at 2 a second took %v, without the last body's time", took)
	}
	a := r.replayed(key(k) + `,"maxEventsPerSecond":0.01`)
	if a.Pending != 1 || a.Cursor == "" || !strings.Contains(strings.Join(a.Reasons, " "), "pace") {
		t.Errorf("%+v", a)
	}
	if a = r.replayed(key(k)); a.Complete != 1 || r.document(k).Generation != 3 {
		t.Errorf("%+v", a)
	}
	r.shown("vc-a failed=60 passed=0 posture=0")
}

// A run that its schedule began late has an id that looks older than it is: the
// scan that is shown is the one that is replayed, not the one of the newer id.
func TestReplayOfARunThatBeganLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	late := r.putAs(archive.RawKey(scan{minute: 5}.started(), scan{minute: 1}.run(), "vc-a", "vc-a"), scan{system: "vc-a", minute: 5, failing: 5})
	for _, k := range []string{r.put(scan{system: "vc-a", minute: 3, failing: 3}), late} {
		r.delivered(k, archive.DeliveryComplete)
	}
	if dry := r.replayed(`"prefix":"raw/","dryRun":true`).DryRun; len(dry.Systems) != 1 || dry.Systems[0].Key != late || dry.Systems[0].Older {
		t.Errorf("rehearsed %+v", dry.Systems)
	}
	if a := r.replayed(`"prefix":"raw/"`); a.Complete != 1 || a.Older != 0 || r.document(late).Generation != 2 {
		t.Errorf("%+v, generation %d", a, r.document(late).Generation)
	}
	r.shown("vc-a failed=5 passed=0 posture=0")
}
