package receiver_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/receiver"
)

const (
	token         = "dt0c01.TEST"
	platformToken = "dt0s16.TEST.PLATFORM"
)

var now = time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)

// start serves a Receiver whose clock stands still.
func start(t *testing.T, o receiver.Options) (*receiver.Receiver, string) {
	t.Helper()
	o.Token, o.Now = token, func() time.Time { return now }
	r := receiver.New(o)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL + receiver.Path
}

// client returns a client with connections of its own: a test server that closes also
// closes the idle connections of the default client.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// post sends a body as a correct client does, after change has changed the request.
func post(t *testing.T, url string, body io.Reader, change func(*http.Request)) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Api-Token "+token)
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	resp, err := client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// finding is a faultless finding.
func finding(scan, id string) string {
	return fmt.Sprintf(`{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING","event.id":"%[1]s-%[2]s",
		"scan.id":%[1]q,"finding.id":%[2]q,"compliance.rule.id":"CIS-1","compliance.rule.severity.level":"LOW",
		"compliance.rule.severity.score":1.0,"compliance.standard.short_name":"CIS","compliance.result.status.level":"FAILED",
		"compliance.standards":["CIS"],"object.id":"vc1/host-1","compliance.result.object.evidence_json":"[]"}`, scan, id)
}

func commit(scan string) string {
	return fmt.Sprintf(`{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_SCAN_COMPLETED","event.id":"commit-%[1]s",
		"timestamp":"2026-11-22T02:00:00Z","scan.id":%[1]q,"object.id":"vc1","object.name":"vc1.example","object.type":"VCENTER"}`, scan)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	good := "[" + finding("s", "f1") + "]"
	for name, tc := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
	}{
		"no token":             {good, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"another token":        {good, header("Authorization", "Api-Token dt0c01.OTHER"), 401},
		"bearer":               {good, header("Authorization", "Bearer "+token), 401},
		"platform token":       {good, header("Authorization", "Bearer "+platformToken), 401},
		"bare token":           {good, header("Authorization", token), 401},
		"another path":         {good, func(r *http.Request) { r.URL.Path = "/platform/ingest/v1/events.security" }, 404},
		"trailing slash":       {good, func(r *http.Request) { r.URL.Path += "/" }, 404},
		"put":                  {good, func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"get":                  {"", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"no content type":      {good, func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		"ndjson":               {good, header("Content-Type", "application/x-ndjson"), 415},
		"gzip":                 {good, header("Content-Encoding", "gzip"), 400},
		"empty":                {"", nil, 400},
		"blank":                {"  \n", nil, 400},
		"no JSON":              {"event", nil, 400},
		"HTML":                 {"<html>", nil, 400},
		"a string":             {`"event"`, nil, 400},
		"null":                 {`null`, nil, 400},
		"cut array":            {"[" + finding("s", "f1"), nil, 400},
		"cut event":            {good[:40], nil, 400},
		"missing comma":        {"[" + finding("s", "f1") + finding("s", "f2") + "]", nil, 400},
		"two documents":        {finding("s", "f1") + "\n" + finding("s", "f2"), nil, 400},
		"rest after the array": {good + "x", nil, 400},
		"number in the array":  {"[" + finding("s", "f1") + ",7]", nil, 400},
		"array in the array":   {"[[]]", nil, 400},
		"null in the array":    {"[null]", nil, 400},
		"invalid UTF-8":        {"[{\"event.type\":\"\xff\"}]", nil, 400},
		"too large":            {"[" + finding("s", strings.Repeat("f", 100_000)) + "]", nil, 413},
		"too large, chunked": {
			"[" + finding("s", strings.Repeat("f", 100_000)) + "]", func(r *http.Request) { r.ContentLength = -1 }, 413,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, url := start(t, receiver.Options{MaxBytes: 50_000})
			status, answer := post(t, url, strings.NewReader(tc.body), tc.change)
			if status != tc.status {
				t.Fatalf("status %d, want %d: %s", status, tc.status, answer)
			}
			var envelope struct {
				Error struct {
					Code    int    `json:"code"`
					Message string `json:"message"`
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(answer), &envelope); err != nil || envelope.Error.Code != status || envelope.Error.Message == "" {
				t.Errorf("answer %q: %v", answer, err)
			}
			stats := r.Stats()
			if len(r.Events()) != 0 || stats.Accepted != 0 || stats.Bytes != 0 {
				t.Error("something of a refused request was accepted")
			}
			if stats.Requests != 1 || stats.Refused[tc.status] != 1 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{KeepRaw: 2})
	for _, body := range []string{
		"[" + finding("s", "f1") + "," + finding("s", "f2") + "]", finding("s", "f3"), commit("s"), "[]",
	} {
		if status, answer := post(t, url, strings.NewReader(body), nil); status != 202 || answer != "" {
			t.Fatalf("%d %q", status, answer)
		}
	}
	stats := r.Stats()
	if stats.Accepted != 4 || stats.Requests != 4 || stats.ShapeErrors != 0 || stats.DuplicateEvents != 0 || stats.DuplicateFindings != 0 {
		t.Errorf("%+v", stats)
	}
	if diff := cmp.Diff(map[string]int{"COMPLIANCE_FINDING": 3, "COMPLIANCE_SCAN_COMPLETED": 1}, stats.Events); diff != "" {
		t.Error(diff)
	}
	if want := len(finding("s", "f1"))*3 + len(commit("s")) + len("[,]") + len("[]"); stats.Bytes != int64(want) {
		t.Errorf("%d bytes, want %d", stats.Bytes, want)
	}
	if tiles := r.Tiles(); tiles.Low != 1 || tiles.Configurations != 3 || tiles.Resources != 1 || len(tiles.Systems) != 1 {
		t.Errorf("%+v", tiles)
	}
	raw := r.Raw()
	if len(raw) != 2 || string(raw[0]) != finding("s", "f1") {
		t.Errorf("raw: %s", raw)
	}
}

func TestCommitBeforeItsFindingsShowsAPartOfThem(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{})
	for i, body := range []string{commit("s"), finding("s", "f1"), finding("s", "f2")} {
		post(t, url, strings.NewReader(body), nil)
		if got := r.Tiles().Configurations; got != i {
			t.Errorf("after %d requests %d rows are visible", i+1, got)
		}
	}
}

func TestTimestampsOutOfRange(t *testing.T) {
	t.Parallel()
	for text, tc := range map[string]struct {
		stale, future int
		at            time.Time
	}{
		`"2026-11-21T02:00:00Z"`:        {0, 0, now.Add(-24 * time.Hour)},
		`"2026-11-21T01:59:59.999Z"`:    {1, 0, time.Time{}},
		`"2026-11-22T02:10:00Z"`:        {0, 0, now.Add(10 * time.Minute)},
		`"2026-11-22T02:10:00.001Z"`:    {0, 1, now.Add(10 * time.Minute)},
		`"2030-01-01T00:00:00Z"`:        {0, 1, now.Add(10 * time.Minute)},
		`1763690400`:                    {1, 0, time.Time{}},
		fmt.Sprint(now.UnixMilli() - 5): {0, 0, now.Add(-5 * time.Millisecond)},
		`null`:                          {0, 0, now},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r, url := start(t, receiver.Options{})
			body := `[{"timestamp":` + text + `,"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING"}]`
			if status, answer := post(t, url, strings.NewReader(body), nil); status != 202 {
				t.Fatalf("%d %s", status, answer)
			}
			stats, events := r.Stats(), r.Events()
			if stats.Stale != tc.stale || stats.Future != tc.future || len(events) != 1-tc.stale || stats.Accepted != len(events) {
				t.Fatalf("%+v", stats)
			}
			if len(events) == 1 && !events[0].Timestamp.Equal(tc.at) {
				t.Errorf("timestamp %v, want %v", events[0].Timestamp, tc.at)
			}
		})
	}
}

func TestShapeErrors(t *testing.T) {
	t.Parallel()
	const kind = `"event.kind":"SECURITY_EVENT",`
	const both = kind + `"event.type":"COMPLIANCE_FINDING","event.id":"e1"`
	for name, tc := range map[string]struct{ event, example string }{
		"no event.type":      {`{` + kind + `"event.id":"e1"}`, ` e1: "event.type" is missing`},
		"null event.type":    {`{` + kind + `"event.type":null}`, ` : "event.type" is missing`},
		"no event.kind":      {`{"event.type":"X"}`, `X : "event.kind" is missing`},
		"score as a string":  {`{` + both + `,"dt.security.risk.score":"8.9"}`, `COMPLIANCE_FINDING e1: "dt.security.risk.score" is not a number`},
		"score as null":      {`{` + both + `,"compliance.rule.severity.score":null}`, `COMPLIANCE_FINDING e1: "compliance.rule.severity.score" is not a number`},
		"nested object":      {`{` + both + `,"object":{"id":"x"}}`, `COMPLIANCE_FINDING e1: "object" is an object, not flat keys`},
		"array of objects":   {`{` + both + `,"evidence":["a",{"a":1}]}`, `COMPLIANCE_FINDING e1: "evidence" is an array of objects or arrays`},
		"array of arrays":    {`{` + both + `,"evidence":[[]]}`, `COMPLIANCE_FINDING e1: "evidence" is an array of objects or arrays`},
		"json member bad":    {`{` + both + `,"x.summary_json":"{"}`, `COMPLIANCE_FINDING e1: "x.summary_json" is not a string that holds JSON`},
		"json member blank":  {`{` + both + `,"x_json":""}`, `COMPLIANCE_FINDING e1: "x_json" is not a string that holds JSON`},
		"json member inline": {`{` + both + `,"x_json":[]}`, `COMPLIANCE_FINDING e1: "x_json" is not a string that holds JSON`},
		"timestamp":          {`{` + both + `,"timestamp":"soon"}`, `COMPLIANCE_FINDING e1: "timestamp" is not a readable time`},
		"nothing wrong":      {`{` + both + `,"a":["x","y"],"b":[],"n.score":1,"x_json":"{\"a\":[{}]}","timestamp":1795312800}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, url := start(t, receiver.Options{})
			if status, answer := post(t, url, strings.NewReader(tc.event), nil); status != 202 {
				t.Fatalf("%d %s", status, answer)
			}
			var want []string
			if tc.example != "" {
				want = []string{tc.example}
			}
			stats := r.Stats()
			if diff := cmp.Diff(want, stats.Examples); diff != "" || stats.ShapeErrors != len(want) {
				t.Errorf("%d shape errors %s", stats.ShapeErrors, diff)
			}
		})
	}
}

func TestExamplesAreBounded(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{})
	body := "[" + strings.Repeat(`{},`, 99) + "{}]"
	post(t, url, strings.NewReader(body), nil)
	post(t, url, strings.NewReader(body), nil)
	if stats := r.Stats(); stats.ShapeErrors != 400 || len(stats.Examples) != 20 {
		t.Errorf("%d shape errors, %d examples", stats.ShapeErrors, len(stats.Examples))
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{})
	for _, body := range []string{
		"[" + finding("s", "f1") + "," + finding("s", "f1") + "]", // both ids twice
		finding("s", "f1"),  // and again
		finding("s2", "f1"), // another scan: no duplicate
		commit("s"), commit("s"), commit("s2"),
		`{"event.kind":"k","event.type":"OTHER"}`, `{"event.kind":"k","event.type":"OTHER"}`, // no ids
	} {
		if status, answer := post(t, url, strings.NewReader(body), nil); status != 202 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	stats := r.Stats()
	if stats.DuplicateEvents != 2 || stats.DuplicateFindings != 2 || stats.RepeatedScans != 1 {
		t.Errorf("events %d, findings %d, scans %d; want 2, 2, 1", stats.DuplicateEvents, stats.DuplicateFindings, stats.RepeatedScans)
	}
}

func TestQueryParametersAreCounted(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{})
	post(t, url+"?type=container_finding&provider=x", strings.NewReader(finding("s", "f1")), nil)
	if got := r.Stats().Parameters; got != 2 {
		t.Errorf("%d parameters, want 2", got)
	}
}

// TestLostAnswer accepts a request and answers it with 502, which a sender cannot tell
// from a refusal.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	var r *receiver.Receiver
	var once sync.Once
	r, url := start(t, receiver.Options{Intercept: func(w http.ResponseWriter, req *http.Request) (handled bool) {
		once.Do(func() {
			r.Ingest(httptest.NewRecorder(), req)
			w.WriteHeader(http.StatusBadGateway)
			handled = true
		})
		return handled
	}})
	for _, want := range []int{502, 202} {
		if status, _ := post(t, url, strings.NewReader(finding("s", "f1")), nil); status != want {
			t.Errorf("status %d, want %d", status, want)
		}
	}
	if stats := r.Stats(); stats.Accepted != 2 || stats.Intercepted != 1 || stats.Requests != 2 || stats.DuplicateFindings != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestInterceptComesFirst(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{Intercept: func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}})
	status, _ := post(t, url, strings.NewReader("x"), func(req *http.Request) { req.Header.Del("Authorization") })
	if stats := r.Stats(); status != 429 || stats.Intercepted != 1 || stats.Requests != 1 || len(stats.Refused) != 0 {
		t.Errorf("%d %+v", status, stats)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{KeepRaw: 5})
	var wait sync.WaitGroup
	for sender := range 8 {
		wait.Go(func() {
			for i := range 20 {
				body := finding("s", fmt.Sprintf("%d-%d", sender, i))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Api-Token "+token)
				req.Header.Set("Content-Type", "application/json; charset=utf-8")
				resp, err := client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				_, _, _ = r.Tiles(), r.Stats(), r.Raw()
			}
		})
	}
	wait.Wait()
	if stats := r.Stats(); stats.Accepted != 160 || stats.DuplicateFindings != 0 || len(r.Raw()) != 5 {
		t.Errorf("%+v", stats)
	}
}

func BenchmarkIngest(b *testing.B) {
	var body bytes.Buffer
	body.WriteString("[")
	for i := range 1000 {
		if i > 0 {
			body.WriteByte(',')
		}
		padding := fmt.Sprintf(`{"event.name":"Compliance finding event","finding.title":%q,`, strings.Repeat("x", 900))
		body.WriteString(strings.Replace(finding("s", fmt.Sprint(i)), "{", padding, 1))
	}
	body.WriteString("]")
	r := receiver.New(receiver.Options{Token: token})
	b.SetBytes(int64(body.Len()))
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, receiver.Path, bytes.NewReader(body.Bytes()))
		req.Header.Set("Authorization", "Api-Token "+token)
		req.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if r.ServeHTTP(answer, req); answer.Code != http.StatusAccepted {
			b.Fatal(answer.Body)
		}
	}
}
