package archive_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
)

// The label of a system is read back from its key, whatever the system's name is.
func TestRawLabel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id, name := rapid.String().Draw(t, "id"), rapid.String().Draw(t, "name")
		want := archive.LabelOf(id, name)
		key := archive.RawKey(time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), "20261122T020000Z-4f3a", id, name)
		if got, ok := archive.RawLabel(key); !ok || got != want || want.Slug == "" || len(want.Hash) != 8 {
			t.Errorf("%s gives %+v, %v; want %+v", key, got, ok, want)
		}
	})
	for _, key := range []string{
		"", "raw/v1/", "raw/v1/x.json.gz", "raw/v1/-12345678.json.gz", "raw/v1/a-1234567.json.gz", "raw/v1/a-12345678.json",
		"raw/manual/a-12345678.json.gz", "delivery/raw/v1/a-12345678.json.gz",
	} {
		if label, ok := archive.RawLabel(key); ok {
			t.Errorf("%q gives %+v", key, label)
		}
	}
}

func TestAnalysisStart(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"raw/v1/dt=2026-11-22/run=20261122T020304Z-4f3a/a-12345678.json.gz": "2026-11-22T02:03:04Z",
		"raw/v1/dt=2026-11-22/run=20261121T235959Z-4f3a/a-12345678.json.gz": "2026-11-22T00:00:00Z", // began late
		"raw/v1/dt=2026-11-22/run=x/a-12345678.json.gz":                     "2026-11-22T00:00:00Z",
		"raw/v1/dt=2026-11-22/a":                                            "2026-11-22T00:00:00Z",
		"raw/v1/dt=2026-11-32/run=20261122T020304Z-4f3a/a-12345678.json.gz": "",
		"raw/manual/dt=2026-11-22/run=20261122T020304Z-4f3a/a":              "",
	} {
		got := ""
		if at, ok := archive.AnalysisStart(key); ok {
			got = at.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s began at %q, want %q", key, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("", -3600))
	for name, c := range map[string]struct{ id, system, want string }{
		"plain":   {"44c4a75d", "vc1.example", "raw/v1/dt=2026-11-23/run=r/vc1.example-"},
		"slashes": {"/subscriptions/1/../..", "/a//b/../é ü", "raw/v1/dt=2026-11-23/run=r/a-b-"},
		"no name": {"x", "日本", "raw/v1/dt=2026-11-23/run=r/system-"},
		"long":    {"x", strings.Repeat("n", 300), "raw/v1/dt=2026-11-23/run=r/" + strings.Repeat("n", 40) + "-"},
	} {
		got := archive.RawKey(at, "r", c.id, c.system)
		if !strings.HasPrefix(got, c.want) || len(got) != len(c.want)+len("01234567.json.gz") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if archive.RawKey(at, "r", "a", "n") == archive.RawKey(at, "r", "b", "n") {
		t.Error("two systems of one name share a key")
	}
}

// The key of a roll-up has the prefix of the registers, so that the same rights and
// lifecycle apply, and is not taken for that of a register.
func TestRollupKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		register, rollup := archive.RegisterKey(id), archive.RollupKey(id)
		if rollup != strings.TrimSuffix(register, ".json")+"/rules.json" || !archive.IsRegister(register) || archive.IsRegister(rollup) {
			t.Errorf("%s beside %s", rollup, register)
		}
	})
}
