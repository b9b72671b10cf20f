package grail_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/vault"
)

const token = "dt0s16.PUBLIC.PRIVATE"

// answer is what the service says to one request.
type answer struct {
	status int
	media  string
	body   string
	after  string // Retry-After
}

// service answers one request after the other; the last answer is repeated.
type service struct {
	t       *testing.T
	answers []answer
	asked   []string
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		text, _ := io.ReadAll(req.Body)
		_ = req.Body.Close()
		body = string(text)
	}
	if req.Header.Get("Authorization") != "Bearer "+token || req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, ":execute") != strings.Contains(body, `"query":"`) {
		s.t.Errorf("%s %s, %s: %s", req.Method, req.URL, req.Header.Get("Authorization"), body)
	}
	a := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, req.Method+" "+req.URL.Path[strings.LastIndex(req.URL.Path, ":"):]+" "+req.URL.Query().Get("request-token"))
	header := http.Header{"Content-Type": {a.media}}
	if a.after != "" {
		header.Set("Retry-After", a.after)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: req}, nil
}

// client is a client of a service. Its clock moves only when it waits.
func client(s *service, text string) (*grail.Client, func() time.Time) {
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	return grail.New(grail.Options{
		URL: &url.URL{Scheme: "https", Host: "abc.apps.example"}, Credentials: secret.NewQueryCache(vault.Holds(text), "dynatrace", clock, false),
		HTTP: func(secret.Credential) (*http.Client, error) { return &http.Client{Transport: s}, nil },
		Now:  clock, Jitter: func() float64 { return 1 },
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
	}), clock
}

func found(records string, more string) answer {
	return answer{200, "application/json", `{"state":"SUCCEEDED","requestToken":"t","result":{"records":[` + records + `],"types":[],"metadata":{"grail":{"scannedBytes":99` + more + `}}}}`, ""}
}

func TestCount(t *testing.T) {
	t.Parallel()
	const rows = `{"scan.id":"s1","event.type":"COMPLIANCE_FINDING","status":"FAILED","rows":"12"}`
	says := func(status int, body string) answer { return answer{status, "application/json", body, ""} }
	runs := says(202, `{"state":"RUNNING","requestToken":"a b","ttlSeconds":399,"progress":1}`)
	for name, c := range map[string]struct {
		answers []answer
		rows    int64
		class   fault.Class // "": no error
		words   string
		asked   []string
	}{
		"at once":  {answers: []answer{found(rows, "")}, rows: 12, asked: []string{"POST :execute "}},
		"a number": {answers: []answer{found(strings.ReplaceAll(rows, `"12"`, "12"), "")}, rows: 12, asked: []string{"POST :execute "}},
		"runs for a while": {answers: []answer{runs, says(200, `{"state":"RUNNING","progress":50}`), found(rows, "")}, rows: 12,
			asked: []string{"POST :execute ", "GET :poll a b", "GET :poll a b"}},
		"too many requests":    {answers: []answer{{429, "application/json", `{"error":{"code":429,"message":"slowly","retryAfterSeconds":7}}`, "7"}, found(rows, "")}, rows: 12, asked: []string{"POST :execute ", "POST :execute "}},
		"a poll fails for now": {answers: []answer{runs, says(503, `{}`), found(rows, "")}, rows: 12, asked: []string{"POST :execute ", "GET :poll a b", "GET :poll a b"}},
		"runs for ever":        {answers: []answer{runs}, class: fault.Retry, words: "not answered in time"},
		"too many for ever":    {answers: []answer{{429, "text/plain", "", "3600"}}, class: fault.Retry, words: "429", asked: []string{"POST :execute "}},
		"no token to poll by":  {answers: []answer{says(202, `{"state":"RUNNING"}`)}, class: fault.Config, words: "GRAIL_URL"},
		"failed":               {answers: []answer{says(200, `{"state":"FAILED","requestToken":"t"}`)}, class: fault.Retry, words: "its state is FAILED"},
		"result gone":          {answers: []answer{runs, says(410, "gone")}, class: fault.Retry, words: "410"},
		"refused":              {answers: []answer{says(403, `{"error":{"code":403,"message":"no","details":{"missingScopes":["storage:buckets:read"]}}}`)}, class: fault.Auth, words: "missing storage:buckets:read: give the query token of the secret dynatrace"},
		"table refused by 400": {answers: []answer{says(400, `{"error":{"code":400,"message":"x","details":{"errorType":"NOT_AUTHORIZED_FOR_TABLE"}}}`)}, class: fault.Auth, words: "storage:security.events:read"},
		"unauthorized":         {answers: []answer{says(401, `{"error":{"code":401,"message":"no `+token+`"}}`)}, class: fault.Auth, words: `as "query_token" in the secret dynatrace`},
		"query wrong":          {answers: []answer{says(400, `{"error":{"code":400,"message":"PARSE_ERROR"}}`)}, class: fault.Config, words: "the query is the product's own"},
		"no such path":         {answers: []answer{says(404, "")}, class: fault.Config, words: "GRAIL_URL"},
		"redirected":           {answers: []answer{says(302, "")}, class: fault.Config, words: "302 Found, to nowhere: set GRAIL_URL"},
		"a firewall's page":    {answers: []answer{{403, "text/html", "<html>", ""}}, class: fault.Auth, words: "with a page for people, as an API sends none"},
		"a page for people":    {answers: []answer{{200, "text/html", "<html>", ""}}, class: fault.Config, words: "a page for people"},
		"no JSON":              {answers: []answer{says(200, "ok")}, class: fault.Config, words: "not the JSON"},
		"not all was read":     {answers: []answer{found(rows, `,"notifications":[{"severity":"WARNING","notificationType":"SCAN_LIMIT_GBYTES","message":"stopped"}]`)}, class: fault.Retry, words: "SCAN_LIMIT_GBYTES, stopped"},
		"a note":               {answers: []answer{found(rows, `,"notifications":[{"severity":"INFO","notificationType":"LIMIT_ADDED"}]`)}, rows: 12, asked: []string{"POST :execute "}},
		"a sample":             {answers: []answer{found(rows, `,"sampled":true`)}, class: fault.Retry, words: "a sample"},
		"rows that are none":   {answers: []answer{found(strings.ReplaceAll(rows, `"12"`, `"many"`), "")}, class: fault.Config, words: "another shape"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{t: t, answers: c.answers}
			g, now := client(s, `{"token":"dt0c01.A.B","query_token":"`+token+`"}`)
			got, err := g.Count(t.Context(), grail.Scans{IDs: []string{"s1"}, From: now(), To: now()}, now().Add(time.Minute))
			if c.class != "" {
				if err == nil || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "PRIVATE") {
					t.Errorf("%v is not of class %s with %q", err, c.class, c.words)
				}
			} else if err != nil || got.Scans["s1"].Rows["FAILED"] != c.rows || got.ScannedBytes != 99 {
				t.Errorf("%+v, %v", got, err)
			}
			if d := cmp.Diff(c.asked, s.asked); c.asked != nil && d != "" {
				t.Error(d)
			}
			if name == "runs for ever" && s.asked[len(s.asked)-1] != "POST :cancel a b" {
				t.Errorf("it is not cancelled: %q", s.asked)
			}
		})
	}
}

// Only a token that may query is used for queries.
func TestQueryTokens(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		"dt0c01.A.B":                "no token that may query",
		token:                       "",
		`{"token":"` + token + `"}`: "",
		`{"token":"dt0c01.A.B","query_token":"` + token + `"}`:      "",
		`{"token":"dt0c01.A.B","query_token":"dt0c01.C.PRIVATE"}`:   `"query_token" is no platform token`,
		`{"token":"dt0c01.A.B","query_token":"dt0s16.C.D PRIVATE"}`: `"query_token" holds a space`,
	} {
		g, _ := client(&service{t: t}, text)
		err := g.Ready(t.Context())
		if (err == nil) != (words == "") || err != nil && (!strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "PRIVATE")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Every answer of the service becomes numbers, or an error with a class.
func FuzzReply(f *testing.F) {
	f.Add(found(`{"scan.id":"s1","event.type":"COMPLIANCE_FINDING","status":null,"rows":"1"}`, "").body, 200)
	f.Add(`{"state":"RUNNING","requestToken":"t"}`, 202)
	f.Add(`{"error":{"code":403,"details":{"missingScopes":["a"]}}}`, 403)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 200 || status > 599 {
			return
		}
		s := &service{t: t, answers: []answer{{status, "application/json", body, ""}}}
		g, now := client(s, token)
		got, err := g.Count(t.Context(), grail.Scans{IDs: []string{"s1"}, From: now(), To: now()}, now().Add(10*time.Second))
		if err == nil {
			for id, c := range got.Scans {
				for status, n := range c.Rows {
					if n < 0 {
						t.Errorf("%s %s: %d", id, status, n)
					}
				}
			}
		} else if c := fault.ClassOf(err); c == fault.Reject {
			t.Errorf("%v is of class reject", fmt.Sprint(err))
		}
	})
}
