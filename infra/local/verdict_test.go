package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/receiver"
)

func delivered(key, state string, mapped, accepted int64) delivery {
	return delivery{key: key, Delivery: archive.Delivery{Scan: archive.Scan{
		State: state, Mapped: mapped, Accepted: accepted, Quarantined: 1, Skipped: 2, Requests: 3, Reason: "why not",
	}}}
}

func system(id, name, label string, failed, manual, passed int) dashboard.System {
	return dashboard.System{ID: id, Name: name, Type: label, Tally: dashboard.Tally{Failed: failed, Manual: manual, Passed: passed}}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	long := system("2", "https://very-long-name.of-a-cluster.eu-central-1.example", "Kubernetes", 1, 0, 0)
	v := verdict{
		answer: payload.RunAnswer{RunCounts: payload.RunCounts{Systems: 2, Archived: 2, Bytes: 12_400_000}, Notice: &payload.RunNotice{Title: "Runecast analysis r: done"}},
		told:   append([]notice.Committed{{Title: "unchanged"}}, slices.Repeat([]notice.Committed{{Title: "Runecast vc1: posture 80 %", Changed: true}}, 11)...),
		deliveries: []delivery{
			delivered("raw/v1/dt=2026-11-22/run=r/a.json.gz", archive.DeliveryComplete, 10_403, 10_400),
			delivered("raw/v1/dt=2026-11-22/run=r/b.json.gz", archive.DeliveryComplete, 13, 10),
		},
		want:    dashboard.Tiles{Systems: []dashboard.System{system("1", "vc1.exämple", "vCenter", 61, 20, 331), long}},
		got:     dashboard.Tiles{Systems: []dashboard.System{system("1", "vc1.exämple", "vCenter", 61, 20, 331), system("2", long.Name, "Kubernetes", 0, 0, 1)}},
		types:   map[string]string{"1": "VCENTER"},
		traces:  tracing.Stats{Traces: 4, Subsegments: 30},
		memory:  [2]int64{41 << 20, 63 << 20},
		archive: "out/bucket",
		report:  "out/report.html",
	}
	var out strings.Builder
	v.print(&out)
	want := `
collector  2 systems, 2 archived   12.4 MB   raw/v1/dt=2026-11-22/run=r
forwarder  10,416 mapped = 10,410 accepted + 2 quarantined + 4 skipped   6 requests

system                                type                 rules failed manual passed  posture  dashboard = appliance
vc1.exämple                           VCENTER                412     61     20    331      80%  yes
https://very-long-name.of-a-cluster…  Kubernetes               1      1      0      0       0%  NO

                         archive: out/bucket    next: make test
notice     Runecast analysis r: done
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
notice     Runecast vc1: posture 80 %
           … and 2 more
memory     collector 41 MiB   forwarder 63 MiB  (peak)
X-Ray      4 traces, 30 subsegments
report     out/report.html
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

// Each kind of flaw makes the run fail, and the error names it.
func TestEveryFlawIsADifference(t *testing.T) {
	t.Parallel()
	complete := func() verdict {
		return verdict{deliveries: []delivery{delivered("raw/v1/run=r/a.json.gz", archive.DeliveryComplete, 8, 5)}, told: make([]notice.Committed, 1)}
	}
	if v := complete(); len(v.differences()) != 0 || v.err() != nil {
		t.Fatalf("a good run: %v", v.differences())
	}
	for name, c := range map[string]struct {
		change func(*verdict)
		want   string
	}{
		"tile":               {func(v *verdict) { v.got.Critical = 1 }, "Critical"},
		"lost system":        {func(v *verdict) { v.want.Systems = []dashboard.System{system("1", "vc1", "vCenter", 1, 0, 0)} }, `"1" is missing`},
		"lost event":         {func(v *verdict) { v.deliveries[0].Accepted-- }, "8 mapped, but 4 accepted + 1 quarantined + 2 skipped"},
		"test event refused": {func(v *verdict) { v.dead = []trigger.Dead{{Err: errors.New("no Records")}} }, "s3:TestEvent was given up: no Records"},
		"shape":              {func(v *verdict) { v.stats = receiver.Stats{ShapeErrors: 2, Examples: []string{"no scan.id"}} }, "2 faults in accepted events: no scan.id"},
		"doubled event":      {func(v *verdict) { v.stats.DuplicateEvents = 1 }, "1 events were sent twice"},
		"doubled finding":    {func(v *verdict) { v.stats.DuplicateFindings = 1 }, "1 findings were sent twice in one scan"},
		"stale":              {func(v *verdict) { v.stats.Stale = 1 }, "too old"},
		"from the future":    {func(v *verdict) { v.stats.Future = 1 }, "ahead of the clock"},
		"query":              {func(v *verdict) { v.stats.Parameters = 1 }, "query parameters"},
		"nobody told":        {func(v *verdict) { v.told = nil }, "people were not told of a"},
		"told otherwise": {func(v *verdict) {
			v.want.Systems = []dashboard.System{system("1", "vc1", "vCenter", 1, 0, 4)}
			v.got.Systems = v.want.Systems
			v.told = append(v.told, notice.Committed{System: archive.System{ID: "1", Name: "vc1"}, Posture: 81, Changed: true})
		}, "people were told of vc1: posture 81 %, but the dashboard shows 80 %"},
		"malformed segment": {func(v *verdict) { v.traces.Refused = 1 }, "1 trace packets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := complete()
			c.change(&v)
			v.problems = v.differences()
			if err := v.err(); err == nil || len(v.problems) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("problems %q, want %q", v.problems, c.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 kB", 1: "1 kB", 999_000: "999 kB", 1_000_000: "1.0 MB", 12_400_000: "12.4 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}
