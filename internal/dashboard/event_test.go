package dashboard

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestDecodeRefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `{"a":1}{"b":2}`, `{"a":}`, "{\"a\":\"\xff\"}"} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q was decoded", text)
		}
	}
}

func TestDecodeWrongTypesAreNull(t *testing.T) {
	t.Parallel()
	e := decode(t, `{"event.type":7,"scan.id":null,"object.id":{"a":1},"object.name":[1],"compliance.rule.severity.score":"10",
		"compliance.result.status.score":4.5,"compliance.rule.title":"","unknown":[{}],"timestamp":true}`)
	if !e.Type.Null() || !e.ScanID.Null() || !e.ObjectID.Null() || !e.ObjectName.Null() || e.SeverityScore != 0 || !e.Timestamp.IsZero() {
		t.Errorf("%+v", e)
	}
	if e.StatusScore != 4.5 || e.RuleTitle.Null() || e.RuleTitle.String() != "" {
		t.Errorf("%+v", e)
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-11-22T02:00:00Z"`:                      at,
		`"2026-11-22T03:00:00.5+01:00"`:               at.Add(time.Second / 2),
		fmt.Sprint(at.Unix()):                         at,
		fmt.Sprint(at.UnixMilli()):                    at,
		fmt.Sprint(at.UnixMicro()):                    at,
		fmt.Sprintf("%q", fmt.Sprint(at.Unix())):      at,
		fmt.Sprintf("%q", fmt.Sprint(at.UnixMilli())): at,
		`200000000000000`:                             time.UnixMicro(200000000000000),
		`99999999999999999`:                           {},
		`-1`:                                          {},
		`1.5`:                                         {},
		`"yesterday"`:                                 {},
		`null`:                                        {},
		`{}`:                                          {},
	} {
		if got := decode(t, `{"timestamp":`+text+`}`); !got.Timestamp.Equal(want) {
			t.Errorf("%s: %v, want %v", text, got.Timestamp, want)
		}
	}
}

func TestEvidenceIsComparedByContent(t *testing.T) {
	t.Parallel()
	same := Evidence(`[{"type":"AUTOMATIC","value":"a<b\u00e9"}]`)
	if got := Evidence(`[ {"value":"a\u003cbé", "type":"AUTOMATIC"} ]`); got != same {
		t.Errorf("%s differs from %s", got, same)
	}
	for text, other := range map[string]string{
		`[{"value":"1"}]`: `[{"value":"2"}]`,
		`[1,2]`:           `[2,1]`,
		`[]`:              `[ ]`, // the dashboard leaves out the first only
		`not JSON`:        `not  JSON`,
	} {
		if Evidence(text) == Evidence(other) {
			t.Errorf("%s equals %s", text, other)
		}
	}
}

// TestEventsAreCompact holds 30,000 events with what repeats in practice.
func TestEventsAreCompact(t *testing.T) {
	const n, limit = 30_000, 800
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	events := make([]Event, 0, n)
	var pool Pool
	for i := range n {
		e := decode(t, fmt.Sprintf(`{"event.type":"COMPLIANCE_FINDING","event.id":"5f0c2d0e-7f0e-5c1b-9b0e-%012d",
			"timestamp":"2026-11-22T02:00:00Z","scan.id":"6d1b7b1e-0000-4000-8000-000000000001","finding.id":"5f0c2d0e-7f0e-5c1b-0000-%012d",
			"object.id":"44c4a75d-4430-4953-90e0-481747a41c6c/host-%d","object.name":"esx%d.example","object.type":"HostSystem",
			"compliance.rule.id":"CIS-%d","compliance.rule.title":"A title of the usual length, that says what ought to be the case",
			"compliance.result.object.evidence_json":"[{\"type\":\"AUTOMATIC\",\"description\":\"Setting\",\"value\":\"%d\"}]"}`,
			i, i, i%500, i%500, i/500, i))
		pool.Share(&e)
		events = append(events, e)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; each > limit {
		t.Errorf("an event takes %d bytes, more than %d", each, limit)
	}
	runtime.KeepAlive(events)
}
