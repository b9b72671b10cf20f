package status_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// ask parses a payload and returns the answer to it.
func (b *bucket) ask(t *testing.T, text string) (payload.StatusAnswer, error) {
	t.Helper()
	req, err := payload.ParseStatus([]byte(text))
	if err != nil {
		return payload.StatusAnswer{}, err
	}
	return b.reader().Status(t.Context(), req)
}

func TestWindows(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for _, at := range []string{"2024-02-29T00:00:00Z", "2026-11-01T23:59:59Z", "2026-11-02T00:00:00Z", "2026-11-15T12:00:00Z", "2026-11-22T11:00:00Z"} {
		started, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		b.archived(started, vc1.ID, vc1.Name)
	}
	for payload, want := range map[string]struct {
		since, until string
		objects      int
	}{
		`{"action":"status"}`:                               {"2026-11-15T12:00:00Z", "2026-11-22T12:00:00Z", 2},
		`{"limit":0}`:                                       {"2026-11-15T12:00:00Z", "2026-11-22T12:00:00Z", 2},
		`{"since":"2026-11-02"}`:                            {"2026-11-02T00:00:00Z", "2026-11-22T12:00:00Z", 3},
		`{"since":"2026-11-02T01:00:00+02:00"}`:             {"2026-11-01T23:00:00Z", "2026-11-22T12:00:00Z", 4},
		`{"since":"2026-11-01","until":"2026-11-01"}`:       {"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", 1},
		`{"since":"2026-11-01","until":"2026-12-24"}`:       {"2026-11-01T00:00:00Z", "2026-11-22T12:00:00Z", 4},
		`{"until":"2026-11-02T00:00:00Z"}`:                  {"2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", 1},
		`{"since":"0001-01-01"}`:                            {"0001-01-01T00:00:00Z", "2026-11-22T12:00:00Z", 5},
		`{"prefix":"raw/v1/dt=2024-"}`:                      {"0001-01-01T00:00:00Z", "2026-11-22T12:00:00Z", 1},
		`{"prefix":"raw/v1/dt=2026-11-01/run=20261101T23"}`: {"0001-01-01T00:00:00Z", "2026-11-22T12:00:00Z", 1},
		`{"prefix":"raw/v1/","since":"2026-11-22"}`:         {"2026-11-22T00:00:00Z", "2026-11-22T12:00:00Z", 1},
	} {
		r, err := b.ask(t, payload)
		if err != nil || r.Since.Format(time.RFC3339) != want.since || r.Until.Format(time.RFC3339) != want.until || r.Objects != want.objects {
			t.Errorf("%s: %s to %s, %d objects, %v; want %+v", payload, r.Since, r.Until, r.Objects, err, want)
		}
	}
}

func TestRequestsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for i := range 3 {
		b.archived(noon.Add(-time.Duration(i+1)*time.Hour), vc1.ID, vc1.Name)
	}
	cursor := b.must(t, payload.StatusRequest{System: vc1.ID, Limit: 1}).Cursor
	for text, says := range map[string]string{
		`[]`:                     "not understood",
		`{"later":1}`:            "not understood",
		`{"key":"raw/k"}`:        "not understood", // it is of quarantine
		`{"since":5}`:            "not understood",
		`{"system":["a"]}`:       "not understood",
		`{"limit":"10"}`:         "not understood",
		`{"limit":1.5}`:          "not understood",
		`{"limit":-1}`:           "limit is -1",
		`{"limit":100001}`:       "limit is 100001",
		`{"since":"yesterday"}`:  "since is neither",
		`{"until":"2026-11-31"}`: "until is neither",
		`{"since":"2026-11-23"}`: "is not before until",
		`{"since":"2026-11-20","until":"2026-11-19"}`:           "is not before until",
		`{"prefix":"delivery/"}`:                                `"delivery/" does not begin with raw/`,
		`{"prefix":"manual/"}`:                                  `"manual/" does not begin with raw/`,
		`{"next":"???"}`:                                        "no cursor",
		`{"next":"e30"}`:                                        "no cursor",
		fmt.Sprintf(`{"next":%q,"system":"44c4/2"}`, cursor):    "other members",
		fmt.Sprintf(`{"next":%q,"since":"2026-11-20"}`, cursor): "other members",
		fmt.Sprintf(`{"next":%q}`, cursor[:len(cursor)-8]):      "no cursor",
	} {
		_, err := b.ask(t, text)
		if err == nil || fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `"next"`) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	for _, text := range []string{fmt.Sprintf(`{"next":%q}`, cursor), fmt.Sprintf(`{"next":%q,"system":"44c4/1","limit":7}`, cursor)} {
		if r, err := b.ask(t, text); err != nil || r.Objects != 2 {
			t.Errorf("%s: %d objects, %v", text, r.Objects, err)
		}
	}
}

// A cursor stays usable while the archive changes: deleted days are passed over, and new
// objects are outside of the window.
func TestCursorOutlivesChanges(t *testing.T) {
	t.Parallel()
	b := newBucket()
	var keys []string
	for i := range 6 {
		keys = append(keys, b.archived(noon.Add(-time.Duration(i)*24*time.Hour-time.Hour), vc1.ID, vc1.Name))
	}
	b.put("raw/manual/x.json", nil, noon.Add(-time.Hour))
	r := b.must(t, payload.StatusRequest{Limit: 2})
	for _, key := range []string{keys[2], keys[5]} {
		delete(b.objects, key)
	}
	b.ahead.Store(int64(time.Hour))
	b.archived(noon.Add(time.Minute), vc1.ID, vc1.Name)
	if rest := b.must(t, payload.StatusRequest{Next: r.Cursor}); rest.Objects != 3 || !rest.Until.Equal(noon) {
		t.Errorf("%d objects until %s, want two of the runs and the hand-made one", rest.Objects, rest.Until)
	}
}
