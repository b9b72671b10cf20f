package config

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func getter(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func collectorEnv(more map[string]string) func(string) string {
	m := map[string]string{"ARCHIVE_BUCKET": "b", "RUNECAST_URL": "https://rc.example/", "RUNECAST_SECRET_ID": "s"}
	for k, v := range more {
		m[k] = v
	}
	return getter(m)
}

func forwarderEnv(more map[string]string) func(string) string {
	m := map[string]string{"ARCHIVE_BUCKET": "b", "OPENPIPELINE_URL": "https://abc.live.dynatrace.com", "OPENPIPELINE_SECRET_ID": "s"}
	for k, v := range more {
		m[k] = v
	}
	return getter(m)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := LoadCollector(collectorEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.URL.String() != "https://rc.example" || c.API != "auto" || c.ScanTimeout != 5*time.Hour+30*time.Minute ||
		c.PollInterval != 30*time.Second || c.AllObjects || c.LogLevel != slog.LevelInfo {
		t.Errorf("collector: %+v", c)
	}
	f, err := LoadForwarder(forwarderEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if f.URL.String() != "https://abc.live.dynatrace.com/platform/ingest/v1/security.events" || f.URLNote != "" ||
		f.MaxBatchBytes != 9_500_000 || f.MaxQuarantine != 0.01 || f.SendConcurrency != 4 || f.Delivery != "exactly-once" ||
		f.Mapping.EventModel != "both" || !f.Mapping.Evidence || !slices.Equal(f.Mapping.IncludeResults, []string{"FAILED", "MANUAL", "PASSED"}) {
		t.Errorf("forwarder: %+v", f)
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := LoadCollector(getter(map[string]string{
		"RUNECAST_API": "v3", "POLL_INTERVAL": "10ms", "SCAN_TIMEOUT": "soon", "LOG_LEVEL": "loud", "RUNECAST_SYSTEM_TYPES": `["x"]`,
		"RUNECAST_URL": "http://rc.example", "RUNECAST_SCAN_PATH": "scan", "S3_PATH_STYLE": "perhaps",
	}))
	for _, name := range []string{"ARCHIVE_BUCKET", "RUNECAST_SECRET_ID", "RUNECAST_API", "POLL_INTERVAL", "SCAN_TIMEOUT", "LOG_LEVEL",
		"RUNECAST_SYSTEM_TYPES", "RUNECAST_URL", "RUNECAST_SCAN_PATH", "S3_PATH_STYLE"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestForwarderValues(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env   map[string]string
		wrong string
		check func(Forwarder) bool
	}{
		"apps host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.apps.dynatrace.com/"},
			check: func(f Forwarder) bool { return f.URL.Host == "abc.live.dynatrace.com" && f.URLNote != "" }},
		"apps host in capitals": {env: map[string]string{"OPENPIPELINE_URL": "HTTPS://ABC12345.Apps.Dynatrace.COM"},
			check: func(f Forwarder) bool {
				return f.URL.String() == "https://abc12345.live.dynatrace.com/platform/ingest/v1/security.events" && strings.Contains(f.URLNote, "sending to abc12345.live.dynatrace.com")
			}},
		"live host in capitals": {env: map[string]string{"OPENPIPELINE_URL": "https://Abc12345.LIVE.dynatrace.com:443/e/Abc"},
			check: func(f Forwarder) bool {
				return f.URL.Host == "abc12345.live.dynatrace.com:443" && strings.HasPrefix(f.URL.Path, "/e/Abc/") && f.URLNote == ""
			}},
		"lab's apps host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.sprint.apps.dynatracelabs.com"},
			check: func(f Forwarder) bool { return f.URL.Host == "abc.sprint.dynatracelabs.com" && f.URLNote != "" }},
		"lab's host": {env: map[string]string{"OPENPIPELINE_URL": "https://abc.sprint.dynatracelabs.com"},
			check: func(f Forwarder) bool { return f.URL.Host == "abc.sprint.dynatracelabs.com" && f.URLNote == "" }},
		"full ingest url": {env: map[string]string{"OPENPIPELINE_URL": "https://a.example/platform/ingest/custom/security.events/rc"},
			check: func(f Forwarder) bool { return f.URL.Path == "/platform/ingest/custom/security.events/rc" }},
		"activegate": {env: map[string]string{"OPENPIPELINE_URL": "https://ag.example:9999/e/abc"},
			check: func(f Forwarder) bool { return f.URL.Path == "/e/abc/platform/ingest/v1/security.events" }},
		"external sends failures only": {env: map[string]string{"EVENT_MODEL": "external"},
			check: func(f Forwarder) bool { return slices.Equal(f.Mapping.IncludeResults, []string{"FAILED"}) }},
		"all results": {env: map[string]string{"INCLUDE_RESULTS": "all"},
			check: func(f Forwarder) bool { return len(f.Mapping.IncludeResults) == 4 }},
		"standards": {env: map[string]string{"STANDARDS": `{"ACME":{"shortName":"Acme","prefix":"AC"}}`},
			check: func(f Forwarder) bool { return f.Mapping.Standards["ACME"].Prefix == "AC" }},
		"case of enums": {env: map[string]string{"LOG_LEVEL": "WARN", "MIN_SEVERITY": "high"},
			check: func(f Forwarder) bool { return f.LogLevel == slog.LevelWarn && f.Mapping.MinSeverity == "HIGH" }},
		"no notices":   {check: func(f Forwarder) bool { return !f.Notices }},
		"notices":      {env: map[string]string{"NOTICES": "On"}, check: func(f Forwarder) bool { return f.Notices }},
		"some notices": {env: map[string]string{"NOTICES": "some"}, wrong: "NOTICES"},
		"loopback http": {env: map[string]string{"OPENPIPELINE_URL": "http://127.0.0.1:8080", "ALLOW_LOOPBACK": "true"},
			check: func(f Forwarder) bool { return f.URL.Scheme == "http" }},
		"loopback http not allowed": {env: map[string]string{"OPENPIPELINE_URL": "http://127.0.0.1:8080"}, wrong: "https"},
		"token in url":              {env: map[string]string{"OPENPIPELINE_URL": "https://a.example/?api-token=x"}, wrong: "query"},
		"unknown result":            {env: map[string]string{"INCLUDE_RESULTS": "FAILED,BROKEN"}, wrong: "BROKEN"},
		"unknown member":            {env: map[string]string{"STANDARDS": `{"ACME":{"short":"Acme"}}`}, wrong: "STANDARDS"},
		"batch too small":           {env: map[string]string{"MAX_BATCH_BYTES": "59999"}, wrong: "MAX_BATCH_BYTES"},
		"quarantine not a share":    {env: map[string]string{"MAX_QUARANTINE": "NaN%"}, wrong: "MAX_QUARANTINE"},
		"quarantine over all":       {env: map[string]string{"MAX_QUARANTINE": "101%"}, wrong: "MAX_QUARANTINE"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := LoadForwarder(forwarderEnv(c.env))
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

func TestVariablesAreComplete(t *testing.T) {
	t.Parallel()
	if v := CollectorVariables(); len(v) != 13 || !slices.Contains(v, "RUNECAST_SCAN_PATH") {
		t.Errorf("collector reads %v", v)
	}
	if v := ForwarderVariables(); len(v) != 21 || !slices.Contains(v, "STANDARDS") {
		t.Errorf("forwarder reads %v", v)
	}
}
