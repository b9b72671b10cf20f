package collectorconfig

import (
	"log/slog"
	"maps"
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

// A system gets no other type than the dashboard knows.
func TestSystemTypes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want map[string]string // nil: it is refused
	}{
		"by name and id": {`{"vc1.example":"VCENTER","2788":"KUBERNETES_CLUSTER"}`, map[string]string{"vc1.example": "VCENTER", "2788": "KUBERNETES_CLUSTER"}},
		"in small print": {`{"vc1":" vcenter "}`, map[string]string{"vc1": "VCENTER"}},
		"not known":      {`{"vc1":"VSPHERE"}`, nil},
		"none":           {`{"vc1":""}`, nil},
		"null":           {`{"vc1":null}`, nil},
		"the unknown":    {`{"vc1":"UNKNOWN"}`, nil},
	} {
		s, err := Load(getter(map[string]string{"ARCHIVE_BUCKET": "b", "RUNECAST_URL": "https://rc.example", "RUNECAST_SECRET_ID": "s", "RUNECAST_SYSTEM_TYPES": c.text}))
		if c.want != nil && (err != nil || !maps.Equal(s.SystemTypes, c.want)) {
			t.Errorf("%s: %v, %v", name, s.SystemTypes, err)
		}
		if c.want == nil && (err == nil || !strings.Contains(err.Error(), `of "vc1" is not known: use one of VCENTER, AWS`)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	if v := Variables(); len(v) != 19 || !slices.Contains(v, "RUNECAST_SCAN_PATH") || !slices.IsSorted(v) {
		t.Errorf("%v", v)
	}
}
