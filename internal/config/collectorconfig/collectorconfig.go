// Package collectorconfig reads the collector's settings from the environment. It
// promises what package config does.
package collectorconfig

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/runecast"
)

// Settings are the settings of the collector.
type Settings struct {
	config.Common
	// URL is the appliance's base address.
	URL *url.URL
	// SecretID names the secret with the appliance's token.
	SecretID string
	// API is auto, v1 or v2.
	API string
	// Systems are the names or ids of the systems that runs are limited to; empty: all.
	Systems []string
	// SystemTypes overrides the type of a system, by name or id.
	SystemTypes map[string]string
	// ScanPath is the path template of the trigger, with {id}; empty: the API's default.
	ScanPath string
	// AllObjects asks API v2 also for the objects that passed.
	AllObjects bool
	// ScanTimeout is how long a run may take; at least 5 s, and at most Period if that is
	// known.
	ScanTimeout time.Duration
	// Schedule is the schedule expression by which EventBridge Scheduler starts runs;
	// empty: not known. Period is the shortest time between two starts; 0: not known.
	Schedule string
	Period   time.Duration
	// PollInterval is the time between two looks at the scan status; at least 1 s.
	PollInterval time.Duration
}

// Load reads the settings; getenv is os.Getenv. The error names every fault.
func Load(getenv func(string) string) (Settings, error) {
	e := config.New(getenv)
	s := Settings{
		Common:       e.Common(),
		SecretID:     e.Required("RUNECAST_SECRET_ID", "the ARN of the secret with the appliance's API token"),
		API:          config.OneOf(e, "RUNECAST_API", appliance.Auto, "v1", "v2"),
		Systems:      e.List("RUNECAST_SYSTEMS"),
		ScanPath:     e.PathTemplate("RUNECAST_SCAN_PATH", "/rc2/api/v1/scan/{id}"),
		AllObjects:   e.Switch("RUNECAST_ALL_OBJECTS", "false", "true"),
		ScanTimeout:  e.Duration("SCAN_TIMEOUT", 5*time.Hour+30*time.Minute, 5*time.Second),
		PollInterval: e.Duration("POLL_INTERVAL", 30*time.Second, time.Second),
	}
	s.Schedule = strings.TrimSpace(getenv("SCHEDULE"))
	if period, known := Period(s.Schedule); known {
		s.Period = period
	}
	if s.Period > 0 && s.ScanTimeout > s.Period {
		e.Refuse("SCAN_TIMEOUT", fmt.Sprintf("%s is longer than the %s between two starts of the schedule %s: one system that hangs would keep all others from being analysed",
			s.ScanTimeout, s.Period, s.Schedule), "set it to less than "+s.Period.String()+", or let the schedule start less often")
	}
	s.SystemTypes = systemTypes(e)
	s.URL = e.Endpoint("RUNECAST_URL", s.AllowLoopback, "https://runecast.example.com")
	return s, e.Err()
}

// systemTypes reads the types of systems, in upper or lower case, and refuses a type
// that is not known.
func systemTypes(e *config.Env) map[string]string {
	const variable = "RUNECAST_SYSTEM_TYPES"
	var types map[string]string
	e.Object(variable, &types)
	for _, system := range slices.Sorted(maps.Keys(types)) {
		kind := strings.ToUpper(strings.TrimSpace(types[system]))
		if !slices.Contains(runecast.KnownTypes(), kind) {
			e.Refuse(variable, fmt.Sprintf("the type %q of %q is not known", types[system], system), "use one of "+strings.Join(runecast.KnownTypes(), ", "))
		}
		types[system] = kind
	}
	return types
}

// Variables returns the names of all variables that Load reads, sorted.
func Variables() []string {
	return config.Variables(func(get func(string) string) { _, _ = Load(get) })
}
