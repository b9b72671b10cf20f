// Package config turns the environment into typed settings. It promises to
// name every fault at once, each with the values allowed, and to refuse a
// value that it does not know rather than guess.
package config

import (
	"log/slog"
	"net/url"
	"time"
)

// Common are the settings of both functions.
type Common struct {
	// Bucket is the archive.
	Bucket string
	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// S3PathStyle addresses buckets by path; for local S3 servers.
	S3PathStyle bool
	// AllowLoopback permits endpoints on this machine; for the local stack.
	AllowLoopback bool
}

// Collector are the settings of the collector.
type Collector struct {
	Common
	// URL is the appliance's base address.
	URL *url.URL
	// SecretID names the secret with the appliance's token.
	SecretID string
	// API is auto, v1 or v2.
	API string
	// Systems limits runs to these names or ids; empty: all.
	Systems []string
	// SystemTypes overrides the type of a system, by name or id.
	SystemTypes map[string]string
	// ScanPath is the path template of the trigger, with {id}; empty: the API's default.
	ScanPath string
	// AllObjects asks v2 for objects that passed, too.
	AllObjects bool
	// ScanTimeout is how long a run may take; at least 5 s.
	ScanTimeout time.Duration
	// PollInterval is the time between two looks at the scan status; at least 1 s.
	PollInterval time.Duration
}

// Forwarder are the settings of the forwarder.
type Forwarder struct {
	Common
	// URL is the full ingest address.
	URL *url.URL
	// URLNote says what was changed about the address given; may be empty.
	URLNote string
	// SecretID names the secret with the API token.
	SecretID string
	// Delivery is exactly-once or at-least-once.
	Delivery string
	// MaxBatchBytes bounds a request's body; at least 60,000.
	MaxBatchBytes int
	// MaxQuarantine is the share of a scan's events, 0 to 1, that may be refused before it is not committed.
	MaxQuarantine float64
	// SendConcurrency is the number of requests in flight; 1 to 64.
	SendConcurrency int
	// Notices puts a notice of each committed scan onto the default event bus.
	Notices bool
	// Mapping says which events are made of a result.
	Mapping Mapping
}

// Mapping are the settings of the mapping.
type Mapping struct {
	// EventModel is both, xspm or external.
	EventModel string
	// IncludeResults are the statuses to send: FAILED, MANUAL, PASSED, NOT_RELEVANT.
	IncludeResults []string
	// IncludeTypes are profile codes sent beside the default selection; upper case.
	IncludeTypes []string
	// ExcludeTypes are profile codes not sent; upper case.
	ExcludeTypes []string
	// MinSeverity is LOW, MEDIUM, HIGH or CRITICAL.
	MinSeverity string
	// Evidence sends the values that led to a result.
	Evidence bool
	// OriginalContent sends the appliance's own JSON along.
	OriginalContent bool
	// Coverage of the external model is system, object or none.
	Coverage string
	// PassedObjects sends a passed rule once per system, or per object.
	PassedObjects string
	// Standards extend the table of standards, by profile code.
	Standards map[string]Standard
}

// Standard is how a profile code is shown.
type Standard struct {
	// ShortName is what the dashboard groups by: "CIS", "DISA STIG".
	ShortName string `json:"shortName"`
	// Name is the versioned name.
	Name string `json:"name"`
	// URL leads to the standard's text.
	URL string `json:"url"`
	// Prefix begins the ids of its rules: "CIS", "STIG".
	Prefix string `json:"prefix"`
}

// LoadCollector reads the collector's settings; getenv is os.Getenv.
func LoadCollector(getenv func(string) string) (Collector, error) {
	e := &env{get: getenv}
	c := Collector{
		Common:       common(e),
		SecretID:     e.required("RUNECAST_SECRET_ID", "the ARN of the secret with the appliance's API token"),
		API:          e.oneOf("RUNECAST_API", "auto", "auto", "v1", "v2"),
		Systems:      e.list("RUNECAST_SYSTEMS", ""),
		ScanPath:     e.scanPath("RUNECAST_SCAN_PATH"),
		AllObjects:   e.oneOf("RUNECAST_ALL_OBJECTS", "false", "false", "true") == "true",
		ScanTimeout:  e.duration("SCAN_TIMEOUT", 5*time.Hour+30*time.Minute, 5*time.Second),
		PollInterval: e.duration("POLL_INTERVAL", 30*time.Second, time.Second),
	}
	e.object("RUNECAST_SYSTEM_TYPES", &c.SystemTypes)
	c.URL = e.endpoint("RUNECAST_URL", c.AllowLoopback, "https://runecast.example.com")
	return c, e.err()
}

// LoadForwarder reads the forwarder's settings; getenv is os.Getenv.
func LoadForwarder(getenv func(string) string) (Forwarder, error) {
	e := &env{get: getenv}
	c := Forwarder{
		Common:          common(e),
		SecretID:        e.required("OPENPIPELINE_SECRET_ID", "the ARN of the secret with the API token"),
		Delivery:        e.oneOf("DELIVERY", "exactly-once", "exactly-once", "at-least-once"),
		MaxBatchBytes:   e.integer("MAX_BATCH_BYTES", 9_500_000, 60_000, 10_000_000),
		MaxQuarantine:   e.percent("MAX_QUARANTINE", "1%"),
		SendConcurrency: e.integer("SEND_CONCURRENCY", 4, 1, 64),
		Notices:         e.oneOf("NOTICES", "off", "off", "on") == "on",
	}
	c.Mapping = mapping(e)
	c.URL, c.URLNote = ingestURL(e.endpoint("OPENPIPELINE_URL", c.AllowLoopback, "https://abc12345.live.dynatrace.com"))
	return c, e.err()
}

// LoadMapping reads the settings of the mapping alone; getenv is os.Getenv.
func LoadMapping(getenv func(string) string) (Mapping, error) {
	e := &env{get: getenv}
	m := mapping(e)
	return m, e.err()
}

func mapping(e *env) Mapping {
	var m Mapping
	m.EventModel = e.oneOf("EVENT_MODEL", "both", "both", "xspm", "external")
	results := "FAILED,MANUAL,PASSED"
	if m.EventModel == "external" {
		results = "FAILED" // official queries of this model take every other row for a failure
	}
	m.IncludeResults = e.results("INCLUDE_RESULTS", results)
	m.IncludeTypes = upper(e.list("INCLUDE_TYPES", ""))
	m.ExcludeTypes = upper(e.list("EXCLUDE_TYPES", ""))
	m.MinSeverity = e.oneOf("MIN_SEVERITY", "LOW", "LOW", "MEDIUM", "HIGH", "CRITICAL")
	m.Evidence = e.oneOf("EVIDENCE", "on", "on", "off") == "on"
	m.OriginalContent = e.oneOf("ORIGINAL_CONTENT", "off", "off", "on") == "on"
	m.Coverage = e.oneOf("COVERAGE", "system", "system", "object", "none")
	m.PassedObjects = e.oneOf("PASSED_OBJECTS", "system", "system", "object")
	e.object("STANDARDS", &m.Standards)
	return m
}

func common(e *env) Common {
	return Common{
		Bucket:        e.required("ARCHIVE_BUCKET", "the name of the archive bucket"),
		LogLevel:      e.level("LOG_LEVEL"),
		S3PathStyle:   e.oneOf("S3_PATH_STYLE", "false", "false", "true") == "true",
		AllowLoopback: e.oneOf("ALLOW_LOOPBACK", "false", "false", "true") == "true",
	}
}

// CollectorVariables names every variable that LoadCollector reads.
func CollectorVariables() []string {
	return variables(func(get func(string) string) { _, _ = LoadCollector(get) })
}

// ForwarderVariables names every variable that LoadForwarder reads.
func ForwarderVariables() []string {
	return variables(func(get func(string) string) { _, _ = LoadForwarder(get) })
}
