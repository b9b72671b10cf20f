package forwarderconfig

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

func environment(more map[string]string) func(string) string {
	m := map[string]string{"ARCHIVE_BUCKET": "b", "OPENPIPELINE_URL": "https://abc.live.dynatrace.com", "OPENPIPELINE_SECRET_ID": "s"}
	maps.Copy(m, more)
	return func(name string) string { return m[name] }
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	f, err := Load(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if f.URL.String() != "https://abc.live.dynatrace.com/platform/ingest/v1/security.events" || f.URLNote != "" ||
		f.MaxBatchBytes != 9_500_000 || f.MaxQuarantine != 0.01 || f.SendConcurrency != 4 || f.Delivery != deliver.ExactlyOnce ||
		f.Mapping.EventModel != securityevent.Both || !f.Mapping.Evidence || f.Mapping.OriginalContent || f.Mapping.MinSeverity != securityevent.Low ||
		f.Mapping.Coverage != mapping.CoverageSystem || f.Mapping.PassedObjects != mapping.PassedOnSystem ||
		!slices.Equal(f.Mapping.IncludeResults, []securityevent.Status{"FAILED", "MANUAL", "PASSED"}) {
		t.Errorf("%+v", f)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env   map[string]string
		wrong string
		check func(Settings) bool
	}{
		"apps host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.apps.dynatrace.com/"},
			check: func(f Settings) bool { return f.URL.Host == "abc.live.dynatrace.com" && f.URLNote != "" }},
		"apps host in capitals": {env: map[string]string{"OPENPIPELINE_URL": "HTTPS://ABC12345.Apps.Dynatrace.COM"},
			check: func(f Settings) bool {
				return f.URL.String() == "https://abc12345.live.dynatrace.com/platform/ingest/v1/security.events" && strings.Contains(f.URLNote, "sending to abc12345.live.dynatrace.com")
			}},
		"page of the web application": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.apps.dynatrace.com/ui/apps/dynatrace.dashboards/"},
			check: func(f Settings) bool {
				return f.URL.String() == "https://abc.live.dynatrace.com/platform/ingest/v1/security.events" && f.URLNote != ""
			}},
		"live host in capitals": {env: map[string]string{"OPENPIPELINE_URL": "https://Abc12345.LIVE.dynatrace.com:443/e/Abc"},
			check: func(f Settings) bool {
				return f.URL.Host == "abc12345.live.dynatrace.com:443" && strings.HasPrefix(f.URL.Path, "/e/Abc/") && f.URLNote == ""
			}},
		"lab's apps host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.sprint.apps.dynatracelabs.com"},
			check: func(f Settings) bool { return f.URL.Host == "abc.sprint.dynatracelabs.com" && f.URLNote != "" }},
		"lab's host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.sprint.dynatracelabs.com"},
			check: func(f Settings) bool { return f.URL.Host == "abc.sprint.dynatracelabs.com" && f.URLNote == "" }},
		"another API's path": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.live.dynatrace.com/api/v2/"},
			check: func(f Settings) bool {
				return f.URL.Path == "/platform/ingest/v1/security.events" && strings.Contains(f.URLNote, "the path /api/v2 is none of an ingest")
			}},
		"half an ingest's path": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.live.dynatrace.com/platform/ingest/"},
			check: func(f Settings) bool { return f.URL.Path == "/platform/ingest/v1/security.events" }},
		"ingest of other events":        {env: map[string]string{"OPENPIPELINE_URL": "https://abc.live.dynatrace.com/platform/ingest/v1/events"}, wrong: "other events than security events"},
		"custom ingest of other events": {env: map[string]string{"OPENPIPELINE_URL": "https://ag.example:9999/e/abc/platform/ingest/custom/events.sdlc/x"}, wrong: "leave the path out"},
		"older ingest": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.live.dynatrace.com/platform/ingest/v1/events.security"},
			check: func(f Settings) bool { return f.URL.Path == "/platform/ingest/v1/events.security" && f.URLNote == "" }},
		"full ingest url": {env: map[string]string{"OPENPIPELINE_URL": "https://a.example/platform/ingest/custom/security.events/rc"},
			check: func(f Settings) bool { return f.URL.Path == "/platform/ingest/custom/security.events/rc" }},
		"activegate": {env: map[string]string{"OPENPIPELINE_URL": "https://ag.example:9999/e/abc"},
			check: func(f Settings) bool { return f.URL.Path == "/e/abc/platform/ingest/v1/security.events" }},
		"external sends failures only": {env: map[string]string{"EVENT_MODEL": "external"},
			check: func(f Settings) bool { return slices.Equal(f.Mapping.IncludeResults, []securityevent.Status{"FAILED"}) }},
		"all results": {env: map[string]string{"INCLUDE_RESULTS": "all"},
			check: func(f Settings) bool { return len(f.Mapping.IncludeResults) == 4 }},
		"standards": {env: map[string]string{"STANDARDS": `{"ACME":{"shortName":"Acme","prefix":"AC"}}`},
			check: func(f Settings) bool { return f.Mapping.Standards["ACME"].Prefix == "AC" }},
		"case of enums": {env: map[string]string{"LOG_LEVEL": "WARN", "MIN_SEVERITY": "high"},
			check: func(f Settings) bool { return f.LogLevel == slog.LevelWarn && f.Mapping.MinSeverity == "HIGH" }},
		"lean fields":                       {env: map[string]string{"FIELDS": "LEAN"}, check: func(f Settings) bool { return f.Mapping.Fields == securityevent.LeanFields }},
		"all fields":                        {check: func(f Settings) bool { return f.Mapping.Fields == securityevent.AllFields }},
		"no texts":                          {env: map[string]string{"RULE_TEXTS": "OFF"}, check: func(f Settings) bool { return f.Mapping.RuleTexts == mapping.TextsOff }},
		"one security context":              {env: map[string]string{"SECURITY_CONTEXT": " team-a "}, check: func(f Settings) bool { return f.Mapping.SecurityContext.All == "team-a" }},
		"security contexts":                 {env: map[string]string{"SECURITY_CONTEXT": `{"AWS":"team-b"}`}, check: func(f Settings) bool { return f.Mapping.SecurityContext.Of["AWS"] == "team-b" }},
		"security context of another shape": {env: map[string]string{"SECURITY_CONTEXT": `{"AWS":1}`}, wrong: "SECURITY_CONTEXT"},
		"security context too long":         {env: map[string]string{"SECURITY_CONTEXT": strings.Repeat("x", 257)}, wrong: "256"},
		"query service": {check: func(f Settings) bool {
			return f.GrailURL.String() == "https://abc.apps.dynatrace.com" && f.GrailBucket == "default_securityevents" && !f.ResendMissing
		}},
		"query service of a lab": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.sprint.dynatracelabs.com"},
			check: func(f Settings) bool { return f.GrailURL.String() == "https://abc.sprint.apps.dynatracelabs.com" }},
		"no query service of an ActiveGate": {env: map[string]string{"OPENPIPELINE_URL": "https://ag.example:9999/e/abc"},
			check: func(f Settings) bool { return f.GrailURL == nil }},
		"query service on this machine": {env: map[string]string{"OPENPIPELINE_URL": "http://127.0.0.1:8080", "ALLOW_LOOPBACK": "true"},
			check: func(f Settings) bool { return f.GrailURL.String() == "http://127.0.0.1:8080" }},
		"query service that is set": {env: map[string]string{"GRAIL_URL": "https://ABC.live.dynatrace.com/platform/storage/query/v1/", "OPENPIPELINE_URL": "https://ag.example/e/abc/platform/ingest/custom/security.events/rc"},
			check: func(f Settings) bool {
				return f.GrailURL.String() == "https://abc.apps.dynatrace.com" && f.GrailBucket == ""
			}},
		"query service in the clear": {env: map[string]string{"GRAIL_URL": "http://abc.apps.dynatrace.com"}, wrong: "GRAIL_URL"},
		"resend":                     {env: map[string]string{"RESEND_MISSING": "on"}, check: func(f Settings) bool { return f.ResendMissing }},
		"resend some":                {env: map[string]string{"RESEND_MISSING": "some"}, wrong: "RESEND_MISSING"},
		"no notices":                 {check: func(f Settings) bool { return !f.Notices }},
		"notices":                    {env: map[string]string{"NOTICES": "On"}, check: func(f Settings) bool { return f.Notices }},
		"some notices":               {env: map[string]string{"NOTICES": "some"}, wrong: "NOTICES"},
		"loopback http": {env: map[string]string{"OPENPIPELINE_URL": "http://127.0.0.1:8080", "ALLOW_LOOPBACK": "true"},
			check: func(f Settings) bool { return f.URL.Scheme == "http" }},
		"loopback http not allowed": {env: map[string]string{"OPENPIPELINE_URL": "http://127.0.0.1:8080"}, wrong: "https"},
		"token in url":              {env: map[string]string{"OPENPIPELINE_URL": "https://a.example/?api-token=x"}, wrong: "query"},
		"at least once":             {env: map[string]string{"DELIVERY": "At-Least-Once"}, check: func(f Settings) bool { return f.Delivery == deliver.AtLeastOnce }},
		"some results": {env: map[string]string{"INCLUDE_RESULTS": "failed, Passed"}, check: func(f Settings) bool {
			return slices.Equal(f.Mapping.IncludeResults, []securityevent.Status{"FAILED", "PASSED"})
		}},
		"unknown model":          {env: map[string]string{"EVENT_MODEL": "all"}, wrong: "use both, xspm, external"},
		"unknown result":         {env: map[string]string{"INCLUDE_RESULTS": "FAILED,BROKEN"}, wrong: "BROKEN"},
		"unknown member":         {env: map[string]string{"STANDARDS": `{"ACME":{"short":"Acme"}}`}, wrong: "STANDARDS"},
		"batch too small":        {env: map[string]string{"MAX_BATCH_BYTES": "59999"}, wrong: "MAX_BATCH_BYTES"},
		"quarantine not a share": {env: map[string]string{"MAX_QUARANTINE": "NaN%"}, wrong: "MAX_QUARANTINE"},
		"quarantine over all":    {env: map[string]string{"MAX_QUARANTINE": "101%"}, wrong: "MAX_QUARANTINE"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Load(environment(c.env))
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("error %v does not say %q", err, c.wrong)
				}
				return
			}
			if err != nil || !c.check(f) {
				t.Errorf("got %+v %v", f, err)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	if v := Variables(); len(v) != 31 || !slices.Contains(v, "STANDARDS") || !slices.IsSorted(v) {
		t.Errorf("%v", v)
	}
}
