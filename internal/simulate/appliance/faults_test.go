package appliance_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/appliance"
)

const vcentersPath = "/rc2/api/v1/vcenters"

func TestLogin(t *testing.T) {
	t.Parallel()
	const page = "text/html;charset=utf-8"
	tests := map[string]struct {
		login, path, token string
		want               int
		location, kind     string
	}{
		"redirect, wrong token":    {appliance.LoginRedirect, vcentersPath, "wrong", 302, "/rc2/login", ""},
		"redirect, no token":       {appliance.LoginRedirect, vcentersPath, "", 302, "/rc2/login", ""},
		"redirect, v2":             {appliance.LoginRedirect, ecosystemsPath, "wrong", 302, "/rca/login", ""},
		"redirect, right token":    {appliance.LoginRedirect, vcentersPath, adminToken, 200, "", "application/json;charset=UTF-8"},
		"redirect, its target":     {appliance.LoginRedirect, "/rc2/login", "", 200, "", page},
		"redirect, its target, v2": {appliance.LoginRedirect, "/rca/login", "", 200, "", page},
		"page, wrong token":        {appliance.LoginPage, vcentersPath, "wrong", 200, "", page},
		"page, no token":           {appliance.LoginPage, ecosystemsPath, "", 200, "", page},
		"page, right token":        {appliance.LoginPage, vcentersPath, adminToken, 200, "", "application/json;charset=UTF-8"},
		"neither":                  {"", "/rc2/login", "", 401, "", "application/json;charset=UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t, appliance.Options{Findings: 280, API: appliance.APIBoth, Token: adminToken, Faults: appliance.Faults{Login: tt.login}})
			answer := callAs(t, a, http.MethodGet, tt.path, tt.token)
			if answer.Code != tt.want || answer.Header().Get("Location") != tt.location || answer.Header().Get("Content-Type") != tt.kind {
				t.Errorf("%d %v, want %d", answer.Code, answer.Header(), tt.want)
			}
			if tt.kind == page && !strings.Contains(answer.Body.String(), "j_password") {
				t.Errorf("the login page is %s", answer.Body)
			}
		})
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	a := newAppliance(t, appliance.Options{
		Findings: 280, Token: adminToken, ReadOnlyToken: readOnlyToken, Now: time0.Now,
		Faults: appliance.Faults{TokenUntil: time0.Now().Add(time.Minute), Skew: time.Hour},
	})
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		for _, token := range []string{adminToken, readOnlyToken} {
			if got := callAs(t, a, http.MethodGet, vcentersPath, token).Code; got != want {
				t.Errorf("%s: %d, want %d", time0.Now(), got, want)
			}
		}
		time0.advance(time.Minute)
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{
		Findings: 280, Token: adminToken, ReadOnlyToken: readOnlyToken, Faults: appliance.Faults{Errors: appliance.ErrorsHTML},
	})
	tests := map[string]struct {
		method, path, token string
		want                int
	}{
		"wrong token":  {http.MethodGet, vcentersPath, "wrong", 401},
		"no right":     {http.MethodPost, scanPath + "none", readOnlyToken, 403},
		"unknown uid":  {http.MethodPost, scanPath + "none", adminToken, 404},
		"unknown path": {http.MethodGet, "/rc2/<nothing>", adminToken, 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := callAs(t, a, tt.method, tt.path, tt.token)
			body := answer.Body.String()
			if answer.Code != tt.want || answer.Header().Get("Content-Type") != "text/html;charset=utf-8" || !strings.Contains(body, "<h1>HTTP Status 4") {
				t.Errorf("%d %v %s", answer.Code, answer.Header(), body)
			}
		})
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(appliance.System) string{
		"v1": func(s appliance.System) string { return scanPath + s.ID },
		"v2": func(s appliance.System) string { return scansPath(s.V2ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			time0 := newClock()
			a := newAppliance(t, appliance.Options{
				Findings: 280, API: appliance.APIBoth, ScanTime: time.Minute, Token: adminToken, Now: time0.Now, Faults: appliance.Faults{Conflict: true},
			})
			first, second := a.Systems()[0], a.Systems()[1]
			for i, step := range []struct {
				system appliance.System
				want   int
				wait   time.Duration
			}{
				{first, 202, 0}, {first, 409, 59 * time.Second}, {second, 202, 0}, {first, 409, time.Second},
				{first, 202, 0}, {second, 409, 0},
			} {
				if got := call(t, a, http.MethodPost, path(step.system)).Code; got != step.want {
					t.Errorf("trigger %d: %d, want %d", i+1, got, step.want)
				}
				time0.advance(step.wait)
			}
			if got := statuses(t, a)[first.ID].Timestamp; got != "2026-11-22T02:01:00.000Z" {
				t.Errorf("a refused trigger moves the end to %s", got)
			}
		})
	}
}

func TestBrokenCatalogue(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Faults: appliance.Faults{BrokenCatalogue: true}})
	for query, want := range map[string]int{"": 500, "?type=": 500, "?type=KB": 200, "?type=CIS": 200} {
		if got := call(t, a, http.MethodGet, "/rc2/api/v1/issues"+query).Code; got != want {
			t.Errorf("/issues%s: %d, want %d", query, got, want)
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	a := newAppliance(t, appliance.Options{
		Findings: 280, Token: adminToken, Now: time0.Now,
		Faults: appliance.Faults{Skew: time.Hour, Updates: []appliance.Update{
			{After: time.Minute, For: 10 * time.Second, RetryAfter: true}, {After: 2 * time.Minute, For: time.Second},
		}},
	})
	start := time0.Now()
	for _, step := range []struct {
		at    time.Duration
		want  int
		after string
	}{
		{0, 200, ""},
		{time.Minute - 1, 200, ""},
		{time.Minute, 503, "10"},
		{time.Minute + 8500*time.Millisecond, 503, "2"},
		{time.Minute + 10*time.Second - 1, 503, "1"},
		{time.Minute + 10*time.Second, 200, ""},
		{2 * time.Minute, 503, ""},
		{2*time.Minute + time.Second, 200, ""},
	} {
		time0.advance(start.Add(step.at).Sub(time0.Now()))
		for _, token := range []string{adminToken, ""} {
			answer := callAs(t, a, http.MethodGet, vcentersPath, token)
			want := step.want
			if want == http.StatusOK && token == "" {
				want = http.StatusUnauthorized
			}
			if answer.Code != want || answer.Header().Get("Retry-After") != step.after {
				t.Errorf("after %s: %d, Retry-After %q; want %d, %q", step.at, answer.Code, answer.Header().Get("Retry-After"), want, step.after)
			}
		}
	}
}

func TestClockIsOff(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		skew, lastScan time.Duration
		before, after  string // v1's timestamp of the first system
		date           string
	}{
		"right":                 {0, 0, "2026-11-21T14:00:00.000Z", "2026-11-22T02:01:00.000Z", ""},
		"a day ahead":           {24 * time.Hour, 0, "2026-11-22T14:00:00.000Z", "2026-11-23T02:01:00.000Z", "Mon, 23 Nov 2026 02:00:00 GMT"},
		"a day behind":          {-24 * time.Hour, 0, "2026-11-20T14:00:00.000Z", "2026-11-21T02:01:00.000Z", "Sat, 21 Nov 2026 02:00:00 GMT"},
		"was a day ahead":       {0, -24 * time.Hour, "2026-11-23T02:00:00.000Z", "2026-11-22T02:01:00.000Z", ""},
		"last scan a week ago":  {0, 7 * 24 * time.Hour, "2026-11-15T02:00:00.000Z", "2026-11-22T02:01:00.000Z", ""},
		"ends as the last did":  {0, -time.Minute, "2026-11-22T02:01:00.000Z", "2026-11-22T02:01:00.001Z", ""},
		"just before it starts": {0, time.Millisecond, "2026-11-22T01:59:59.999Z", "2026-11-22T02:01:00.000Z", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			time0 := newClock()
			a := newAppliance(t, appliance.Options{
				Findings: 280, API: appliance.APIBoth, ScanTime: time.Minute, Token: adminToken, Now: time0.Now,
				LastScanAge: tt.lastScan, Faults: appliance.Faults{Skew: tt.skew},
			})
			first := a.Systems()[0]
			check := func(want string) {
				t.Helper()
				if got := statuses(t, a)[first.ID].Timestamp; got != want {
					t.Errorf("v1 shows %s, want %s", got, want)
				}
				if got := time.UnixMilli(scanOf(t, a, first.V2ID, "").CreatedTs).UTC().Format("2006-01-02T15:04:05.000Z"); got != want {
					t.Errorf("v2 shows %s, want %s", got, want)
				}
			}
			check(tt.before)
			if got := call(t, a, http.MethodPost, scanPath+first.ID).Header().Get("Date"); got != tt.date {
				t.Errorf("Date %q, want %q", got, tt.date)
			}
			time0.advance(time.Minute - 1)
			check(tt.before)
			time0.advance(1)
			check(tt.after)
		})
	}
}
