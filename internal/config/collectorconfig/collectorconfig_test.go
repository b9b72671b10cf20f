package collectorconfig

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

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(getter(map[string]string{"ARCHIVE_BUCKET": "b", "RUNECAST_URL": "https://rc.example/", "RUNECAST_SECRET_ID": "s"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.URL.String() != "https://rc.example" || c.API != "auto" || c.ScanTimeout != 5*time.Hour+30*time.Minute ||
		c.PollInterval != 30*time.Second || c.AllObjects || c.LogLevel != slog.LevelInfo || c.Systems != nil {
		t.Errorf("%+v", c)
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(getter(map[string]string{
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

func TestVariables(t *testing.T) {
	t.Parallel()
	if v := Variables(); len(v) != 19 || !slices.Contains(v, "RUNECAST_SCAN_PATH") || !slices.IsSorted(v) {
		t.Errorf("%v", v)
	}
}
