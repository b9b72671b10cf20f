// Package forwarderconfig reads the forwarder's settings from the environment. It
// promises what package config does.
package forwarderconfig

import (
	"fmt"
	"net/url"
	"strings"

	"runecast-ingest/internal/config"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

// Settings are the settings of the forwarder.
type Settings struct {
	config.Common
	deliver.Settings
	// URL is the full ingest address.
	URL *url.URL
	// URLNote says how URL differs from the address that was set; empty: it does not, or
	// only by the path of the ingest.
	URLNote string
	// SecretID names the secret with the API token.
	SecretID string
	// GrailURL is the environment's address of the query service; nil: not known.
	// GrailBucket is the bucket into which the ingest puts events; empty: not known.
	GrailURL    *url.URL
	GrailBucket string
	// ResendMissing sends a scan again, once, if rows of it have not arrived.
	ResendMissing bool
	// Notices puts a notice of each committed scan onto the default event bus.
	Notices bool
}

// Load reads the settings; getenv is os.Getenv. The error names every fault.
func Load(getenv func(string) string) (Settings, error) {
	e := config.New(getenv)
	s := Settings{
		Common:        e.Common(),
		SecretID:      e.Required("OPENPIPELINE_SECRET_ID", "the ARN of the secret with the API token"),
		Notices:       e.Switch("NOTICES", "off", "on"),
		ResendMissing: e.Switch("RESEND_MISSING", "off", "on"),
		Settings: deliver.Settings{
			Delivery:        config.OneOf(e, "DELIVERY", deliver.ExactlyOnce, deliver.AtLeastOnce),
			MaxBatchBytes:   e.Integer("MAX_BATCH_BYTES", 9_500_000, 60_000, 10_000_000),
			MaxQuarantine:   e.Percent("MAX_QUARANTINE", "1%"),
			SendConcurrency: e.Integer("SEND_CONCURRENCY", 4, 1, 64),
			Mapping:         mappingOf(e),
		},
	}
	s.URL, s.URLNote = ingestURL(e, e.Endpoint("OPENPIPELINE_URL", s.AllowLoopback, "https://abc12345.live.dynatrace.com"))
	s.GrailURL = grailURL(e.OptionalEndpoint("GRAIL_URL", s.AllowLoopback, "https://abc12345.apps.dynatrace.com"), s.URL)
	if s.URL != nil && strings.HasSuffix(s.URL.Path, ingestPath) {
		s.GrailBucket = grail.Bucket
	}
	return s, e.Err()
}

// LoadMapping reads the settings of the mapping only; getenv is os.Getenv. The error
// names every fault.
func LoadMapping(getenv func(string) string) (mapping.Settings, error) {
	e := config.New(getenv)
	m := mappingOf(e)
	return m, e.Err()
}

func mappingOf(e *config.Env) mapping.Settings {
	var m mapping.Settings
	m.EventModel = config.OneOf(e, "EVENT_MODEL", securityevent.Both, securityevent.XSPM, securityevent.External)
	m.Fields = config.OneOf(e, "FIELDS", securityevent.AllFields, securityevent.LeanFields)
	results := []securityevent.Status{securityevent.Failed, securityevent.Manual, securityevent.Passed}
	if m.EventModel == securityevent.External {
		results = results[:1] // Dynatrace's own queries of this model take every row for a failure
	}
	m.IncludeResults = config.SomeOf(e, "INCLUDE_RESULTS", results, securityevent.Failed, securityevent.Manual, securityevent.Passed, securityevent.NotRelevant)
	m.IncludeTypes = config.Upper(e.List("INCLUDE_TYPES"))
	m.ExcludeTypes = config.Upper(e.List("EXCLUDE_TYPES"))
	m.MinSeverity = config.OneOf(e, "MIN_SEVERITY", securityevent.Low, securityevent.Medium, securityevent.High, securityevent.Critical)
	m.Evidence = e.Switch("EVIDENCE", "on", "off")
	m.OriginalContent = e.Switch("ORIGINAL_CONTENT", "off", "on")
	m.Coverage = config.OneOf(e, "COVERAGE", mapping.CoverageSystem, mapping.CoverageObject, mapping.CoverageNone)
	m.PassedObjects = config.OneOf(e, "PASSED_OBJECTS", mapping.PassedOnSystem, mapping.PassedOnObjects)
	m.RuleTexts = config.OneOf(e, "RULE_TEXTS", mapping.TextsShort, mapping.TextsFull, mapping.TextsOff)
	m.SecurityContext = config.Parsed(e, "SECURITY_CONTEXT", mapping.ParseSecurityContext, `set it to a text, or to {"vc1.example":"team-a","AWS":"team-b"}`)
	e.Object("STANDARDS", &m.Standards)
	return m
}

// ingestPath is the built-in security-events endpoint (Dynatrace docs,
// OpenPipeline ingest API, 2025-06-24).
const ingestPath = "/platform/ingest/v1/security.events"

// ingestURL completes an environment's base address to the ingest address, and replaces
// the host of the web application by that of the API. The hosts of Dynatrace's own labs
// have no ".live." (x.sprint.apps.dynatracelabs.com). A path of the API's host that is no
// ingest's is replaced, too, as that of a page or of another API. The note says what was
// replaced. An ingest of other events than security events is refused: no dashboard
// would show what it accepts.
func ingestURL(e *config.Env, u *url.URL) (*url.URL, string) {
	if u == nil {
		return nil, ""
	}
	note := ""
	u.Host = strings.ToLower(u.Host)
	toAPI := strings.NewReplacer(".apps.dynatracelabs.", ".dynatracelabs.", ".apps.dynatrace", ".live.dynatrace")
	if host := toAPI.Replace(u.Host); host != u.Host {
		note = fmt.Sprintf("OPENPIPELINE_URL: %s serves the web application, sending to %s", u.Host, host)
		u.Host = host
		if !strings.Contains(u.Path, "/platform/ingest/") {
			u.Path, u.RawPath = "", "" // the path is that of a page of the web application
		}
	}
	_, ingest, full := strings.Cut(u.Path, "/platform/ingest/")
	switch {
	case full && !strings.Contains(ingest, "security.events") && !strings.Contains(ingest, "events.security"):
		e.Refuse("OPENPIPELINE_URL", fmt.Sprintf("its path %s is an ingest of other events than security events", u.Path), "leave the path out, or end it with "+ingestPath)
	case full:
	case u.Path != "" && strings.Contains(u.Host, ".live.dynatrace") && !strings.HasPrefix(u.Path, "/e/"):
		note = fmt.Sprintf("OPENPIPELINE_URL: the path %s is none of an ingest, sending to %s", u.Path, u.Host+ingestPath)
		u.Path, u.RawPath = ingestPath, ""
	default:
		u.Path += ingestPath
	}
	return u, note
}

// grailURL returns the address of the query service: the one that was set, or the host
// of the web application of the ingest's environment, which serves it (Dynatrace docs,
// hosts of platform services). Nil: the ingest is an ActiveGate, which has no query
// service.
func grailURL(set, ingest *url.URL) *url.URL {
	switch {
	case set != nil:
		set.Host = toApps(set.Host)
		set.Path, _, _ = strings.Cut(set.Path, "/platform/")
		return set
	case ingest == nil:
		return nil
	case ingest.Hostname() == "localhost" || strings.HasPrefix(ingest.Hostname(), "127."):
		return &url.URL{Scheme: ingest.Scheme, Host: ingest.Host}
	}
	if host := toApps(ingest.Host); host != ingest.Host {
		return &url.URL{Scheme: ingest.Scheme, Host: host}
	}
	return nil
}

// toApps returns the host of the web application for a host of the API, also of
// Dynatrace's own labs. Any other host is returned as it is, in lower case.
func toApps(host string) string {
	host = strings.ToLower(host)
	switch {
	case strings.Contains(host, ".apps.dynatrace"):
		return host
	case strings.Contains(host, ".live.dynatrace"):
		return strings.Replace(host, ".live.dynatrace", ".apps.dynatrace", 1)
	}
	return strings.Replace(host, ".dynatracelabs.", ".apps.dynatracelabs.", 1)
}

// Variables returns the names of all variables that Load reads, sorted.
func Variables() []string {
	return config.Variables(func(get func(string) string) { _, _ = Load(get) })
}
