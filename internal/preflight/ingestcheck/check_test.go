package ingestcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/vault"
)

// bus stands in for the event bus of a check.
type bus func(context.Context) error

func (b bus) Try(ctx context.Context) error { return b(ctx) }

const withTestEvent = `{"action":"check","sendTestEvent":true}`

// failure is a tenant with which something is wrong, and how the check shows it.
type failure struct {
	change func(*tenant)
	row    string
	state  string
	detail string
	cure   string // empty: nothing is to be done
	after  int    // steps that cannot be proven then
}

// on makes this handler answer a path in place of Dynatrace.
func on(path string, code int, media, body string) func(*tenant) {
	return func(d *tenant) {
		d.answer(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
}

func lookedUp(body string) func(*tenant) {
	return on(receiver.LookupPath, http.StatusOK, "application/json", body)
}

// refused answers a path with an error that quotes the token it was shown.
func refused(path string, code int) func(*tenant) {
	return func(d *tenant) {
		d.answer(path, func(w http.ResponseWriter, r *http.Request) {
			_, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"no, %s"}}`, code, shown)
		})
	}
}

func (f failure) try(t *testing.T, d *tenant, r preflight.Report) {
	t.Helper()
	row, found := r.Of(f.row)
	if !found || row.State != f.state || !strings.Contains(row.Detail, f.detail) || !strings.Contains(row.Cure, f.cure) || (f.cure == "") != (row.Cure == "") {
		t.Errorf("%+v, %v\nwant %s with %q and the cure %q", row, found, f.state, f.detail, f.cure)
	}
	failed, without := 0, 0
	for _, row := range r.Checks {
		switch {
		case row.State == preflight.Failed:
			failed++
		case row.State == preflight.Skipped && strings.HasPrefix(row.Detail, `needs "`):
			without++
		}
		if (row.State == preflight.Failed || row.State == preflight.Warning) && row.Cure == "" {
			t.Errorf("no cure: %+v", row)
		}
	}
	if without != f.after || r.OK != (failed == 0) || r.Next == "" {
		t.Errorf("%d steps were not tried, want %d; %d failed: %+v", without, f.after, failed, r)
	}
	shown, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if all := string(shown) + d.log.String() + d.metrics.String(); strings.Contains(all, "PRIVATE") || strings.Contains(all, "BEGIN CERTIFICATE") {
		t.Errorf("the secret is in %s", all)
	}
	if lines := strings.Count(d.log.String(), `"msg":"check `); lines != len(r.Checks) {
		t.Errorf("%d rows, %d lines in the log", len(r.Checks), lines)
	}
	d.s3.onlyTheCheckKey(t)
}

func TestForwarderCheck(t *testing.T) {
	t.Parallel()
	client := archiveS3(t)
	bare := func(text string) func(*tenant) {
		return func(d *tenant) { d.cred = func(string) string { return text } }
	}
	holding := func(token string) func(*tenant) {
		return func(d *tenant) {
			d.cred = func(ca string) string { return `{"token":"` + token + `","ca_pem":"` + ca + `"}` }
		}
	}
	platform := func(change func(*tenant)) func(*tenant) {
		return func(d *tenant) {
			d.token = platformToken
			if change != nil {
				change(d)
			}
		}
	}
	valid := func(state receiver.TokenState) func(*tenant) { return func(d *tenant) { d.state = state } }
	forbidden := func(what string) func(*tenant) { return func(d *tenant) { d.s3.forbidden = what } }
	path := func(path string) func(*tenant) { return func(d *tenant) { d.path = path } }
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	told := func(try bus) func(*tenant) { return func(d *tenant) { d.options.Notices = try } }
	queries := func(change func(*receiver.Querying)) func(*tenant) {
		return func(d *tenant) {
			d.cred = func(ca string) string {
				return `{"token":"` + ingestToken + `","query_token":"` + platformToken + `","ca_pem":"` + ca + `"}`
			}
			d.querying.Token = platformToken
			if change != nil {
				change(&d.querying)
			}
		}
	}
	const lookup = receiver.LookupPath
	for name, f := range map[string]failure{
		"good":       {func(*tenant) {}, "test event", preflight.OK, "accepted (202)", "", 0},
		"no notices": {func(*tenant) {}, "notices", preflight.OK, "off", "", 0},
		"notices":    {told(func(context.Context) error { return nil }), "notices", preflight.OK, "the default event bus would take them", "", 0},
		"notices refused": {told(func(context.Context) error {
			return &fault.Error{Class: fault.Config, Where: "EventBridge", What: "it refused the notice", Cure: "allow events:PutEvents"}
		}), "notices", preflight.Failed, "it refused the notice", "allow events:PutEvents", 0},
		"no way for notices": {told(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), "notices", preflight.Failed, "did not answer in time", "com.amazonaws.eu-central-1.events", 0},
		"settings":           {func(*tenant) {}, "configuration", preflight.OK, "ingest https://localhost:", "", 0},
		"token good":         {func(*tenant) {}, "token", preflight.OK, "accepted; it never expires", "", 0},
		"scope good":         {func(*tenant) {}, "scope", preflight.OK, "openpipeline.events_security", "", 0},
		"raw read":           {func(*tenant) {}, "archive raw/", preflight.OK, "read: raw/v1/dt=2026-11-22/run=r/vc1.json.gz; writing there is not tried", "", 0},
		"delivery written":   {func(*tenant) {}, "archive delivery/", preflight.OK, "delivery/check was written and deleted", "", 0},
		"nothing in it yet":  {func(d *tenant) { d.bucket = "empty" }, "archive quarantine/", preflight.OK, "listed; it is empty", "", 0},

		"query good":        {queries(nil), "query", preflight.OK, "takes the query token", "", 0},
		"query token none":  {func(*tenant) {}, "query", preflight.Skipped, "arrivals stay unknown: it holds no token that may query", `as "query_token"`, 0},
		"query, no address": {func(d *tenant) { d.noGrail = true }, "query", preflight.Skipped, "no address of the query service", "GRAIL_URL", 0},
		"query forbidden":   {queries(func(q *receiver.Querying) { q.Forbidden = true }), "query", preflight.Failed, "403 Forbidden", "storage:security.events:read and storage:buckets:read", 0},
		"query refused":     {queries(func(q *receiver.Querying) { q.Token = "dt0s16.OTHER" }), "query", preflight.Failed, "401 Unauthorized", `as "query_token" in the secret dynatrace/token`, 0},
		"query busy": {func(d *tenant) {
			queries(nil)(d)
			on(receiver.ExecutePath, 429, "application/json", "{}")(d)
		}, "query", preflight.Warning, "429 Too Many Requests", "check again in a few minutes", 0},
		"query by the ingest's token":     {platform(nil), "query", preflight.OK, "takes the query token", "", 0},
		"query not by the ingest's token": {platform(func(d *tenant) { d.querying.Forbidden = true }), "query", preflight.Skipped, "the ingest's token may not read", "query_token", 0},
		"query token of another kind": {func(d *tenant) {
			d.cred = func(ca string) string {
				return `{"token":"` + ingestToken + `","query_token":"dt0c01.A.B","ca_pem":"` + ca + `"}`
			}
		}, "query", preflight.Failed, `"query_token" is no platform token`, "create a platform token", 0},

		"secret missing":   {func(d *tenant) { d.getter = vault.Refuses("ResourceNotFoundException") }, "secret", preflight.Failed, "Secrets Manager has no value of it", "check the secret's ARN", 4},
		"secret forbidden": {func(d *tenant) { d.getter = vault.Refuses("AccessDeniedException") }, "secret", preflight.Failed, "may not read it", "secretsmanager:GetSecretValue", 4},
		"secret not JSON":  {bare(`{"token":"PRIVATE`), "secret", preflight.Failed, "not a JSON object", "store the bare token", 4},
		"with its scheme":  {bare("Api-Token " + ingestToken), "secret", preflight.Failed, "holds a space", "store the bare token", 4},
		"another kind":     {holding("dt0s02.PUBLIC.PRIVATE"), "secret", preflight.Warning, "begins with neither dt0c01. nor dt0s16.", "store an access token (dt0c01.…)", 2},
		"another, refused": {holding("dt0s02.PUBLIC.PRIVATE"), "token", preflight.Failed, "refused (401), and the secret holds no other token", "create in Dynatrace an access token", 2},
		"kind":             {func(*tenant) {}, "secret", preflight.OK, "it is of the kind access token", "", 0},

		"platform token":           {platform(nil), "token", preflight.Skipped, "did not refuse it with an empty list of events (202). Whether it accepts events, and when the token ends, nothing says", `"sendTestEvent":true`, 0},
		"platform, kind":           {platform(nil), "secret", preflight.OK, "it is of the kind platform token", "", 0},
		"platform, scope":          {platform(nil), "scope", preflight.Skipped, "has the permission openpipeline:security.events:ingest cannot be looked up", `"sendTestEvent":true`, 0},
		"platform, event":          {platform(nil), "test event", preflight.OK, "accepted (202)", "", 0},
		"platform, empty list 400": {platform(refused(receiver.Path, 400)), "token", preflight.Skipped, "(400)", `"sendTestEvent":true`, 0},
		"rotated from, unserved":   {func(d *tenant) { d.before = platformToken; refused(lookup, 404)(d) }, "token", preflight.Warning, "an access token: the ingest did not refuse it", `"sendTestEvent":true`, 0},
		"platform, wrong":          {holding("dt0s16.WRONG.PRIVATE"), "token", preflight.Failed, "Dynatrace answered 401 Unauthorized to the platform token, the token is missing or invalid, and the secret holds no other token", "put an access token (dt0c01.…) with the scope openpipeline.events_security or a platform token (dt0s16.…) with the permission openpipeline:security.events:ingest into the secret dynatrace/token", 2},
		"platform, no permission":  {platform(refused(receiver.Path, 403)), "token", preflight.Failed, "403 Forbidden to the platform token", "give the token of the secret dynatrace/token, and its user, the permission openpipeline:security.events:ingest", 2},
		"platform, no such path":   {platform(refused(receiver.Path, 404)), "token", preflight.Failed, "404", "OPENPIPELINE_URL", 2},
		"platform, for later":      {platform(refused(receiver.Path, 503)), "token", preflight.Failed, "503", "check again in a few minutes", 2},
		"platform, custom": {platform(func(d *tenant) {
			d.path = "/platform/ingest/custom/security.events/runecast"
			refused(d.path, 403)(d)
		}), "token", preflight.Failed, "403", "openpipeline:security.events.custom:ingest", 2},

		"web application's host": {func(d *tenant) { d.options.URLNote = "a.apps.dynatrace.com serves the web application" }, "url", preflight.Warning, "serves the web application", "set OPENPIPELINE_URL to https://localhost", 0},
		"older address":          {path("/platform/ingest/v1/events.security"), "url", preflight.Warning, "is the older address", "localhost:", 0},
		"no security events":     {path("/platform/ingest/v1/logs"), "url", preflight.Failed, "not an ingest of security events", "set OPENPIPELINE_URL to https://localhost:", 0},
		"ActiveGate": {func(d *tenant) {
			on("/e/abc12345"+lookup, 200, "application/json", `{"scopes":[]}`)(d)
			d.path = "/e/abc12345" + receiver.Path
		}, "scope", preflight.Failed, "lacks the scope", "give the token the scope", 0},

		"no such host": {func(d *tenant) { d.options.Lookup = noSuchHost }, "dns", preflight.Failed, "does not resolve", "check the host in the URL", 5},
		"refused": {func(d *tenant) {
			d.options.URL = &url.URL{Scheme: "https", Host: "127.0.0.1:1", Path: receiver.Path}
		}, "tcp", preflight.Failed, "refused the connection", "check the port", 4},
		"unknown authority": {bare(ingestToken), "tls", preflight.Failed, "unknown authority", "ca_pem", 3},
		"another key":       {bare(`{"token":"` + ingestToken + `","spki_sha256":"` + strings.Repeat("ab", 32) + `"}`), "tls", preflight.Failed, "not the one pinned", "store the new spki_sha256", 3},
		"authority no PEM":  {bare(`{"token":"` + ingestToken + `","ca_pem":"none"}`), "tls", preflight.Failed, `"ca_pem" holds no certificate`, "PEM", 3},

		"token refused":       {valid(receiver.TokenState{Disabled: true}), "token", preflight.Failed, "refused (401)", "create in Dynatrace an access token (dt0c01.…) with the scope openpipeline.events_security or a platform token", 2},
		"token disabled":      {lookedUp(`{"enabled":false,"scopes":["openpipeline.events_security"]}`), "token", preflight.Failed, "disabled", "enable it", 2},
		"token expired":       {lookedUp(`{"enabled":true,"expirationDate":"2020-01-01T00:00:00.000Z"}`), "token", preflight.Failed, "was valid until 2020-01-01", "create in Dynatrace an access token", 2},
		"token expires soon":  {valid(receiver.TokenState{Expires: in(10*day + time.Hour)}), "token", preflight.Warning, "10 days left", "create in Dynatrace an access token", 0},
		"token expires later": {valid(receiver.TokenState{Expires: in(90*day + time.Hour)}), "token", preflight.OK, "90 days left", "", 0},
		"expiry odd":          {lookedUp(`{"expirationDate":"never again","scopes":["openpipeline.events_security"]}`), "token", preflight.OK, "expires never again", "", 0},
		"look-up forbidden":   {valid(receiver.TokenState{NoLookup: true}), "token", preflight.Warning, "may not look itself up (403)", "sendTestEvent", 0},
		"scope not told":      {valid(receiver.TokenState{NoLookup: true}), "scope", preflight.Skipped, "did not tell", "sendTestEvent", 0},
		"scope missing":       {valid(receiver.TokenState{Scopes: []string{"logs.ingest"}}), "scope", preflight.Failed, "lacks the scope openpipeline.events_security", "give the token the scope", 0},
		"custom scope missing": {func(d *tenant) {
			d.path = "/platform/ingest/custom/security.events/runecast"
		}, "scope", preflight.Failed, "lacks the scope openpipeline.events_security.custom", "events_security.custom", 0},
		"no look-up":          {refused(lookup, 404), "token", preflight.Warning, "an access token: the ingest did not refuse it with an empty list of events (202). Whether it accepts events, and when the token ends, nothing says: the look-up of tokens is not served there (404)", `"sendTestEvent":true`, 0},
		"no look-up any more": {refused(lookup, 410), "scope", preflight.Skipped, "did not tell", `"sendTestEvent":true`, 0},
		"no look-up, refused": {func(d *tenant) { refused(lookup, 404)(d); refused(receiver.Path, 401)(d) }, "token", preflight.Failed, "401 Unauthorized to the access token", "platform token (dt0s16.…)", 2},
		"no Dynatrace":        {func(d *tenant) { refused(lookup, 404)(d); refused(receiver.Path, 404)(d) }, "token", preflight.Failed, "404 Not Found", "check OPENPIPELINE_URL, as https://<environment>.live.dynatrace.com", 2},
		"login page":          {on(lookup, 200, "text/html; charset=utf-8", "<html>"), "token", preflight.Failed, "HTML page", "OPENPIPELINE_URL", 2},
		"redirected":          {on(lookup, 302, "text/html", ""), "token", preflight.Failed, "redirected (302)", "OPENPIPELINE_URL", 2},
		"look-up fails":       {refused(lookup, 503), "token", preflight.Failed, "failed there (503)", "check again in a few minutes", 2},
		"look-up busy":        {refused(lookup, 429), "token", preflight.Failed, "failed there (429)", "check again in a few minutes", 2},
		"look-up refused":     {refused(lookup, 400), "token", preflight.Failed, "refused (400)", "OPENPIPELINE_URL", 2},
		"look-up odd":         {lookedUp(`{"scopes":"all"}`), "token", preflight.Warning, "another shape", "sendTestEvent", 0},
		"look-up empty":       {lookedUp(`{}`), "scope", preflight.Skipped, "did not tell", "sendTestEvent", 0},

		"bucket missing":        {func(d *tenant) { d.bucket = "other" }, "archive", preflight.Failed, "does not exist", "check ARCHIVE_BUCKET", 5},
		"may not list":          {forbidden("list"), "archive", preflight.Failed, "403", "allow s3:ListBucket", 5},
		"may not list a part":   {forbidden("list systems/"), "archive systems/", preflight.Failed, "s3://archive/systems/: S3 refused access (403)", "allow s3:ListBucket", 0},
		"may not read raw":      {forbidden("get raw/v1"), "archive raw/", preflight.Failed, "s3://archive/raw/v1/", "allow s3:GetObject", 0},
		"403 for what is not":   {forbidden("get systems/check"), "archive systems/", preflight.Failed, "403", "allow s3:GetObject and s3:ListBucket", 0},
		"may not write":         {forbidden("put"), "archive delivery/", preflight.Failed, "s3://archive/delivery/check: S3 refused access (403)", "allow s3:PutObject", 0},
		"may not delete":        {forbidden("delete"), "archive delivery/", preflight.Failed, "403", "allow s3:DeleteObject", 0},
		"may not read what was": {forbidden("get quarantine/"), "archive quarantine/", preflight.Failed, "403", "allow s3:GetObject", 0},

		"event refused":        {refused(receiver.Path, 400), "test event", preflight.Failed, "400 Bad Request", "OPENPIPELINE_URL", 0},
		"event forbidden":      {refused(receiver.Path, 403), "test event", preflight.Failed, "403 Forbidden", "the scope openpipeline.events_security", 0},
		"event unauthorized":   {refused(receiver.Path, 401), "test event", preflight.Failed, "401 Unauthorized to the access token, no, [redacted], and the secret holds no other token", "platform token (dt0s16.…)", 0},
		"event in doubt":       {refused(receiver.Path, 500), "test event", preflight.Failed, "500 Internal", "check again in a few minutes", 0},
		"event for later":      {refused(receiver.Path, 429), "test event", preflight.Failed, "429 Too Many", "check again in a few minutes", 0},
		"event to other place": {on(receiver.Path, 302, "text/plain", ""), "test event", preflight.Failed, "302", "final address", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d tenant
			p := d.start(t, client, f.change)
			answer, err := p.Handle(t.Context(), []byte(withTestEvent))
			if err != nil {
				t.Fatal(err)
			}
			f.try(t, &d, answer.(preflight.Report))
		})
	}
}

// The test event is a valid event, which changes no tile of the dashboard and no count of
// failed rows.
func TestTestEvent(t *testing.T) {
	t.Parallel()
	var d tenant
	p := d.start(t, archiveS3(t), func(*tenant) {})
	for payload, want := range map[string]struct {
		state  string
		events int
	}{
		`{"action":"check"}`:                       {preflight.Skipped, 0},
		`{"action":"check","sendTestEvent":false}`: {preflight.Skipped, 0},
		withTestEvent:                              {preflight.OK, 1},
	} {
		before := len(d.receiver.Events())
		answer, err := p.Handle(t.Context(), []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		row, found := answer.(preflight.Report).Of("test event")
		if sent := len(d.receiver.Events()) - before; !found || row.State != want.state || sent != want.events {
			t.Errorf("%s: %+v, %v, %d events sent", payload, row, found, sent)
		}
		if id := regexp.MustCompile(`"([0-9a-f-]{36})"`).FindStringSubmatch(row.Detail); want.events > 0 && (id == nil || id[1] != d.receiver.Events()[before].ScanID.String()) {
			t.Errorf("%q does not name the scan", row.Detail)
		}
	}
	if diff := cmp.Diff(dashboard.Compute(nil), d.receiver.Tiles()); diff != "" {
		t.Errorf("the dashboard shows it:\n%s", diff)
	}
	var event map[string]any
	if err := json.Unmarshal(d.receiver.Raw()[0], &event); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"event.type": "COMPLIANCE_FINDING", "finding.title": "Test event of runecast-ingest", "dt.security.risk.level": "NONE",
		"compliance.status": "NOT_RELEVANT", "compliance.result.status.level": "NOT_RELEVANT",
	} {
		if event[name] != want {
			t.Errorf("%s is %v, want %v", name, event[name], want)
		}
	}
	if err := schema(t).Validate(event); err != nil {
		t.Error(err)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../securityevent/events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("events.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TokenDaysLeft is written only if the token's expiry is known, ChecksFailed always.
func TestCheckMetrics(t *testing.T) {
	t.Parallel()
	client := archiveS3(t)
	for name, c := range map[string]struct {
		change func(*tenant)
		want   string
		failed int
	}{
		"ends":    {func(d *tenant) { d.state.Expires = time.Now().Add(41*day + time.Hour) }, `"TokenDaysLeft":41}`, 0},
		"ended":   {lookedUp(`{"expirationDate":"2020-01-01T00:00:00.000Z"}`), `"TokenDaysLeft":0}`, 1},
		"no end":  {func(*tenant) {}, "", 0},
		"unknown": {func(d *tenant) { d.state.NoLookup = true }, "", 0},
		"odd":     {lookedUp(`{"expirationDate":"never again"}`), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d tenant
			d.start(t, client, c.change).Check(t.Context(), false)
			got := d.metrics.String()
			if !strings.Contains(got, c.want) || strings.Contains(got, "TokenDaysLeft") != (c.want != "") {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if failed := fmt.Sprintf(`"ChecksFailed":%d}`, c.failed); !strings.Contains(got, failed) {
				t.Errorf("got %s, want %s", got, failed)
			}
		})
	}
}

func TestForwarderPayloads(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	for _, payload := range []string{`{"action":"check","sendtestevent":true}`, `{"action":"check","sendTestEvent":"yes"}`} {
		if _, err := p.Handle(t.Context(), []byte(payload)); fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), `"sendTestEvent":true`) {
			t.Errorf("%s: %v", payload, err)
		}
	}
}
