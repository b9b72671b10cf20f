package appliancecheck

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/vault"
)

var everyStep = []string{"configuration", "secret", "archive", "dns", "tcp", "tls", "token", "role", "version", "api", "licences", "systems"}

func TestCheck(t *testing.T) {
	t.Parallel()
	is := func(path string, answer http.HandlerFunc) func(*site) {
		return func(s *site) {
			s.answers = func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, path) {
					answer(w, r)
					return
				}
				s.served.ServeHTTP(w, r)
			}
		}
	}
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	v1 := func(change func(*site)) func(*site) {
		return func(s *site) {
			s.appliance.API = appliance.APIv1
			change(s)
		}
	}
	results := func(issues string) func(*site) {
		return v1(is("/rc2/api/v1/results", text(`{"results":[{"uid":"u1","name":"vc1","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2026-11-22T02:00:00Z"},"issues":`+issues+`}]}`)))
	}
	last := func(mode, state, reason string) func(*site) {
		return func(s *site) {
			s.store.run = archive.Run{ID: "r1", Mode: mode, Systems: []archive.RunSystem{{State: state, Reason: reason}}}
		}
	}
	before := func(version string, change func(*site)) func(*site) {
		return func(s *site) {
			s.store.run = archive.Run{ID: "r1", Appliance: archive.Appliance{API: version}}
			change(s)
		}
	}
	lost := func(s *site) { s.store.run, s.store.past = archive.Run{}, s.store.run }
	cases := map[string]struct {
		change func(*site)
		row    string
		state  string
		detail string
		cure   string
		after  int // steps that cannot be proven then
	}{
		"good":              {func(*site) {}, "systems", preflight.OK, "with results of security profiles", "", 0},
		"good, v1":          {v1(func(*site) {}), "api", preflight.OK, "answering: v1; set: auto; used: v1", "", 0},
		"good, v2":          {func(s *site) { s.appliance.API = appliance.APIv2 }, "api", preflight.OK, "used: v2", "", 0},
		"certificate":       {func(*site) {}, "tls", preflight.OK, "TLS 1.3; for localhost; trusted by the authority in the secret, CN=Runecast; valid until ", "", 0},
		"unknown authority": {func(s *site) { s.trust = func(string) string { return string(strangerPEM) } }, "tls", preflight.Failed, "unknown authority", "ca_pem", 6},
		"no authority":      {func(s *site) { s.trust = func(string) string { return "" } }, "tls", preflight.Failed, "unknown authority", "ca_pem", 6},
		"expired": {func(s *site) {
			s.cert = func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }
		}, "tls", preflight.Failed, "expired", "renew the certificate", 6},
		"expires soon": {func(s *site) {
			s.cert = func(c *x509.Certificate) { c.NotAfter = time.Now().Add(20 * day) }
		}, "tls", preflight.Warning, "19 days left", "renew the certificate in time", 0},
		"other name": {func(s *site) {
			s.cert = func(c *x509.Certificate) { c.DNSNames = []string{"rc.example"} }
		}, "tls", preflight.Failed, "another name", "subject alternative name", 6},
		"refused":           {func(s *site) { s.options.URL = &url.URL{Scheme: "https", Host: "127.0.0.1:1"} }, "tcp", preflight.Failed, "refused the connection", "check the port", 7},
		"not allowed":       {func(s *site) { s.options.AllowLoopback = false }, "tcp", preflight.Failed, "refused by policy", "correct the host", 7},
		"no such host":      {func(s *site) { s.options.Lookup = fails(errNoSuchHost) }, "dns", preflight.Failed, "does not resolve", "check the host in the URL, and the DNS", 8},
		"DNS silent":        {func(s *site) { s.options.Lookup = fails(context.DeadlineExceeded) }, "dns", preflight.Failed, "could not be looked up", "DNS of the function's VPC", 8},
		"wrong token":       {func(s *site) { s.token = "stale-token" }, "token", preflight.Failed, "refused (401)", "create an API access token", 5},
		"secret not JSON":   {func(s *site) { s.getter = vault.Holds(`{"token":`) }, "secret", preflight.Failed, "not a JSON object", "store the bare token", 7},
		"HTML":              {is("/", html), "token", preflight.Failed, "HTML page instead of JSON", "RUNECAST_URL", 5},
		"login":             {is("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }), "token", preflight.Failed, "was redirected to /login (302)", "login page", 5},
		"something else":    {is("/", status(404)), "token", preflight.Failed, "neither API v1 nor v2", "RUNECAST_URL", 5},
		"updating":          {is("/", status(503)), "token", preflight.Failed, "failed on the appliance (503)", "updating itself", 5},
		"may not read":      {is("/", status(403)), "token", preflight.Failed, "403", "create an API access token", 5},
		"role unknown":      {func(*site) {}, "role", preflight.Skipped, "not proven until the first trigger", "Admin", 0},
		"role refused":      {last("analyze", archive.SystemFailed, "the token's user may not start an analysis (403): …"), "role", preflight.Warning, "the run r1 was refused", "Admin's token", 0},
		"role proven":       {last("analyze", archive.SystemArchived, ""), "role", preflight.OK, "the run r1 started analyses", "", 0},
		"role not needed":   {last("latest", archive.SystemArchived, ""), "role", preflight.Skipped, "not proven", "Admin", 0},
		"no version":        {is("/rca/api/v2/rca-instances", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }), "version", preflight.OK, "6.9.12", "", 0},
		"old version":       {v1(is("/rc2/api/v2/rca-instances", text(`{"rcaInstances":[{"rcaInstanceInfo":{"longApplicationVersion":"6.9.9.1"}}]}`))), "version", preflight.Warning, "below 6.9.12", "update the appliance", 0},
		"v2 set, absent":    {v1(func(s *site) { s.options.API = "v2" }), "api", preflight.Failed, "answering: v1; set: v2", "set RUNECAST_API to auto or v1", 1},
		"configuration":     {func(*site) {}, "configuration", preflight.OK, "a run may take 5h0m0s, and one starts every 24h0m0s at most", "", 0},
		"twice a day":       {func(s *site) { s.options.Period = 12 * time.Hour }, "configuration", preflight.Warning, "count those of several scans", "dedup {finding.id}", 0},
		"once a day":        {func(s *site) { s.options.Period = 24 * time.Hour }, "configuration", preflight.OK, "one starts every 24h0m0s", "", 0},
		"every 23 hours":    {func(s *site) { s.options.Period = 23 * time.Hour }, "configuration", preflight.Warning, "one starts every 23h0m0s", "dedup {finding.id}", 0},
		"no schedule":       {func(s *site) { s.options.Period = 0 }, "configuration", preflight.Warning, "how often the schedule starts one is not known", "SCAN_TIMEOUT is shorter", 0},
		"v1 as before":      {before("v1", func(*site) {}), "api", preflight.OK, "answering: v1, v2; set: auto; used: v1, as by the runs before", "", 0},
		"v2 as before":      {before("v2", func(*site) {}), "api", preflight.OK, "used: v2, as by the runs before", "", 0},
		"v1 before, lost":   {before("v1", lost), "api", preflight.OK, "used: v1, as by the runs before", "", 0},
		"v2 before, absent": {before("v2", v1(func(*site) {})), "api", preflight.Failed, "API v2, which the runs before used, does not answer now: the appliance does not know GET /rca/api/v2/rca-instances/1/ecosystems (404)", "set RUNECAST_API=v1", 1},
		"v1 before, v2 set": {before("v1", func(s *site) { s.options.API = "v2" }), "api", preflight.Warning, "used: v2; the runs before used v1: each system gets another id", "set RUNECAST_API back to auto", 0},
		"before not known": {func(s *site) {
			s.store.err = &fault.Error{Class: fault.Retry, What: "S3 could not be reached"}
		}, "api", preflight.Skipped, "what the runs before used is not known", `cure "archive" first`, 0},
		"licences":          {v1(func(*site) {}), "licences", preflight.Warning, "1 hosts without licence", "license these hosts", 0},
		"licence expired":   {is("/rc2/api/v1/licenses", text(`{"licenses":[{"name":"A","validUntil":"2020-01-01"}]}`)), "licences", preflight.Failed, "expired: A until 2020-01-01", "renew the licence", 0},
		"licence ends soon": {is("/rc2/api/v1/licenses", text(`{"licenses":[{"name":"A","validUntil":`+soon+`}],"unlicensedHosts":0}`)), "licences", preflight.Warning, "A until", "renew the licence", 0},
		"many licences":     {is("/rc2/api/v1/licenses", text(`{"licenses":[`+strings.Repeat(`{"name":"old","validUntil":"2020-01-01"},`, 25)+`{"name":"A","validUntil":"2999-01-01"}]}`)), "licences", preflight.Warning, "old until 2020-01-01", "renew the licence", 0},
		"licence odd":       {is("/rc2/api/v1/licenses", text(`{"licenses":[{"name":7,"validUntil":"when pigs fly"}],"unlicensedHosts":[1]}`)), "licences", preflight.OK, "7 until when pigs fly", "", 0},
		"licences absent":   {is("/rc2/api/v1/licenses", status(404)), "licences", preflight.Skipped, "does not know GET /rc2/api/v1/licenses (404)", "", 0},
		"not connected":     {func(s *site) { s.options.Systems = []string{"VC1.example", "vc77"} }, "systems", preflight.Failed, "not connected: vc77", "take names or ids of: VC1.Example, vc2.example, ", 0},
		"no compliance":     {results(`[{"id":"1","type":"KB","status":"FAIL"},{"id":"2","type":"VUL","status":"FAIL"}]`), "system vc1", preflight.Warning, "2 rules, 0 of security profiles", "enable security profiles", 0},
		"nothing to show":   {results(`[{"id":"1","type":"KB","status":"FAIL"}]`), "systems", preflight.Failed, "none of ", "enable security profiles", 0},
		"unlicensed":        {results(`[{"id":"1","type":"CIS","status":"UNLICENSED"}]`), "system vc1", preflight.Warning, "nothing but UNLICENSED", "license it", 0},
		"partly unlicensed": {results(`[{"id":"1","type":"CIS","status":"FAIL","products":[{"name":"vSphere"}]},{"id":"2","type":"CIS","status":"UNLICENSED"},{"id":"3","type":"DORA","status":"UNLICENSED"}]`),
			"system vc1", preflight.Warning, "3 rules, 1 of security profiles, 2 more UNLICENSED: not assessed", "license the rest of it", 0},
		"partly, counted":  {results(`[{"id":"1","type":"CIS","status":"FAIL","products":[{"name":"vSphere"}]},{"id":"2","type":"CIS","status":"UNLICENSED"}]`), "systems", preflight.OK, "1 of them partly UNLICENSED", "", 0},
		"articles only":    {results(`[{"id":"1","type":"CIS","status":"FAIL","products":[{"name":"vSphere"}]},{"id":"2","type":"KB","status":"UNLICENSED"}]`), "system vc1", preflight.OK, "2 rules, 1 of security profiles", "", 0},
		"unknown statuses": {results(`[{"id":"1","type":"CIS","status":"PASSED"}]`), "system vc1", preflight.Warning, `not known is: "PASSED"`, "report these words", 0},
		"with compliance":  {results(`[{"id":"1","type":"CIS","status":"FAIL","products":[{"name":"vSphere"}]}]`), "system vc1", preflight.OK, "VCENTER, last analysed 2026-11-22T02:00:00Z, 1 rules, 1 of security profiles", "", 0},
		"type not known":   {results(`[{"id":"1","type":"CIS","status":"FAIL"}]`), "system vc1", preflight.Warning, "its type is not known", `{"vc1":"AWS"}`, 0},
		"type set": {func(s *site) {
			results(`[{"id":"1","type":"CIS","status":"FAIL"}]`)(s)
			s.options.SystemTypes = map[string]string{"VC1": "LINUX"}
		}, "system vc1", preflight.OK, "LINUX, last analysed", "", 0},
		"never analysed": {v1(is("/rc2/api/v1/vcenters", text(`{"vcenters":[{"uid":"new","address":"new.example"}]}`))), "system new.example", preflight.Warning, "never analysed", "analyse it", 0},
		"results cut":    {v1(is("/rc2/api/v1/results", text(`{"results":[{"uid":"u1"`))), "systems", preflight.Failed, "cut", "restarted", 0},
		"S3 403": {func(s *site) {
			s.store.err = &fault.Error{Class: fault.Config, Where: "s3://archive/runs/check", What: "S3 refused access (403)", Cure: "allow s3:PutObject in the function's role"}
		}, "archive", preflight.Failed, "S3 refused access (403)", "allow s3:PutObject", 0},
		"S3 not reached": {func(s *site) { s.store.err = &fault.Error{Class: fault.Retry, What: "S3 could not be reached"} }, "archive", preflight.Failed, "could not be reached", "com.amazonaws.eu-central-1.s3", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(c.change)
			p := s.start(t)
			r := p.Check(t.Context())
			row, found := r.Of(c.row)
			if !found || row.State != c.state || !strings.Contains(row.Detail, c.detail) || !strings.Contains(row.Cure, c.cure) {
				t.Errorf("%+v, %v\nwant %s with %q and the cure %q", row, found, c.state, c.detail, c.cure)
			}
			if (row.State == preflight.Failed || row.State == preflight.Warning) && row.Cure == "" || row.State == preflight.OK && row.Cure != "" {
				t.Errorf("%+v: a cure is for what is not as it should be", row)
			}
			s.judge(t, r, c.after)
		})
	}
}

// judge checks what must hold for every report.
func (s *site) judge(t *testing.T, r preflight.Report, after int) {
	t.Helper()
	skipped, failed := 0, 0
	for _, name := range everyStep {
		row, found := r.Of(name)
		if !found {
			t.Fatalf("there is no row %s", name)
		}
		if row.State == preflight.Skipped && strings.HasPrefix(row.Detail, `needs "`) {
			skipped++
		}
	}
	for _, row := range r.Checks {
		if row.State == preflight.Failed {
			failed++
		}
	}
	if skipped != after || r.OK != (failed == 0) || r.Next == "" {
		t.Errorf("%d steps were skipped, want %d; %d failed: %+v", skipped, after, failed, r)
	}
	shown, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{s.token, "BEGIN CERTIFICATE"} {
		if strings.Contains(string(shown)+s.log.String(), secret) {
			t.Errorf("the secret is in %s or the log", shown)
		}
	}
	if lines := strings.Count(s.log.String(), `"msg":"check `); lines != len(r.Checks) {
		t.Errorf("%d rows, %d lines in the log", len(r.Checks), lines)
	}
	s.onlyRead(t)
	if len(s.store.keys) != 1 || s.store.keys[0] != "runs/check" {
		t.Errorf("written: %v", s.store.keys)
	}
}

func (s *site) onlyRead(t *testing.T) {
	t.Helper()
	for len(s.methods) > 0 {
		if m := <-s.methods; m != http.MethodGet {
			t.Errorf("a %s was sent", m)
		}
	}
}

// A service of AWS that does not answer is given up in seconds, and the row names the VPC
// endpoint that is missing.
func TestUnreachableAWS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(func(s *site) {
			s.getter, s.store.hang = vault.Unreachable{}, true
			s.options.URL = &url.URL{Scheme: "https", Host: "localhost"}
			s.options.Lookup = fails(errNoSuchHost)
		})
		began := time.Now()
		r := s.checker().Check(t.Context())
		if took := time.Since(began); took != 2*preflight.ReachTime {
			t.Errorf("it took %s", took)
		}
		for name, want := range map[string]string{
			"secret":  "interface endpoint com.amazonaws.eu-central-1.secretsmanager",
			"archive": "gateway endpoint com.amazonaws.eu-central-1.s3",
		} {
			if row, found := r.Of(name); !found || row.State != preflight.Failed || !strings.Contains(row.Detail, "5s") || !strings.Contains(row.Cure, want) {
				t.Errorf("%+v, %v; want the cure %q", row, found, want)
			}
		}
		if !strings.Contains(r.Next, `cure "secret" first`) {
			t.Error(r.Next)
		}
	})
}

// An appliance that hangs does not hold the check longer than a minute.
func TestSlowApplianceIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &check{Checker: newSite(func(s *site) { s.options.URL = &url.URL{Host: "rc.example"} }).checker(), app: hangs{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		rows := c.systems(ctx)
		if rows[0].State != preflight.Failed || !strings.Contains(rows[0].Detail, "no answer in time") || rows[0].Cure == "" {
			t.Errorf("%+v", rows)
		}
		if rows, taken := (preflight.Step{Name: "late", Prove: c.systems}).Take(ctx, nil); taken || rows[0].State != preflight.Skipped || !strings.Contains(rows[0].Detail, "are over") {
			t.Errorf("%+v", rows)
		}
	})
}

type hangs struct{ Appliance }

func (hangs) Systems(ctx context.Context) ([]runecast.System, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"6.9.12": false, "6.9.12.0": false, "6.10": false, "7": false, "6.9.11.9": true, "6.9": true, "6": true, "4.7.5": true, "x": true,
	} {
		if older(version, leastForDynatrace) != want {
			t.Errorf("%s: %v", version, !want)
		}
	}
}

func fails(err error) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) { return nil, err }
}

func html(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<html>please log in</html>")
}

// If the token is refused, a check reads the secret again before it judges the token. It
// says of the secret only what it has read.
func TestTokenRotatedDuringTheCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		later func(good, stale secret.Getter) secret.Getter // the second read
		state string
		says  string
	}{
		"rotated during the check": {func(good, _ secret.Getter) secret.Getter { return good }, preflight.OK, "accepted"},
		"not rotated":              {func(_, stale secret.Getter) secret.Getter { return stale }, preflight.Failed, "refused (401), and the secret holds no other token"},
		"no second read":           {func(_, _ secret.Getter) secret.Getter { return vault.Refuses("Down") }, preflight.Failed, "refused (401), and the secret was not read again (secret "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(func(*site) {})
			k := s.start(t)
			good := s.getter.(vault.Holds) //nolint:forcetypeassert // of newSite
			stale := vault.Holds(strings.Replace(string(good), adminToken, "token-before", 1))
			turns := &vault.Turns{List: []secret.Getter{stale, c.later(good, stale)}}
			s.getter = turns
			r := k.Check(t.Context())
			row, found := r.Of("token")
			if !found || row.State != c.state || !strings.Contains(row.Detail, c.says) || r.OK != (c.state == preflight.OK) || turns.Reads != 2 {
				t.Errorf("%+v after %d reads, want %s with %q", row, turns.Reads, c.state, c.says)
			}
		})
	}
}
