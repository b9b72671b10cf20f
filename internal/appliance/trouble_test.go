package appliance

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
)

func TestReadErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer answer
		class  fault.Class
		says   []string
	}{
		"bad token":         {answer{code: 401, body: `{"error":"hush","message":"token ` + token + ` is unknown","path":"hush"}`}, fault.Auth, []string{"the token was refused (401), and the secret holds no other token (token [redacted] is unknown): create an API access token"}},
		"no message":        {answer{code: 401, body: `{"error":"hush"}`}, fault.Auth, []string{"the token was refused (401), and the secret holds no other token: create"}},
		"odd message":       {answer{code: 401, body: `{"message":{"a":"hush"}}`}, fault.Auth, []string{"the token was refused (401), and the secret holds no other token: create"}},
		"cut message":       {answer{code: 401, body: `{"message":"hush`}, fault.Auth, []string{"the token was refused (401), and the secret holds no other token: create"}},
		"plain text":        {answer{code: 400, kind: "text/plain", body: "no\nway"}, fault.Reject, []string{"(400) (no way)"}},
		"no right":          {answer{code: 403}, fault.Auth, []string{"may not read"}},
		"redirect":          {answer{code: 302, header: map[string]string{"Location": "https://login.example/sso?state=hush"}}, fault.Config, []string{"login.example/sso", "RUNECAST_URL"}},
		"unknown path":      {answer{code: 404, kind: "text/html", body: "<html>Tomcat"}, fault.Config, []string{"(404)", "RUNECAST_API"}},
		"server error":      {answer{code: 500, kind: "text/html", body: "<html>stack trace"}, fault.Retry, []string{"(500)"}},
		"HTML":              {answer{code: 200, kind: "text/html;charset=UTF-8", body: "<html>login"}, fault.Config, []string{"HTML page", "token is not valid"}},
		"HTML as JSON":      {answer{code: 200, body: "\n<html>login"}, fault.Config, []string{"HTML", "token is not valid"}},
		"empty":             {answer{code: 200}, fault.Retry, []string{"cut after 0 bytes"}},
		"cut":               {answer{code: 200, body: `{"results":[{"uid":"a"`, cut: true}, fault.Retry, []string{"cut"}},
		"cut after the end": {answer{code: 200, body: `{"results":[]}`, cut: true}, fault.Retry, []string{"cut"}},
		"no JSON":           {answer{code: 200, kind: "text/plain", body: "starting"}, fault.Reject, []string{"not valid JSON"}},
		"other JSON":        {answer{code: 200, body: `{"status":"UP"}`}, fault.Reject, []string{"no results"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, &stub{answers: map[string][]answer{getDetected: {c.answer}}}, nil)
			_, err := cl.Statuses(t.Context(), nil)
			if err == nil || fault.ClassOf(err) != c.class {
				t.Fatalf("error %v (%s), want class %s", err, fault.ClassOf(err), c.class)
			}
			for _, text := range append(c.says, "127.0.0.1") {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
			for _, text := range []string{"hush", token, "stack trace"} {
				if strings.Contains(err.Error(), text) {
					t.Errorf("error %q says %q", err, text)
				}
			}
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	fine := answer{code: 200, body: `{"results":[]}`}
	busy := func(code int, retryAfter string) answer {
		return answer{code: code, header: map[string]string{"Retry-After": retryAfter}}
	}
	cases := map[string]struct {
		answers  []answer
		requests int
		least    time.Duration // the sum of all waits
		fails    bool
	}{
		"at once":             {answers: []answer{fine}, requests: 1},
		"429, 502, 503":       {answers: []answer{{code: 429}, {code: 502}, {code: 503}, fine}, requests: 4},
		"connection dropped":  {answers: []answer{{refused: true}, fine}, requests: 2},
		"seconds to wait":     {answers: []answer{busy(503, "7"), busy(429, "90"), fine}, requests: 3, least: 97 * time.Second},
		"a time to wait for":  {answers: []answer{busy(503, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)), fine}, requests: 2, least: 40 * time.Second},
		"a time gone by":      {answers: []answer{busy(503, "Wed, 21 Oct 2015 07:28:00 GMT"), fine}, requests: 2},
		"too long to wait":    {answers: []answer{busy(503, "3600"), fine}, requests: 1, fails: true},
		"for ever":            {answers: []answer{{code: 503}}, requests: attempts, fails: true},
		"500 is not repeated": {answers: []answer{{code: 500}, fine}, requests: 1, fails: true},
		"401 is not repeated": {answers: []answer{{code: 401}, fine}, requests: 1, fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stub{answers: map[string][]answer{getDetected: c.answers}}
			cl, waits := client(t, s, nil)
			_, err := cl.Statuses(t.Context(), nil)
			if requests, _ := s.requests(); (err != nil) != c.fails || len(requests) != c.requests {
				t.Errorf("%d requests, error %v; want %d, failing = %v", len(requests), err, c.requests, c.fails)
			}
			var sum time.Duration
			for _, w := range *waits {
				sum += w
			}
			if len(*waits) != c.requests-1 || sum < c.least || sum > c.least+20*time.Second {
				t.Errorf("waited %v, want %d times and %s together", *waits, c.requests-1, c.least)
			}
		})
	}
}

func TestNoWaitBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	s := &stub{answers: map[string][]answer{getDetected: {{code: 503, header: map[string]string{"Retry-After": "100"}}}}}
	cl, waits := client(t, s, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := cl.Statuses(ctx, nil); err == nil || len(*waits) > 0 || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v after waits %v, want the 503 at once", err, *waits)
	}
}
