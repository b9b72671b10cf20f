package status_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

var (
	vc1 = archive.System{ID: "44c4/1", Name: "vc1.example", Type: "VCENTER"}
	vc2 = archive.System{ID: "44c4/2", Name: "vc2.example", Type: "VCENTER"}
)

// A week as an operator finds it: one scan shown, one superseded, one failed,
// one pending, one with refused events, and a system that was never committed.
func TestStatus(t *testing.T) {
	t.Parallel()
	b := newBucket()
	day := func(n int) time.Time { return noon.Add(time.Duration(-n)*24*time.Hour - 10*time.Hour) }
	old := b.archived(day(3), vc1.ID, vc1.Name)
	b.delivered(old, archive.Scan{State: archive.DeliverySuperseded})
	shown := b.archived(day(2), vc1.ID, vc1.Name)
	b.delivered(shown, archive.Scan{State: archive.DeliveryComplete, Generation: 2, ScanID: "s1", Quarantined: 3, Arrival: &archive.Arrival{State: archive.ArrivalProven}})
	b.committed(vc1, "s1", shown)
	failed := b.archived(day(1), vc1.ID, "renamed")
	b.delivered(failed, archive.Scan{State: archive.DeliveryFailed, Generation: 1, Reason: "no compliance results"})
	lost := b.archived(day(0), "44c4/3", "Größe & Söhne")
	until := noon.Add(time.Minute)
	sending := b.archived(day(0).Add(time.Minute), vc2.ID, vc2.Name)
	b.put(archive.DeliveryKey(sending), marshal(archive.Delivery{Header: archive.Header{Schema: archive.DeliverySchema}, ETag: `"e"`, Lease: &archive.Lease{Until: until},
		Scan: archive.Scan{State: archive.DeliverySending, Generation: 4, Doubt: true, Reason: "503"}}), noon)
	b.archived(day(8), vc1.ID, vc1.Name)           // before the window
	b.archived(noon.Add(time.Hour), vc1.ID, "vc1") // behind it
	b.committed(vc2, "s2", "raw/v1/long ago")      // nothing of it in the window but what is sent

	want := payload.StatusAnswer{
		Since: noon.Add(-7 * 24 * time.Hour), Until: noon, Objects: 5,
		ScanCounts:    payload.ScanCounts{Complete: 1, Superseded: 1, Failed: 1, Pending: 2, Quarantined: 3},
		OldestPending: &payload.OldestPending{Time: day(0).Add(time.Hour), Seconds: 9 * 3600},
		Systems: []payload.SystemStatus{
			{System: "gr-e-s-hne", ScanCounts: payload.ScanCounts{Pending: 1}},
			{System: vc1.Name, ID: vc1.ID, Type: vc1.Type, ScanCounts: payload.ScanCounts{Complete: 1, Superseded: 1, Failed: 1, Quarantined: 3}, Committed: &payload.CommittedScan{
				Run: "r-s1", ScanID: "s1", Generation: 2, CompletedAt: noon.Add(-90 * time.Minute), CommittedAt: noon.Add(-time.Hour), AgeHours: 1.5, RawKey: shown, Arrival: "proven"}},
			{System: vc2.Name, ID: vc2.ID, Type: vc2.Type, ScanCounts: payload.ScanCounts{Pending: 1}, Committed: &payload.CommittedScan{
				Run: "r-s2", ScanID: "s2", Generation: 2, CompletedAt: noon.Add(-90 * time.Minute), CommittedAt: noon.Add(-time.Hour), AgeHours: 1.5, RawKey: "raw/v1/long ago"}},
		},
		Attention: []payload.Attention{
			{Key: sending, System: vc2.Name, State: "pending", Reason: "503", Generation: 4, Doubt: true, LeaseUntil: &until},
			{Key: lost, System: "gr-e-s-hne", State: "pending", Reason: "nobody has begun to deliver it"},
			{Key: failed, System: vc1.Name, State: "failed", Reason: "no compliance results", Generation: 1},
			{Key: shown, System: vc1.Name, State: "complete", Generation: 2, Quarantined: 3},
		},
		Next: `mend what the reasons in attention say, then {"action":"replay","state":"failed"}`,
	}
	got := b.must(t, payload.StatusRequest{})
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(payload.Attention{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want.Attention[3:], refusals(t, b, payload.StatusRequest{}).Attention, cmpopts.IgnoreUnexported(payload.Attention{})); d != "" {
		t.Errorf("refused: %s", d)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"objects":5,"complete":1,"superseded":1,"failed":1,"pending":2,"quarantined":3,"oldestPending":{"time":"2026-11-22T03:00:00Z","seconds":32400}`,
		`{"system":"gr-e-s-hne","id":"","type":"","committed":null,"complete":0`, `"attentionOmitted":0,"earlier":0,"cursor":"","next":"mend`} {
		if !strings.Contains(string(text), member) {
			t.Errorf("the answer lacks %s:\n%s", member, text)
		}
	}
}

func refusals(t *testing.T, b *bucket, req payload.StatusRequest) payload.QuarantineList {
	t.Helper()
	r, err := b.reader().Refusals(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The arrival of the committed scan is shown in its system's entry. The arrival of a scan
// that is no longer committed needs no look.
func TestArrivalIsShown(t *testing.T) {
	t.Parallel()
	b := newBucket()
	missing := func(id string) archive.Scan {
		return archive.Scan{State: archive.DeliveryComplete, ScanID: id, Arrival: &archive.Arrival{State: archive.ArrivalShort, Reason: "2 of 9 rows are not there"}}
	}
	old, shown := b.archived(noon.Add(-30*time.Hour), vc1.ID, vc1.Name), b.archived(noon.Add(-5*time.Hour), vc1.ID, vc1.Name)
	b.delivered(old, missing("s0"))
	b.delivered(shown, missing("s1"))
	b.committed(vc1, "s1", shown)
	got := b.must(t, payload.StatusRequest{})
	want := []payload.Attention{{Key: shown, System: vc1.Name, State: "complete", Reason: "2 of 9 rows are not there", Arrival: "short"}}
	if d := cmp.Diff(want, got.Attention); d != "" || got.Systems[0].Committed.Arrival != "short" || !strings.HasPrefix(got.Next, "rows are missing in Dynatrace") {
		t.Errorf("%+v\n%s", got, d)
	}
}

// The advice of an answer is about the worst finding.
func TestNextSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scan *archive.Scan
		req  payload.StatusRequest
		says string
	}{
		"all delivered":  {&archive.Scan{State: archive.DeliveryComplete}, payload.StatusRequest{}, "nothing: all is delivered"},
		"failed":         {&archive.Scan{State: archive.DeliveryFailed, Quarantined: 1}, payload.StatusRequest{}, `"replay"`},
		"pending":        {&archive.Scan{State: archive.DeliverySending}, payload.StatusRequest{}, `{"action":"sweep"}`},
		"refused events": {&archive.Scan{State: archive.DeliveryComplete, Quarantined: 1}, payload.StatusRequest{}, `{"action":"quarantine"}`},
		"empty window":   {nil, payload.StatusRequest{}, `look further back with "since"`},
		"unknown system": {nil, payload.StatusRequest{System: "vc9"}, "check the name"},
		"more":           {&archive.Scan{State: archive.DeliveryComplete}, payload.StatusRequest{Limit: 1}, `"next" set to the cursor`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBucket()
			if c.scan != nil {
				for i := range 2 {
					b.delivered(b.archived(noon.Add(time.Duration(-i-1)*time.Hour), vc1.ID, vc1.Name), *c.scan)
				}
			}
			if r := b.must(t, c.req); !strings.Contains(r.Next, c.says) {
				t.Errorf("next is %q, want %q", r.Next, c.says)
			}
		})
	}
}

// If a part of a system has no licence, its posture is over the rest, and the answer says
// so.
func TestPartlyUnlicensedSystemsAreNamed(t *testing.T) {
	t.Parallel()
	b := newBucket()
	key := b.archived(noon.Add(-time.Hour), vc1.ID, vc1.Name)
	b.delivered(key, archive.Scan{State: archive.DeliveryComplete, ScanID: "s1"})
	b.put(archive.RegisterKey(vc1.ID), marshal(archive.Register{Header: archive.Header{Schema: archive.RegisterSchema}, System: vc1, ScanID: "s1", RawKey: key,
		CommittedAt: noon.Add(-time.Hour), Unlicensed: 12}), noon)
	b.committed(vc2, "s2", "raw/v1/long ago")
	r := b.must(t, payload.StatusRequest{})
	if r.Systems[0].Committed.Unlicensed != 12 || r.Systems[1].Committed.Unlicensed != 0 || !strings.Contains(r.Next, "of 1 of these systems a part is UNLICENSED") {
		t.Errorf("%+v", r)
	}
}

// Hand-made documents name their systems in several ways, or not at all.
func TestHandMadeDocumentsCountBySystem(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for _, key := range []string{"raw/manual/both.json", "raw/manual/one.json", "raw/manual/vc9/latest.json", "raw/manual/vc9/bad.json", "raw/manual/new.json", "raw/manual/replaced.json", "raw/manual/folder/"} {
		b.put(key, nil, noon.Add(-time.Hour))
	}
	b.put("raw/manual/old.json", nil, noon.Add(-8*24*time.Hour))
	b.delivered("raw/manual/both.json", archive.Scan{State: archive.DeliveryFailed, Quarantined: 9},
		archive.SystemScan{System: vc1, Scan: archive.Scan{State: archive.DeliveryComplete, ScanID: "a", Quarantined: 2}},
		archive.SystemScan{System: archive.System{ID: "new", Name: "new"}, Scan: archive.Scan{State: archive.DeliveryFailed, Reason: "bad"}})
	b.delivered("raw/manual/one.json", archive.Scan{State: archive.DeliveryComplete, ScanID: "b"})
	b.committed(vc2, "b", "raw/manual/one.json")
	for _, s := range []string{"x", "y"} { // what replaces a document of two systems may be of neither
		b.committed(archive.System{ID: s, Name: s}, s, "raw/manual/replaced.json")
	}
	b.delivered("raw/manual/vc9/latest.json", archive.Scan{State: archive.DeliverySuperseded})
	b.put(archive.DeliveryKey("raw/manual/vc9/bad.json"), []byte("{nonsense"), noon)
	b.delivered("raw/manual/replaced.json", archive.Scan{State: archive.DeliveryComplete})
	b.put("raw/manual/replaced.json", nil, noon.Add(-time.Minute))
	o := b.objects["raw/manual/replaced.json"]
	o.etag = `"f"`
	b.objects["raw/manual/replaced.json"] = o
	r := b.must(t, payload.StatusRequest{})
	if d := cmp.Diff(map[string]payload.ScanCounts{
		"vc1.example (44c4/1)": {Complete: 1, Quarantined: 2},
		"x (x)":                {},
		"y (y)":                {},
		"new (new)":            {Failed: 1},
		"vc2.example (44c4/2)": {Complete: 1},
		"vc9 (manual:vc9)":     {Superseded: 1, Pending: 1},
		"(not named) ()":       {Pending: 2},
	}, bySystem(r)); d != "" || r.Objects != 6 {
		t.Errorf("%d objects, %s", r.Objects, d)
	}
	reasons := map[string]string{}
	for _, a := range r.Attention {
		reasons[a.Key] += a.Reason
	}
	for key, says := range map[string]string{"raw/manual/vc9/bad.json": "not readable", "raw/manual/new.json": "nobody has begun", "raw/manual/replaced.json": "replaced"} {
		if !strings.Contains(reasons[key], says) {
			t.Errorf("the reason of %s is %q, want %q", key, reasons[key], says)
		}
	}
}

// A request may name a system by its id, by its name in upper or lower case, and, if it
// was never committed, by the slug in its keys.
func TestOnlyOneSystem(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for i, s := range []archive.System{vc1, vc2, {ID: "44c4/3", Name: vc1.Name}, {ID: "44c4/4", Name: "Never Shown"}, {ID: "vc2.example", Name: "odd"}} {
		for n := range i + 1 {
			b.delivered(b.archived(noon.Add(time.Duration(-n-1)*time.Hour), s.ID, s.Name), archive.Scan{State: archive.DeliveryComplete})
		}
		if s.Name != "Never Shown" {
			b.committed(s, fmt.Sprint("s", i), "raw/x")
		}
	}
	b.put("raw/manual/x.json", nil, noon.Add(-time.Hour))
	b.delivered("raw/manual/x.json", archive.Scan{State: archive.DeliveryComplete}, archive.SystemScan{System: vc1, Scan: archive.Scan{State: archive.DeliverySuperseded}},
		archive.SystemScan{System: vc2, Scan: archive.Scan{State: archive.DeliveryComplete}})
	for system, want := range map[string]struct{ objects, complete, superseded, systems int }{
		"44c4/1":      {2, 1, 1, 1},
		"VC1.example": {5, 4, 1, 2}, // two are named so
		"44c4/2":      {3, 3, 0, 1},
		"vc2.example": {5, 5, 0, 1}, // an id goes before a name
		"Never shown": {4, 4, 0, 1},
		"44c4/4":      {4, 4, 0, 1},
		"nobody":      {0, 0, 0, 0},
	} {
		r := b.must(t, payload.StatusRequest{System: system})
		if r.Objects != want.objects || r.Complete != want.complete || r.Superseded != want.superseded || len(r.Systems) != want.systems {
			t.Errorf("%s: %d objects, %+v, systems %+v; want %+v", system, r.Objects, r.ScanCounts, r.Systems, want)
		}
	}
	before := b.gets.Load()
	b.must(t, payload.StatusRequest{System: "44c4/4"})
	if gets := b.gets.Load() - before; gets != 4+1+4+1 {
		t.Errorf("%d reads, want what sweeps remember, the registers, the system's objects and the hand-made one", gets)
	}
}

// A register that cannot be read is reported, and hides nothing else.
func TestBrokenRegister(t *testing.T) {
	t.Parallel()
	b := newBucket()
	b.delivered(b.archived(noon.Add(-time.Hour), vc1.ID, vc1.Name), archive.Scan{State: archive.DeliveryComplete})
	b.put(archive.RegisterKey(vc1.ID), []byte("{nonsense"), noon)
	b.objects[archive.RegisterKey("deleted meanwhile")] = object{}
	r := b.must(t, payload.StatusRequest{})
	if r.Complete != 1 || len(r.Systems) != 1 || len(r.Attention) != 1 || r.Attention[0].Key != archive.RegisterKey(vc1.ID) || r.Attention[0].State != "unreadable" || !strings.Contains(r.Next, "registers") {
		t.Errorf("%+v", r)
	}
}

func TestStatusNeedsItsRights(t *testing.T) {
	t.Parallel()
	b := newBucket()
	b.status = 403
	if _, err := b.reader().Status(t.Context(), payload.StatusRequest{}); err == nil || fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), "s3:ListBucket") {
		t.Errorf("%v", err)
	}
}

// A call that is cut off does not show documents that it could not read as pending.
func TestCancelledStatus(t *testing.T) {
	t.Parallel()
	b := newBucket()
	b.archived(noon.Add(-time.Hour), vc1.ID, vc1.Name)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := b.reader().Status(ctx, payload.StatusRequest{}); err == nil {
		t.Errorf("%+v", r)
	}
}
