package payload_test

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	diff "github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every file of events/ that is a request is parsed and written again with the same
// members.
func TestSamplesAreRequests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	known := map[string][]string{"collector": payload.OfCollector(), "forwarder": payload.OfForwarder()}
	seen := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		function, _, _ := strings.Cut(filepath.Base(file), "-")
		got, asked, err := decode(function, text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got == nil { // an event of AWS
			seen["events of AWS"]++
			continue
		}
		if !slices.Contains(known[function], asked) {
			t.Errorf("%s: the %s does not know the action %q", file, function, asked)
		}
		seen[function]++
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		want := members(t, scheduled(text))
		if function == "collector" { // what it fills in
			want["action"], want["mode"] = cmp.Or(want["action"], any(payload.Start)), cmp.Or(want["mode"], any(payload.Analyze))
		}
		if d := diff.Diff(want, members(t, again)); d != "" {
			t.Errorf("%s (- file, + request):\n%s", file, d)
		}
	}
	if d := diff.Diff(map[string]int{"collector": 9, "forwarder": 12, "events of AWS": 7}, seen); d != "" {
		t.Errorf("files (- want, + seen):\n%s", d)
	}
}

// decode reads a request as the function does; nil: it is an event of AWS.
func decode(function string, text []byte) (request any, action string, err error) {
	var asked payload.Action
	if err := json.Unmarshal(text, &asked); err != nil {
		return nil, "", err
	}
	if function == "collector" {
		r, err := payload.ParseRun(scheduled(text))
		return r, r.Action, err
	}
	switch asked.Action {
	case "":
		return nil, "", nil
	case payload.Replay:
		r, err := payload.ParseReplay(text)
		return r, r.Action, err
	case payload.Verify:
		r, err := payload.ParseVerify(text)
		return r, r.Action, err
	case payload.Sweep:
		r, err := payload.ParseSweep(text)
		return r, r.Action, err
	case payload.Status:
		r, err := payload.ParseStatus(text)
		return struct {
			payload.Action
			payload.StatusRequest
		}{asked, r}, asked.Action, err
	case payload.Quarantine:
		r, err := payload.ParseQuarantine(text)
		return struct {
			payload.Action
			payload.QuarantineRequest
		}{asked, r}, asked.Action, err
	case payload.Check:
		r, err := payload.ParseCheck(text)
		return r, r.Action, err
	}
	return asked, asked.Action, nil
}

// scheduled fills in the time, as EventBridge Scheduler does.
func scheduled(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("<aws.scheduler.scheduled-time>"), []byte("2026-11-22T02:00:00Z"))
}

// members returns a text's members, whatever their order.
func members(t *testing.T, text []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// The answers have the members of the contract with both JSON libraries: Lambda's runtime
// uses the standard one.
func TestAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	answers := map[string]any{
		"run": payload.RunAnswer{
			Run: "20261122T020000Z-4f3a", State: "done",
			RunCounts: payload.RunCounts{Systems: 4, Archived: 1, Unchanged: 1, Failed: 1, TimedOut: 1, Bytes: 7},
			Failures:  []payload.RunFailure{{System: "vc1", Reason: "because"}},
			Open:      []payload.OpenSystem{{System: "vc2", State: "scanning", Reason: "seen"}},
			Runs: []payload.PastRun{{Run: "20261121T020000Z-4f3a", State: "done", Trigger: "schedule", Mode: payload.Analyze, StartedAt: at,
				RunCounts: payload.RunCounts{Systems: 1, Archived: 1, Bytes: 9}, Failures: []payload.RunFailure{}}},
			Next: "do", Notice: &payload.RunNotice{Title: "t", Text: "x", Run: "r", State: "done"},
		},
		"delivery": payload.DeliveryAnswer{Objects: 4, Complete: 1, Superseded: 1, Failed: 1, Pending: 1, Mapped: 10, Accepted: 7, Quarantined: 2, Skipped: 1, Requests: 3, Bytes: 99, Reasons: []string{"r"}, Next: "do"},
		"replay": payload.ReplayAnswer{
			DeliveryAnswer: payload.DeliveryAnswer{Reasons: []string{}, Next: "do"}, Selected: 2, Older: 1, Cursor: "id k",
			DryRun: &payload.DryRun{Events: 3, Bytes: 9, Requests: 1, GiB: 0.5, Cost: 0.1, Systems: []payload.DryRunScan{{
				System: "vc1", Type: "VCENTER", Key: "raw/k", Older: true, Events: 3, Bytes: 9, Requests: 1,
				Rows: []payload.CountedRows{{Standard: "CIS", Severity: "HIGH", Status: "FAILED", Rows: 3}},
			}}},
		},
		"status": payload.StatusAnswer{
			Since: at, Until: at.Add(time.Hour), Objects: 5, ScanCounts: payload.ScanCounts{Complete: 1, Superseded: 1, Failed: 1, Pending: 2, Quarantined: 3},
			OldestPending: &payload.OldestPending{Time: at, Seconds: 60},
			Systems: []payload.SystemStatus{{System: "vc1", ID: "i", Type: "VCENTER", ScanCounts: payload.ScanCounts{Complete: 1},
				Committed: &payload.CommittedScan{Run: "r", ScanID: "s", Generation: 2, CompletedAt: at, CommittedAt: at, AgeHours: 1.5, RawKey: "raw/k", Arrival: "proven"}}},
			Attention:        []payload.Attention{{Key: "raw/k", System: "vc1", State: "pending", Reason: "because", Generation: 1, Quarantined: 1, Doubt: true, LeaseUntil: &at}},
			AttentionOmitted: 1, Earlier: 1, Cursor: "c", Next: "do",
		},
		"verify": payload.VerifyAnswer{
			Asked: 4, Proven: 1, Short: 1, Over: 1, Unknown: 1, Later: 2, Expected: 100, Indexed: 98, Missing: 3, Doubled: 1, Queries: 1, ScannedBytes: 99, Resent: 1,
			Attention: []payload.ArrivalAttention{{Key: "raw/k", System: "vc1", ScanID: "s", State: "short", Expected: 50, Indexed: 47, Missing: 3, ScanEvents: 1, Reason: "because"}},
			Reasons:   []string{"r"}, Next: "do",
		},
		"quarantine": payload.QuarantineAnswer{Key: "raw/k", Generation: 1, State: "complete", Omitted: 1, Next: "do",
			Refused: []payload.RefusedEvent{{Index: 7, Answer: "400", EventType: "COMPLIANCE_FINDING", FindingID: "f", RuleID: "CIS-1", ObjectID: "o", Bytes: 9, Event: jsontext.Value(`{"a":1}`)}}},
		"quarantine-list": payload.QuarantineList{Since: at, Until: at.Add(time.Hour), Objects: 1, Quarantined: 1, Attention: []payload.Attention{}, Next: "do"},
	}
	for name, a := range answers {
		text, err := stdjson.MarshalIndent(a, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff.Diff(string(want), string(text)); d != "" {
			t.Errorf("%s (- golden, + answer; -update writes it):\n%s", name, d)
		}
		other, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff.Diff(members(t, want), members(t, other)); d != "" {
			t.Errorf("%s: the two JSON libraries differ:\n%s", name, d)
		}
	}
}

// A request with a member that its action does not have is refused.
func TestMembersOfAnotherActionAreRefused(t *testing.T) {
	t.Parallel()
	for text, parse := range map[string]func([]byte) error{
		`{"action":"sweep","dryRun":true}`:               only(payload.ParseSweep),
		`{"action":"sweep","system":"vc1"}`:              only(payload.ParseSweep),
		`{"action":"check","dryRun":true}`:               only(payload.ParseCheck),
		`{"action":"status","key":"raw/k"}`:              only(payload.ParseStatus),
		`{"action":"status","systems":["vc1"]}`:          only(payload.ParseStatus),
		`{"action":"quarantine","state":"failed"}`:       only(payload.ParseQuarantine),
		`{"action":"replay","prefix":"raw/","dryrun":1}`: only(payload.ParseReplay),
		`{"action":"cancel","systems":["vc1"]}`:          only(payload.ParseRun),
		`{"action":"check","mode":"latest"}`:             only(payload.ParseRun),
		`{"action":"start","dryRun":true}`:               only(payload.ParseRun),
	} {
		if err := parse([]byte(text)); fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "send {") && !strings.Contains(err.Error(), "see events/") {
			t.Errorf("%s: %v, want a refusal with its cure", text, err)
		}
	}
}

// A member that has no meaning beside the others is refused. The error names it, and what
// to send instead.
func TestMembersWithoutMeaningAreRefused(t *testing.T) {
	t.Parallel()
	run, replay := only(payload.ParseRun), only(payload.ParseReplay)
	for _, c := range []struct {
		text  string
		parse func([]byte) error
		says  []string // none: it is taken
	}{
		{`{"force":true}`, run, []string{"force belongs to the mode latest", "leave force out", `"mode":"latest","force":true`}},
		{`{"action":"start","mode":"analyze","force":true}`, run, []string{"force belongs to the mode latest"}},
		{`{"systems":[]}`, run, []string{"systems is an empty list", "leave systems out"}},
		{`{"mode":"latest","force":true,"systems":["vc1"]}`, run, nil},
		{`{"force":false}`, run, nil},
		{`{"action":"tick","scheduledTime":"2026-11-22T02:00:00Z"}`, run, nil},
		{`{"action":"replay","prefix":"raw/","pricePerGiB":0.2}`, replay, []string{"pricePerGiB is for a dry run", "set dryRun to true"}},
		{`{"action":"replay","prefix":"raw/","force":true}`, replay, []string{"force is for one key"}},
		{`{"action":"replay","since":"2026-11-02","until":"2026-11-01"}`, replay, []string{"since, 2026-11-02T00:00:00Z, is not before until, 2026-11-02T00:00:00Z"}},
		{`{"action":"replay","since":"yesterday"}`, replay, []string{"since is neither"}},
		{`{"action":"replay","since":"2026-11-01","until":"2026-11-01"}`, replay, nil},
		{`{"action":"replay","prefix":"raw/","dryRun":true,"pricePerGiB":0.2,"maxEventsPerSecond":9}`, replay, nil}, // a rehearsal of what sends
		{`{"action":"replay","key":"raw/k","dryRun":true,"force":true}`, replay, nil},
	} {
		err := c.parse([]byte(c.text))
		if (err == nil) != (c.says == nil) || err != nil && fault.ClassOf(err) != fault.Reject {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v does not say %q", c.text, err, says)
			}
		}
	}
}

// A member that is there and has no value, as a template or a script leaves it whose
// variable was not set, is refused: without it more would be done.
func TestMembersWithoutAValueAreRefused(t *testing.T) {
	t.Parallel()
	run, replay, verify := only(payload.ParseRun), only(payload.ParseReplay), only(payload.ParseVerify)
	for name, c := range map[string]struct {
		text  string
		parse func([]byte) error
		says  string // empty: it is taken
	}{
		"no system of a replay":          {`{"action":"replay","prefix":"raw/","system":""}`, replay, "system is an empty text"},
		"blanks for a run":               {`{"action":"replay","since":"2026-11-01","run":" \t"}`, replay, "run is an empty text"},
		"null for a state":               {`{"action":"replay","prefix":"raw/","state":null}`, replay, "state is null"},
		"null for a dry run":             {`{"action":"replay","prefix":"raw/","dryRun":null}`, replay, "dryRun is null"},
		"no cursor yet":                  {`{"action":"replay","prefix":"raw/","next":""}`, replay, ""},
		"a limit of nothing":             {`{"action":"replay","prefix":"raw/","limit":0}`, replay, "limit is 0"},
		"null for a limit":               {`{"action":"replay","prefix":"raw/","limit":null}`, replay, "limit is null"},
		"a pace of nothing":              {`{"action":"replay","prefix":"raw/","maxEventsPerSecond":0.0}`, replay, "maxEventsPerSecond is 0"},
		"a dry run that is none":         {`{"action":"replay","prefix":"raw/","dryRun":false,"force":false}`, replay, ""},
		"a price of nothing":             {`{"action":"replay","prefix":"raw/","dryRun":true,"pricePerGiB":0}`, replay, ""},
		"a replay with its first cursor": {`{"action":"replay","prefix":"raw/","next":"0b6f3a56-3b8f-4a55-9d58-3f0a5b1f0c11 "}`, replay, ""},
		"null for the systems":           {`{"systems":null}`, run, "systems is null"},
		"no systems":                     {`{"action":"start","systems":[]}`, run, "systems is an empty list"},
		"a system without a name":        {`{"systems":["vc1",""]}`, run, "systems has an element that is an empty text"},
		"a system that is null":          {`{"systems":[null]}`, run, "systems has an element that is null"},
		"null for the force":             {`{"mode":"latest","force":null}`, run, "force is null"},
		"an action left to the default":  {`{"action":"","mode":null}`, run, ""},
		"no key to verify":               {`{"action":"verify","key":""}`, verify, "key is an empty text"},
		"null for a key to verify":       {`{"action":"verify","key":null}`, verify, "key is null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.parse([]byte(c.text))
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			member, _, _ := strings.Cut(c.says, " ")
			if fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "leave "+member+" out") {
				t.Errorf("%s: %v, want a refusal that says %q and its cure", c.text, err, c.says)
			}
		})
	}
}

// No payload makes a parser panic, and what it accepts is a request that the
// function can follow.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{`{}`, `{"action":"replay","prefix":"raw/"}`, `{"action":"start","scheduledTime":"2026-11-22T02:00:00Z"}`, `{"action":"quarantine","key":"raw/k","index":7}`, `{"action":"check","sendTestEvent":true}`, `{"action":"sweep"}`, `{"action":"cancel","systems":["vc1"]}`, `{"action":"tick","scheduledTime":"2026-11-22T02:00:00Z"}`, `[]`, `x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := payload.ParseRun(text); err == nil {
			if at, err := r.Scheduled(); err != nil || r.ScheduledTime != "" && at.Location() != time.UTC || !slices.Contains(payload.OfCollector(), r.Action) {
				t.Errorf("%+v, %v", r, err)
			}
		} else if fault.ClassOf(err) != fault.Reject {
			t.Errorf("%v is not of class reject", err)
		}
		if r, err := payload.ParseReplay(text); err == nil {
			if r.Key == "" && r.Prefix+r.Run+r.System+r.Since+r.Until+r.State == "" || r.Limit < 0 {
				t.Errorf("%+v chooses nothing", r)
			}
		} else if fault.ClassOf(err) != fault.Reject {
			t.Errorf("%v is not of class reject", err)
		}
		if r, err := payload.ParseRun(text); err == nil && (r.Action != payload.Start && (r.Systems != nil || r.Force) || r.Force && r.Mode != payload.Latest) {
			t.Errorf("%+v has what means nothing there", r)
		}
		for _, parse := range []func([]byte) error{only(payload.ParseQuarantine), only(payload.ParseStatus), only(payload.ParseCheck), only(payload.ParseSweep), only(payload.ParseVerify)} {
			if err := parse(text); err != nil && fault.ClassOf(err) != fault.Reject {
				t.Errorf("%v is not of class reject", err)
			}
		}
	})
}

// only returns the error of a parser, without its request.
func only[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(text []byte) error {
		_, err := parse(text)
		return err
	}
}
