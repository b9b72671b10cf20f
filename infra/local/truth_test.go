package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
)

// A quirk keeps its system off the dashboard by whatever name it calls it, and nothing
// else does.
func TestWhichSystemsMustBeShown(t *testing.T) {
	t.Parallel()
	const all = 8
	for name, c := range map[string]struct {
		args    string
		runByV2 bool // the run names systems as API v2 does
		without []string
		has     []string // names that must be shown
		shown   int
	}{
		"healthy":          {"", false, nil, []string{"vc1.example", "example.onmicrosoft.com"}, all},
		"unwell":           {"-conflict -broken-issues -skew 26h", false, nil, nil, all},
		"each quirk":       {"-fail VC2 -hang vc1.example -vanish nsx -empty horizon", false, []string{"vc1.example", "vc2.example"}, nil, all - 4},
		"quirks together":  {"-fail vc2 -hang vc2 -fail example-project", false, []string{"vc2.example"}, nil, all - 2},
		"never analysed":   {"-unscanned vc1", false, []string{"vc1.example"}, nil, all - 1}, // not yet
		"latest results":   {"-mode latest -fail vc2 -hang vc1", false, nil, []string{"vc1.example", "vc2.example"}, all},
		"v2":               {"-api v2 -fail 2778", true, []string{"vc2.example", "vc1.example"}, []string{"VC1.Example", "nsx.example"}, all - 1},
		"both, read by v1": {"-api both -fail 2778", false, []string{"vc2.example", "VC1.Example"}, []string{"vc1.example"}, all - 1},
		"mixed":            {"-api mixed -hang vc2", true, nil, []string{"VC1.Example"}, 1},
		"mixed, latest":    {"-api mixed -mode latest", true, nil, []string{"VC1.Example", "horizon.example"}, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := parse(strings.Fields(c.args), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			a, err := appliance.New(o.appliance)
			if err != nil {
				t.Fatal(err)
			}
			var run archive.Run
			for _, system := range a.Systems() {
				if c.runByV2 {
					system.ID = system.V2ID
				}
				run.Systems = append(run.Systems, archive.RunSystem{ID: system.ID})
			}
			shown, err := (&stack{o: o, appliance: a}).systems(run)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for uid, system := range shown {
				if (system.ID == uid) == c.runByV2 {
					t.Errorf("%s is shown as %s", uid, system.ID)
				}
				names = append(names, system.Name)
			}
			if len(names) != c.shown {
				t.Errorf("%d are shown, want %d: %q", len(names), c.shown, names)
			}
			for _, name := range c.without {
				if slices.Contains(names, name) {
					t.Errorf("%s is shown", name)
				}
			}
			for _, name := range c.has {
				if !slices.Contains(names, name) {
					t.Errorf("%s is not shown, only %q", name, names)
				}
			}
		})
	}
}

func TestFlagsOfTheAppliance(t *testing.T) {
	t.Parallel()
	o, err := parse(strings.Fields("-api mixed -text-ids -huge 7 -fail VC2 -hang vc2 -vanish vc2 -empty nsx -unscanned nsx -conflict -broken-issues -login page -errors html"+
		" -update 20s+10s -update 1m+1s -skew -24h -last-scan 48h -cut /a/*/b:2:30 -cut /c:0:0"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	a := o.appliance
	if a.API != appliance.APIMixed || !a.TextIDs || a.HugeIssue != 7 || a.LastScanAge.Hours() != 48 {
		t.Errorf("%+v", a)
	}
	if d := cmp.Diff(map[string]appliance.Quirk{
		"vc2": {FailsAs: "FINISHED_WITH_ERROR", Endless: true, Vanishes: true},
		"nsx": {Empties: true, Unscanned: true},
	}, a.Quirks); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(appliance.Faults{
		Conflict: true, BrokenCatalogue: true, Login: appliance.LoginPage, Errors: appliance.ErrorsHTML, Skew: -24 * time.Hour,
		Updates: []appliance.Update{{After: 20 * time.Second, For: 10 * time.Second}, {After: 60 * time.Second, For: time.Second}},
	}, a.Faults); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]appliance.Cut{{Path: "/a/*/b", Call: 2, After: 30}, {Path: "/c"}}, o.cuts); d != "" {
		t.Error(d)
	}
}

func TestTimesOfARun(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][2]string{
		"":                                      {"1s", "15s"},
		"-scan-time 20m":                        {"24s", "40m11s"},
		"-scan-time 3h":                         {"30s", "6h0m11s"},
		"-update 1m+30s -update 10s+5s":         {"1s", "1m45s"},
		"-unscanned vc1 -unscanned nsx":         {"1s", "15s"},
		"-api v2 -unscanned vc1 -unscanned nsx": {"1s", "40s"},
		"-huge 1000000":                         {"1s", "1m55s"},
	} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{o.pollInterval().String(), o.scanTimeout().String()}; got != want {
			t.Errorf("%s: %s", args, got)
		}
		if o.timeout <= o.scanTimeout() {
			t.Errorf("%s: given up after %s", args, o.timeout)
		}
	}
}
