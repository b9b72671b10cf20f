package receiver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/simulate/receiver"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	const own = `{"token":"` + token + `"}`
	const answer = `{"id":"dt0c01.TEST","name":"simulated","enabled":true,"scopes":["openpipeline.events_security"]}`
	for name, tc := range map[string]struct {
		state  receiver.TokenState
		body   string
		change func(*http.Request)
		status int
		answer string // empty: not looked at
	}{
		"valid":         {body: own, status: 200, answer: answer},
		"with an end":   {state: receiver.TokenState{Expires: now.Add(time.Hour)}, body: own, status: 200, answer: strings.Replace(answer, `"scopes"`, `"expirationDate":"2026-11-22T03:00:00.000Z","scopes"`, 1)},
		"other scope":   {state: receiver.TokenState{Scopes: []string{"logs.ingest"}}, body: own, status: 200, answer: strings.Replace(answer, receiver.Scope, "logs.ingest", 1)},
		"expired":       {state: receiver.TokenState{Expires: now}, body: own, status: 401},
		"disabled":      {state: receiver.TokenState{Disabled: true}, body: own, status: 401},
		"forbidden":     {state: receiver.TokenState{NoLookup: true}, body: own, status: 403},
		"unknown asker": {body: own, change: func(r *http.Request) { r.Header.Set("Authorization", "Api-Token dt0c01.OTHER") }, status: 401},
		"unknown token": {body: `{"token":"dt0c01.OTHER"}`, status: 404},
		"no token":      {body: `{}`, status: 400},
		"no JSON":       {body: `token`, status: 400},
		"get":           {change: func(r *http.Request) { r.Method = http.MethodGet }, status: 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := start(t, receiver.Options{TokenState: tc.state})
			url = strings.TrimSuffix(url, receiver.Path) + receiver.LookupPath
			status, got := post(t, url, strings.NewReader(tc.body), tc.change)
			if status != tc.status || tc.answer != "" && got != tc.answer {
				t.Errorf("%d %s, want %d %s", status, got, tc.status, tc.answer)
			}
			if value := jsontext.Value(got); (got == "") != (status == 404) || got != "" && !value.IsValid() {
				t.Errorf("%d with the body %q", status, got)
			}
		})
	}
}

// A token without the scope, or that is disabled or expired, sends nothing.
func TestTokenState(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		token  string // empty: the access token
		state  receiver.TokenState
		status int
	}{
		"valid":                   {"", receiver.TokenState{Expires: now.Add(time.Second), NoLookup: true}, 202},
		"other scope":             {"", receiver.TokenState{Scopes: []string{"openpipeline.events_security.custom"}}, 403},
		"a permission, no scope":  {"", receiver.TokenState{Scopes: []string{receiver.Permission}}, 403},
		"expired":                 {"", receiver.TokenState{Expires: now}, 401},
		"disabled":                {"", receiver.TokenState{Disabled: true}, 401},
		"platform":                {platformToken, receiver.TokenState{}, 202},
		"platform, permission":    {platformToken, receiver.TokenState{Scopes: []string{receiver.Permission}}, 202},
		"platform, other":         {platformToken, receiver.TokenState{Scopes: []string{"openpipeline:security.events.custom:ingest"}}, 403},
		"platform, a scope alone": {platformToken, receiver.TokenState{Scopes: []string{receiver.Scope}}, 403},
		"platform, expired":       {platformToken, receiver.TokenState{Expires: now}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, url := start(t, receiver.Options{TokenState: tc.state})
			var as func(*http.Request)
			if tc.token != "" {
				r.SetToken(tc.token)
				as = func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+tc.token) }
			}
			status, answer := post(t, url, strings.NewReader(finding("s", "f1")), as)
			if status != tc.status || len(r.Events()) > 0 != (status == 202) {
				t.Errorf("%d %s, %d events", status, answer, len(r.Events()))
			}
		})
	}
}

// Each kind of token is accepted with its own scheme only, and the look-up knows access
// tokens only. A rotation may change kind and scheme at once.
func TestKindsOfTokens(t *testing.T) {
	t.Parallel()
	r, url := start(t, receiver.Options{})
	lookup := strings.TrimSuffix(url, receiver.Path) + receiver.LookupPath
	for _, own := range []string{token, platformToken, token} {
		r.SetToken(own)
		for _, scheme := range []string{"Api-Token ", "Bearer ", ""} {
			for _, shown := range []string{token, platformToken} {
				right := shown == own && (scheme == "Bearer ") == (shown == platformToken) && scheme != ""
				as := func(req *http.Request) { req.Header.Set("Authorization", scheme+shown) }
				if status, answer := post(t, url, strings.NewReader("[]"), as); status != map[bool]int{true: 202, false: 401}[right] {
					t.Errorf("%s: ingest by %s%s: %d %s", own, scheme, shown, status, answer)
				}
				status, answer := post(t, lookup, strings.NewReader(`{"token":"`+shown+`"}`), as)
				if known := right && own == token; status != map[bool]int{true: 200, false: 401}[known] {
					t.Errorf("%s: look-up by %s%s: %d %s", own, scheme, shown, status, answer)
				}
			}
		}
	}
	if len(r.Events()) != 0 {
		t.Errorf("%d events of empty lists", len(r.Events()))
	}
}
