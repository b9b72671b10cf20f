package notice_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/securityevent"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestNotices(t *testing.T) {
	t.Parallel()
	const eight = "CIS-1:PASSED CIS-2:PASSED CIS-3:PASSED CIS-4:PASSED CIS-5:PASSED CIS-6:PASSED CIS-7:PASSED CIS-8:PASSED CIS-9:FAILED CIS-10:MANUAL"
	const six = "CIS-1:PASSED CIS-2:PASSED CIS-3:PASSED CIS-4:PASSED CIS-5:PASSED CIS-6:PASSED CIS-7:FAILED CIS-8:FAILED CIS-9:FAILED CIS-10:MANUAL"
	before, now := scan(1, eight), scan(2, six)
	settings := scan(2, six+" DORA-1:PASSED")
	settings.Mapping = "another"
	handMade := scan(2, six)
	handMade.RawKey = "raw/manual/vc1/saved.json"
	handMade.Order.Run = handMade.RawKey
	unlicensed := scan(2, six)
	unlicensed.Unlicensed = 12
	hostile := scanOf(2, map[string]securityevent.Status{"CIS-1\nall clear": securityevent.Failed, "\u202e2-SIC": securityevent.Failed})
	hostile.System.Name = "vc1\nRunecast vc2: posture 100 %"
	first, _ := notice.Next(archive.Rollup{}, now, archive.Commit{})
	overtaken, _ := notice.Next(now, before, archive.Commit{})
	nothing, _ := notice.Next(archive.Rollup{}, now, commit(&before))
	for name, c := range map[string]struct {
		rollup archive.Rollup
		forced bool
		before *archive.Arrival
	}{
		"worse":      {next(t, before, now), false, nil},
		"better":     {next(t, scanAt(now, before.Timestamp), scanAt(before, now.Timestamp)), true, nil},
		"unchanged":  {next(t, before, scan(2, eight)), false, nil},
		"first":      {first, false, nil},
		"overtaken":  {overtaken, false, nil},
		"nothing":    {nothing, false, nil},
		"settings":   {next(t, before, settings), false, nil},
		"many":       {next(t, before, scanOf(2, rules(30, securityevent.Failed))), false, nil},
		"too-many":   {next(t, before, scanOf(2, rules(20_001, securityevent.Failed))), false, nil},
		"hand-made":  {next(t, before, handMade), false, nil},
		"unlicensed": {next(t, before, unlicensed), false, nil},
		"hostile":    {next(t, before, hostile), false, nil},
		"proven":     {next(t, before, now), false, &archive.Arrival{State: archive.ArrivalProven, Expected: 1250, Indexed: 1250}},
		"missing":    {next(t, before, now), false, &archive.Arrival{State: archive.ArrivalShort, Expected: 1250, Indexed: 1240, Doubled: 2}},
		"no-event":   {next(t, before, now), false, &archive.Arrival{State: archive.ArrivalShort, Expected: 1250, Indexed: 1250}},
		"doubled":    {next(t, before, now), false, &archive.Arrival{State: archive.ArrivalOver, Expected: 1250, Indexed: 1253, Doubled: 3}},
		"unknown":    {next(t, before, now), false, &archive.Arrival{State: archive.ArrivalUnknown, Expected: 1250}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(notice.Of(&c.rollup, "runecast-ingest-123456789012-eu-central-1", c.forced, c.before), jsontext.WithIndent(" "))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", string(got)+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("- %s, + now (-update writes it):\n%s", path, d)
	}
}

// Whatever the names of systems and rules are, the bus takes the event (256 KB), a chat
// takes the message (8,000 characters), and no name makes a line of its own.
func TestNoticesAreBounded(t *testing.T) {
	t.Parallel()
	any3000 := rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes")), rapid.IntRange(0, 100).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		r := scan(1, "")
		r.System = archive.System{ID: any3000.Draw(t, "id"), Name: any3000.Draw(t, "name"), Type: any3000.Draw(t, "type")}
		r.Unlicensed = rapid.IntRange(0, 1<<40).Draw(t, "unlicensed")
		r.Order.Run, r.RawKey = any3000.Draw(t, "run"), any3000.Draw(t, "key")
		r.Change.NewlyFailed = list(rapid.SliceOfN(any3000, 0, 30).Draw(t, "failed")...)
		r.Change.NewlyPassed = list(rapid.SliceOfN(any3000, 0, 30).Draw(t, "passed")...)
		n := notice.Of(&r, "bucket", false, &archive.Arrival{State: archive.ArrivalShort, Expected: rapid.Int64().Draw(t, "expected"), Indexed: rapid.Int64().Draw(t, "indexed")})
		detail, err := json.Marshal(n)
		if err != nil || len(detail) > 64<<10 {
			t.Fatalf("%d bytes, %v", len(detail), err)
		}
		if utf8.RuneCountInString(n.Text) > 8000 || !utf8.ValidString(n.Text) || len(n.Title) > 400 || strings.ContainsFunc(n.Title, unicode.IsControl) {
			t.Fatalf("%d characters under %q", utf8.RuneCountInString(n.Text), n.Title)
		}
		if lines := strings.Count(n.Text, "\n"); lines > 6 {
			t.Fatalf("%d lines:\n%s", lines, n.Text)
		}
	})
}
