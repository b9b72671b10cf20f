package collectorconfig

import (
	"maps"
	"strings"
	"testing"
	"time"
)

func TestPeriod(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]time.Duration{ // 0: not known
		"rate(1 day)": day, "rate(6 hours)": 6 * time.Hour, "rate(1 minute)": time.Minute, "rate(90 minutes)": 90 * time.Minute,
		"cron(0 2 * * ? *)": day, "cron(0 4 ? * MON-FRI *)": day, "cron(0 4 ? * SUN *)": 7 * day, "cron(0 4 ? * 2,5 *)": 3 * day,
		"cron(0 0/6 * * ? *)": 6 * time.Hour, "cron(0 2,14 * * ? *)": 12 * time.Hour, "cron(0 20,23 * * ? *)": 3 * time.Hour,
		"cron(0/15 * * * ? *)": 15 * time.Minute, "cron(*/20 8-9 ? * sat *)": 20 * time.Minute, "cron(0 23,1 * * ? *)": 2 * time.Hour,
		"cron(0 2 1 * ? *)": 28 * day, "cron(0 2 1,16 * ? 2027)": 13 * day, "cron(0 2 29 FEB ? *)": 1461 * day, "cron(0 2 1 1 ? *)": 365 * day,
		"": 0, "cron(0 2 L * ? *)": 0, "cron(0 2 ? * 6#1 *)": 0, "cron(0 2 * *)": 0, "at(2026-11-22T02:00:00)": 0, "rate(0 days)": 0, "rate(x days)": 0,
		"cron(0 25 * * ? *)": 0, "cron(0 9-8 * * ? *)": 0, "cron(0/0 2 * * ? *)": 0, "cron(0 2 30 FEB ? *)": 0, "rate(1 day": 0, "nightly": 0,
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			if got, known := Period(expression); got != want && known || known != (want > 0) {
				t.Errorf("%s, %t; want %s", got, known, want)
			}
		})
	}
}

// A ScanTimeout longer than the period is refused: one system that hangs would keep all
// others from being analysed.
func TestScanTimeoutEndsBeforeTheNextStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout, schedule string
		refused           bool
	}{
		"four days, nightly":      {"96h", "cron(0 2 * * ? *)", true},
		"the default, each hour":  {"", "rate(1 hour)", true},
		"the default, nightly":    {"", "cron(0 2 * * ? *)", false},
		"as long as it is":        {"24h", "rate(1 day)", false},
		"a second more":           {"24h0m1s", "rate(1 day)", true},
		"four days, weekly":       {"96h", "cron(0 2 ? * SAT *)", false},
		"four days, not known":    {"96h", "cron(0 2 L * ? *)", false},
		"four days, none is told": {"96h", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pairs := map[string]string{"ARCHIVE_BUCKET": "b", "RUNECAST_URL": "https://rc.example", "RUNECAST_SECRET_ID": "s"}
			maps.Copy(pairs, map[string]string{"SCAN_TIMEOUT": c.timeout, "SCHEDULE": c.schedule})
			_, err := Load(getter(pairs))
			if (err != nil) != c.refused || err != nil && (!strings.Contains(err.Error(), "SCAN_TIMEOUT") || !strings.Contains(err.Error(), c.schedule)) {
				t.Errorf("%v", err)
			}
		})
	}
}
