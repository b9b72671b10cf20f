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
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/site"
)

// replay sends a replay with these members beside the action.
func (r *rig) replay(ctx context.Context, members string) (payload.ReplayAnswer, error) {
	r.T.Helper()
	a, err := r.forwarder().Replay(ctx, []byte(`{"action":"replay",`+members+`}`))
	if d := r.Receiver.Stats().DuplicateFindings; d > 0 {
		r.T.Errorf("%d findings twice under one scan id", d)
	}
	return a, err
}

// replayed expects a replay to go well.
func (r *rig) replayed(members string) payload.ReplayAnswer {
	r.T.Helper()
	a, err := r.replay(r.T.Context(), members)
	if err != nil {
		r.T.Fatalf("replay %s: %v", members, err)
	}
	return a
}

func key(k string) string { return fmt.Sprintf(`"key":%q`, k) }

// A replay is another generation: old and new rows are never shown together.
func TestReplaySendsAnotherGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	s := scan{System: "vc-a", Minute: 1, Failing: 60, Passing: 1}
	k := r.Put(s)
	first := r.delivered(k, archive.DeliveryComplete)
	shown := "vc-a failed=60 passed=1 posture=50"
	r.SetIntercept(func(_ int, _ http.ResponseWriter, _ *http.Request) bool { r.Shown(shown); return false })
	a := r.replayed(key(k))
	if a.Complete != 1 || a.Selected != 1 || a.Accepted != 61 || a.Cursor != "" || !strings.Contains(a.Next, "dedup {finding.id}, sort:{timestamp desc}") {
		t.Errorf("%+v", a)
	}
	d := r.Document(k)
	if d.Generation != 2 || d.ScanID == first.Scan.ScanID || d.State != archive.DeliveryComplete || d.Force {
		t.Errorf("generation %d, scan %s, %s", d.Generation, d.ScanID, d.State)
	}
	r.Shown(shown)
	before := r.Requests
	r.delivered(k, archive.DeliveryComplete) // a late trigger
	if r.Requests != before {
		t.Error("a trigger after the replay sent something")
	}
}

func TestReplayNeverBringsBackTheOldUnlessForced(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 3})
	r.delivered(newer, archive.DeliveryComplete)
	before, document := r.Requests, r.Document(old)
	if a := r.replayed(key(old)); a.Older != 1 || a.Complete != 0 || !strings.Contains(a.Next, "force") {
		t.Errorf("%+v", a)
	}
	if r.Requests != before || r.Document(old).WriteID != document.WriteID {
		t.Error("something was sent or written")
	}
	if a := r.replayed(key(old) + `,"force":true`); a.Complete != 1 {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=5 passed=0 posture=0")
	r.replayed(key(newer))
	r.Shown("vc-a failed=3 passed=0 posture=0")
	r.replayed(key(old) + `,"force":true`)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 3, Failing: 1}), archive.DeliveryComplete) // the next analysis
	r.Shown("vc-a failed=1 passed=0 posture=0")
}

// A forced replay that is interrupted goes on by itself, and stays forced.
func TestForcedReplayIsFinishedByTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(old, archive.DeliveryComplete)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 2, Failing: 3}), archive.DeliveryComplete)
	from := r.Requests
	r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= from+2 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n >= from+2
	})
	if a := r.replayed(key(old) + `,"force":true`); a.Pending != 1 || a.Cursor == "" {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=3 passed=0 posture=0")
	r.SetIntercept(nil)
	if a, err := r.sweep(); err != nil || a.Complete != 1 {
		t.Errorf("%+v %v", a, err)
	}
	if d := r.Document(old); d.Generation != 2 {
		t.Errorf("generation %d: what was sent was not used", d.Generation)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

func TestReplaySelections(t *testing.T) {
	r := newRig(t, nil)
	for _, system := range []string{"vc-a", "vc-b"} {
		for minute := 1; minute <= 2; minute++ {
			r.delivered(r.Put(scan{System: system, Minute: minute, Failing: minute}), archive.DeliveryComplete)
		}
	}
	broken := r.Put(scan{System: "vc-c", Minute: 1, Result: "[]"})
	r.delivered(broken, archive.DeliveryFailed)
	run, day := scan{Minute: 2}.Run(), site.Night.Format(time.DateOnly)
	for name, tc := range map[string]struct {
		members                 string
		selected, complete, old int
	}{
		"a run":                {fmt.Sprintf(`"run":%q`, run), 2, 2, 0},
		"an older run":         {fmt.Sprintf(`"run":%q`, scan{Minute: 1}.Run()), 3, 0, 2},
		"an unknown run":       {fmt.Sprintf(`"run":%q`, site.Night.Format("20060102T150405Z")+"-0000"), 0, 0, 0},
		"a system by id":       {`"system":"vc-b"`, 1, 1, 0},
		"a prefix":             {fmt.Sprintf(`"prefix":"%srun=%s/vc-a"`, archive.AnalysesOf(site.Night), run), 1, 1, 0},
		"everything":           {`"prefix":"raw/"`, 3, 2, 0},
		"a day":                {fmt.Sprintf(`"since":%[1]q,"until":%[1]q`, day), 3, 2, 0},
		"a day without":        {fmt.Sprintf(`"since":%q`, site.Night.Add(24*time.Hour).Format(time.DateOnly)), 0, 0, 0},
		"until a moment":       {fmt.Sprintf(`"until":%q`, scan{Minute: 2}.Started().Format(time.RFC3339)), 3, 0, 2},
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
			r.Shown("vc-a failed=2 passed=0 posture=0", "vc-b failed=2 passed=0 posture=0")
		})
	}
}

func TestUnclearReplaysAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), archive.DeliveryComplete)
	before := r.Requests
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
	if r.Requests != before {
		t.Error("something was sent")
	}
}

func TestReplayGoesOnOverSeveralCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i := range 5 {
		r.delivered(r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 1}), archive.DeliveryComplete)
	}
	cursor, calls, complete := "", 0, 0
	for calls == 0 || cursor != "" {
		a := r.replayed(fmt.Sprintf(`"prefix":"raw/","limit":2,"next":%q`, cursor))
		cursor, complete = a.Cursor, complete+a.Complete
		if !strings.Contains(a.Next, "dedup {finding.id}") { // not only in the last answer, which may have sent nothing
			t.Errorf("call %d does not say who counts the old rows: %s", calls, a.Next)
		}
		calls++
	}
	if calls != 3 || complete != 5 {
		t.Errorf("%d calls, %d replayed", calls, complete)
	}
	for i := range 5 {
		if d := r.Document(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1}.Key()); d.Generation != 2 {
			t.Errorf("vc-%d is in generation %d", i, d.Generation)
		}
	}
}

// Lambda repeats an asynchronous invocation that failed. The scans that it had replayed
// are not sent again.
func TestRepeatedInvocationReplaysOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	r.delivered(k, archive.DeliveryComplete)
	for _, request := range []string{"one", "one", "two"} {
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: request})
		if a, err := r.replay(ctx, key(k)); err != nil || a.Complete != 1 {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if d := r.Document(k); d.Generation != 3 {
		t.Errorf("generation %d, want 3", d.Generation)
	}
}

// The same holds if the record of a failed invocation is sent to the function.
func TestRecordOfAFailedReplayReplaysOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 1})
	r.delivered(k, archive.DeliveryComplete)
	for range 2 {
		if _, err := r.invoke(fmt.Sprintf(`{"requestContext":{"requestId":"r-1"},"requestPayload":{"action":"replay","key":%q}}`, k)); err != nil {
			t.Fatal(err)
		}
	}
	if d := r.Document(k); d.Generation != 2 {
		t.Errorf("generation %d, want 2", d.Generation)
	}
}

func TestReplayByBatchOperations(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 5})
	r.delivered(old, archive.DeliveryComplete)
	k := r.Put(scan{System: "vc-a", Minute: 2, Failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	job := func(id, action, key string) string {
		t.Helper()
		got, err := r.invoke(fmt.Sprintf(`{"invocationSchemaVersion":"2.0","invocationId":"i","job":{"id":%q,"userArguments":{"action":%q}},`+
			`"tasks":[{"taskId":"t","s3Key":%q,"s3VersionId":null,"s3Bucket":%q}]}`, id, action, key, r.Bucket))
		if err != nil {
			t.Fatal(err)
		}
		res := got.(events.S3BatchJobResponse).Results[0]
		return fmt.Sprint(res.ResultCode, " ", res.ResultString, " ", r.Document(key).Generation)
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
	r.Shown("vc-a failed=3 passed=0 posture=0")
}

// A dry run counts exactly what the replay then sends, and sends nothing.
func TestDryRunEqualsTheReplay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*forwarderconfig.Settings){
		"defaults": nil,
		"small batches, coverage of objects": func(c *forwarderconfig.Settings) {
			site.Small(c)
			c.Mapping.Coverage = "object"
		},
		"one model, no coverage": func(c *forwarderconfig.Settings) { c.Mapping.EventModel, c.Mapping.Coverage = "xspm", "none" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			old := r.Put(scan{System: "vc-a", Minute: 1, Failing: 7})
			for _, k := range []string{old, r.Put(scan{System: "vc-a", Minute: 2, Failing: 70, Passing: 3}), r.Put(scan{System: "vc-b", Minute: 2, Failing: 9})} {
				r.delivered(k, archive.DeliveryComplete)
			}
			before, requests, documents := r.Receiver.Stats(), r.Requests, r.Document(old).WriteID
			dry := r.replayed(`"prefix":"raw/","dryRun":true,"pricePerGiB":0.2`).DryRun
			if r.Requests != requests || r.Document(old).WriteID != documents {
				t.Error("the dry run sent or wrote something")
			}
			r.replayed(`"prefix":"raw/"`)
			after := r.Receiver.Stats()
			if int(dry.Events) != after.Accepted-before.Accepted || dry.Bytes != after.Bytes-before.Bytes || int(dry.Requests) != r.Requests-requests {
				t.Errorf("rehearsed %d events, %d bytes, %d requests; sent %d, %d, %d", dry.Events, dry.Bytes, dry.Requests,
					after.Accepted-before.Accepted, after.Bytes-before.Bytes, r.Requests-requests)
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
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.delivered(k, archive.DeliveryComplete)
	before := r.Clock.Now()
	if a := r.replayed(key(k) + `,"maxEventsPerSecond":2`); a.Complete != 1 {
		t.Fatalf("%+v", a)
	}
	if took := r.Clock.Now().Sub(before); took < 15*time.Second || took > 35*time.Second {
		t.Errorf("60 events at 2 a second took %v, without the last body's time", took)
	}
	a := r.replayed(key(k) + `,"maxEventsPerSecond":0.01`)
	if a.Pending != 1 || a.Cursor == "" || !strings.Contains(strings.Join(a.Reasons, " "), "pace") {
		t.Errorf("%+v", a)
	}
	if a = r.replayed(key(k)); a.Complete != 1 || r.Document(k).Generation != 3 {
		t.Errorf("%+v", a)
	}
	r.Shown("vc-a failed=60 passed=0 posture=0")
}

// The id of a run that began later than scheduled looks older than the run is. The scan
// that is shown is replayed, not the one with the newer id.
func TestReplayOfARunThatBeganLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	late := r.PutAs(archive.RawKey(scan{Minute: 5}.Started(), scan{Minute: 1}.Run(), "vc-a", "vc-a"), scan{System: "vc-a", Minute: 5, Failing: 5})
	for _, k := range []string{r.Put(scan{System: "vc-a", Minute: 3, Failing: 3}), late} {
		r.delivered(k, archive.DeliveryComplete)
	}
	if dry := r.replayed(`"prefix":"raw/","dryRun":true`).DryRun; len(dry.Systems) != 1 || dry.Systems[0].Key != late || dry.Systems[0].Older {
		t.Errorf("rehearsed %+v", dry.Systems)
	}
	if a := r.replayed(`"prefix":"raw/"`); a.Complete != 1 || a.Older != 0 || r.Document(late).Generation != 2 {
		t.Errorf("%+v, generation %d", a, r.Document(late).Generation)
	}
	r.Shown("vc-a failed=5 passed=0 posture=0")
}
