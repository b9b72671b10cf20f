package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
)

// folder makes a bucket with these objects.
func folder(t *testing.T, objects map[string]string) bucket {
	t.Helper()
	b := bucket(t.TempDir())
	for key, text := range objects {
		if err := os.MkdirAll(filepath.Dir(b.path(key)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.path(key), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestDeliveriesPairsRawObjectsWithTheirState(t *testing.T) {
	t.Parallel()
	b := folder(t, map[string]string{
		"raw/v1/dt=2026-11-22/run=r1/a-1.json.gz":               "aa",
		"raw/v1/dt=2026-11-22/run=r1/b-2.json.gz":               "bbb",
		"raw/v1/dt=2026-11-22/run=r2/a-1.json.gz":               "",
		"raw/manual/x.json":                                     "",
		"delivery/raw/v1/dt=2026-11-22/run=r1/a-1.json.gz.json": `{"state":"complete","mapped":7,"later":true}`,
		"delivery/raw/v1/dt=2026-11-22/run=r1/b-2.json.gz.json": `{"state":"sending","reason":"r"}`,
		"delivery/raw/v1/dt=2026-11-22/run=r2/a-1.json.gz.json": `{"state":"fai`, // being written
		"delivery/raw/v1/dt=2026-11-22/run=r0/old.json.gz.json": `{"state":"complete"}`,
		"runs/active.json":                                      `{"id":"r1","systems":[{"state":"archived"},{"state":"scanning"},{"state":"scanning"}]}`,
	})
	all, err := b.deliveries()
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		name          string
		final, ofRun1 bool
	}
	var got []line
	for _, d := range all {
		got = append(got, line{d.name(), d.Final(), d.ofRun("r1")})
	}
	want := []line{{"x.json", false, false}, {"a-1", true, true}, {"b-2", false, true}, {"a-1", false, false}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); d != "" {
		t.Error(d)
	}
	if all[1].Mapped != 7 || all[2].Reason != "r" {
		t.Errorf("documents %+v %+v", all[1], all[2])
	}
	if b.size("raw/v1/dt=2026-11-22/run=r1/b-2.json.gz") != 3 || b.size("raw/nothing") != 0 {
		t.Error("sizes")
	}
	n := count(b.run())
	if n["scanning"] != 2 || n["archived"] != 1 || n.total() != 3 {
		t.Errorf("states %v", n)
	}
}

func TestAnEmptyBucketHasNothing(t *testing.T) {
	t.Parallel()
	b := bucket(filepath.Join(t.TempDir(), "none"))
	if all, err := b.deliveries(); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	if count(b.run()).total() != 0 {
		t.Error("a run in an empty bucket")
	}
}

func TestUndeliveredNamesTheReason(t *testing.T) {
	t.Parallel()
	dead := []trigger.Dead{{Key: "raw/b", Err: errors.New("given up")}}
	for name, c := range map[string]struct {
		key, state, reason, want string
		givenUp                  bool
	}{
		"of the forwarder":   {"raw/b", "sending", "401", "401", true},
		"of the last try":    {"raw/b", "", "", "given up", true},
		"no event":           {"raw/a", "", "", "no event of it", false},
		"left while sending": {"raw/a", "sending", "", "without a reason", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := []delivery{{key: c.key, Delivery: archive.Delivery{Scan: archive.Scan{State: c.state, Reason: c.reason}}}}
			if err := undelivered(open, dead); !strings.Contains(err.Error(), "1 raw objects") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if givenUp(open, dead) != c.givenUp {
				t.Error("given up?")
			}
		})
	}
}
