package status_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/status"
	"runecast-ingest/internal/store"
)

const refusedKey = "raw/v1/dt=2026-11-22/run=20261122T020000Z-4f3a/vc1.example-2ebce7c4.json.gz"

// refuse puts a refused event of a generation into quarantine, as the forwarder does.
func refuse(t *testing.T, s *store.Store, generation int, index int64, event string) {
	t.Helper()
	refuseOf(t, s, archive.Generation{RawKey: refusedKey, Number: generation}, index, event)
}

func refuseOf(t *testing.T, s *store.Store, g archive.Generation, index int64, event string) {
	t.Helper()
	if err := s.PutQuarantine(t.Context(), g, archive.RefusedEvent{Index: index, Answer: "400: bad object.id", Event: []byte(event)}); err != nil {
		t.Fatal(err)
	}
}

func finding(n int) string {
	return fmt.Sprintf(`{"event.type":"COMPLIANCE_FINDING","finding.id":"f%d","rule.id":"CIS-1","object.id":"host-%d","finding.title":"T\"<"}`, n, n)
}

func quarantine(t *testing.T, s *store.Store, text string) (payload.QuarantineAnswer, error) {
	t.Helper()
	req, err := payload.ParseQuarantine([]byte(text))
	if err != nil {
		return payload.QuarantineAnswer{}, err
	}
	return status.New(s, func() time.Time { return noon }).Quarantine(t.Context(), req)
}

// Only the refused events of the last generation are shown, by index. An event is shown
// whole only if the request names its index.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	c, s := onServer(t)
	if _, err := c.put(t.Context(), archive.DeliveryKey(refusedKey), document(refusedKey, archive.Scan{State: archive.DeliveryComplete, Generation: 2, Quarantined: 3})); err != nil {
		t.Fatal(err)
	}
	refuse(t, s, 1, 4, finding(4)) // abandoned
	refuse(t, s, 20, 5, finding(5))
	for _, n := range []int64{10, 9, 100} {
		refuse(t, s, 2, n, finding(int(n)))
	}
	row := func(n int) payload.RefusedEvent {
		return payload.RefusedEvent{Index: int64(n), Answer: "400: bad object.id", EventType: "COMPLIANCE_FINDING", FindingID: fmt.Sprint("f", n), RuleID: "CIS-1", ObjectID: fmt.Sprint("host-", n), Bytes: len(finding(n))}
	}
	got, err := quarantine(t, s, fmt.Sprintf(`{"action":"quarantine","key":%q}`, refusedKey))
	want := payload.QuarantineAnswer{Key: refusedKey, Generation: 2, State: "complete", Refused: []payload.RefusedEvent{row(9), row(10), row(100)}, Next: `add "index" to see one whole`}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	got, err = quarantine(t, s, fmt.Sprintf(`{"key":%q,"limit":2}`, refusedKey))
	if d := cmp.Diff(want.Refused[:2], got.Refused); d != "" || err != nil || got.Omitted != 1 || !strings.Contains(got.Next, "quarantine/"+refusedKey+"/") {
		t.Errorf("%+v %v %s", got, err, d)
	}
	got, err = quarantine(t, s, fmt.Sprintf(`{"key":%q,"index":10}`, refusedKey))
	whole := row(10)
	whole.Event = []byte(finding(10))
	if d := cmp.Diff([]payload.RefusedEvent{whole}, got.Refused); d != "" || err != nil || !strings.Contains(got.Next, "replay") {
		t.Errorf("%v %s %s", err, d, got.Next)
	}
	var shown struct {
		Refused []struct{ Event map[string]string }
	}
	text, err := json.Marshal(got)
	if err == nil {
		err = json.Unmarshal(text, &shown)
	}
	if err != nil || shown.Refused[0].Event["finding.title"] != `T"<` {
		t.Errorf("the console shows %s, %v", text, err)
	}
	for _, index := range []int{4, 11} {
		if got, err := quarantine(t, s, fmt.Sprintf(`{"key":%q,"index":%d}`, refusedKey, index)); err != nil || len(got.Refused) != 0 || !strings.Contains(got.Next, "leave index out") {
			t.Errorf("event %d, which was not refused: %+v, %v", index, got, err)
		}
	}
}

// The scans of a hand-made document have generations of their own. A document of the
// quarantine that cannot be read hides no other, and its text is not shown.
func TestQuarantineOfSeveralGenerations(t *testing.T) {
	t.Parallel()
	c, s := onServer(t)
	parts := []archive.SystemScan{{System: vc1, Scan: archive.Scan{Generation: 1}}, {System: vc2, Scan: archive.Scan{Generation: 3}}}
	if _, err := c.put(t.Context(), archive.DeliveryKey(refusedKey), document(refusedKey, archive.Scan{State: archive.DeliverySending, Generation: 1}, parts...)); err != nil {
		t.Fatal(err)
	}
	of := func(system archive.System, generation int) archive.Generation {
		return archive.Generation{RawKey: refusedKey, System: archive.LabelOf(system.ID, system.Name).Hash, Number: generation}
	}
	refuseOf(t, s, of(vc1, 1), 7, finding(7))
	refuseOf(t, s, of(vc1, 2), 8, finding(8))
	last := of(vc2, 3)
	for key, text := range map[string]string{
		last.QuarantineKey(6):           `{"schema":"runecast-quarantine/1","index":6,"answer":"400: bad object.id","event":"\xff secret text"}`,
		last.Quarantine() + "notes.txt": "",
	} {
		if _, err := c.put(t.Context(), key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := quarantine(t, s, fmt.Sprintf(`{"key":%q}`, refusedKey))
	if err != nil || len(got.Refused) != 2 || got.State != "pending" || got.Refused[0].Index != 6 || got.Refused[1].FindingID != "f7" {
		t.Fatalf("%+v %v", got, err)
	}
	if a := got.Refused[0].Answer; !strings.Contains(a, "download "+last.QuarantineKey(6)) || strings.Contains(a, "secret") {
		t.Errorf("%q", a)
	}
}

func TestQuarantineOfWhatWasNeverDelivered(t *testing.T) {
	t.Parallel()
	_, s := onServer(t)
	if got, err := quarantine(t, s, fmt.Sprintf(`{"key":%q}`, refusedKey)); err != nil || got.State != "pending" || got.Refused == nil || !strings.Contains(got.Next, "never delivered") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestQuarantineRequestsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for payload, says := range map[string]string{
		`{"key":7}`:                            "not understood",
		`{"key":"raw/x","index":"7"}`:          "not understood",
		`{"key":"delivery/raw/x"}`:             "not under raw/",
		`{"index":7}`:                          "there is no key: name it beside index",
		`{"key":"raw/x","index":-1}`:           "index is below 0",
		`{"key":"raw/x","limit":101}`:          "limit is 101",
		`{"key":"raw/x","since":"2026-11-22"}`: "nothing to select",
		`{"key":"raw/x","prefix":"raw/"}`:      "nothing to select",
	} {
		_, err := quarantine(t, store.New(b, "archive"), payload)
		if err == nil || fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", payload, err, says)
		}
	}
	if b.gets.Load()+b.lists.Load() > 0 {
		t.Error("S3 was asked")
	}
}

// Without a key the answer lists the objects that have refused events, also by pages.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for i := range 6 {
		key := b.archived(noon.Add(-time.Duration(i+1)*time.Hour), vc1.ID, vc1.Name)
		b.delivered(key, archive.Scan{State: archive.DeliveryFailed, Quarantined: int64(i % 2)})
	}
	if r := refusals(t, b, payload.StatusRequest{}); r.Objects != 6 || r.Quarantined != 3 || len(r.Attention) != 3 || !strings.Contains(r.Next, `"key"`) {
		t.Errorf("%+v", r)
	}
	first := refusals(t, b, payload.StatusRequest{Limit: 4})
	if second := refusals(t, b, payload.StatusRequest{Next: first.Cursor}); len(first.Attention) != 2 || len(second.Attention) != 1 || second.Cursor != "" || !strings.Contains(first.Next, "not all") {
		t.Errorf("%+v, then %+v", first, second)
	}
	if r := refusals(t, b, payload.StatusRequest{Prefix: "raw/manual/"}); r.Objects != 0 || r.Next != "nothing: no event was refused" {
		t.Errorf("%+v", r)
	}
}
