package appliance_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/appliance"
)

// sight is what a client sees of a system: in v1 its scan status, whether the timestamp
// moved, and whether it has issues; in v2 the same of its latest result.
type sight struct {
	status    string // "-": not in the results
	moved     bool
	issues    bool
	v2        int // status of latest
	v2Moved   bool
	v2Issues  bool
	vcenter   bool // listed in /vcenters
	ecosystem bool // listed by v2
	listed    bool // in Systems
}

func look(t *testing.T, a *appliance.Appliance, s appliance.System, start time.Time) sight {
	t.Helper()
	seen := sight{status: "-"}
	for _, result := range results(t, a).Results {
		if result.UID == s.ID {
			seen.status, seen.issues = result.ScanStatus.Status, len(result.Issues) > 0
			seen.moved = result.ScanStatus.Timestamp.(string) > start.Format(time.RFC3339)
		}
	}
	answer := call(t, a, http.MethodGet, latestPath(s.V2ID))
	if seen.v2 = answer.Code; seen.v2 == http.StatusOK {
		latest := decode[scanDocument](t, answer.Body.Bytes())
		seen.v2Moved, seen.v2Issues = latest.CreatedTs > start.UnixMilli(), len(latest.Issues) > 0
	}
	seen.vcenter = strings.Contains(call(t, a, http.MethodGet, "/rc2/api/v1/vcenters").Body.String(), s.ID)
	seen.ecosystem = strings.Contains(call(t, a, http.MethodGet, ecosystemsPath).Body.String(), s.ViewName)
	for _, listed := range a.Systems() {
		seen.listed = seen.listed || listed == s
	}
	return seen
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	const finished = "FINISHED_SUCCESSFULLY"
	good := sight{finished, false, true, 200, false, true, true, true, true}
	scanned := sight{finished, true, true, 200, true, true, true, true, true}
	running := sight{"RUNNING", false, true, 200, false, true, true, true, true}
	growing := sight{"RUNNING", false, true, 200, true, true, true, true, true}
	gone := sight{status: "-", v2: 404}
	never := sight{status: "-", v2: 404, vcenter: true, ecosystem: true}
	tests := map[string]struct {
		quirk                 appliance.Quirk
		before, during, after sight
		halfDone              *sight // in the second half of the scan; nil: as during
		triggerAgain          int
	}{
		"fails": {
			quirk: appliance.Quirk{FailsAs: "FINISHED_WITH_ERROR"}, before: good, during: running,
			after: sight{"FINISHED_WITH_ERROR", true, true, 200, false, true, true, true, true}, triggerAgain: 202,
		},
		"never ends": {
			quirk: appliance.Quirk{Endless: true}, before: good, during: running, after: running, triggerAgain: 202,
		},
		"never ends, and would fail": {
			quirk: appliance.Quirk{Endless: true, FailsAs: "FAILED"}, before: good, during: running, after: running, triggerAgain: 202,
		},
		"vanishes": {
			quirk: appliance.Quirk{Vanishes: true}, before: good, during: growing, halfDone: &gone, after: gone, triggerAgain: 404,
		},
		"empties": {
			quirk: appliance.Quirk{Empties: true}, before: good, during: growing,
			after: sight{finished, true, false, 200, true, false, true, true, true}, triggerAgain: 202,
		},
		"was never analysed": {
			quirk: appliance.Quirk{Unscanned: true}, before: never, during: never, after: scanned, triggerAgain: 202,
		},
		"was never analysed, and fails": {
			quirk: appliance.Quirk{Unscanned: true, FailsAs: "FAILED"}, before: never, during: never, after: never, triggerAgain: 202,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			time0 := newClock()
			start := time0.Now().Add(-time.Millisecond)
			options := appliance.Options{Findings: 280, API: appliance.APIBoth, ScanTime: time.Minute, Token: adminToken, Now: time0.Now}
			systems := newAppliance(t, options).Systems()
			odd := systems[1] // vc2.example shows a running scan in v1, and in v2 if it ends well
			options.Quirks = map[string]appliance.Quirk{"vc2": tt.quirk}
			a := newAppliance(t, options)
			check := func(when string, want sight) {
				t.Helper()
				if got := look(t, a, odd, start); got != want {
					t.Errorf("%s its scan:\n%+v, want\n%+v", when, got, want)
				}
				if others := len(a.Systems()); others < len(systems)-1 {
					t.Errorf("%s its scan: %d systems are left", when, others)
				}
			}
			check("before", tt.before)
			for _, s := range systems {
				trigger(t, a, s.ID)
			}
			time0.advance(29 * time.Second)
			check("during", tt.during)
			time0.advance(time.Second)
			if tt.halfDone != nil {
				check("in the middle of", *tt.halfDone)
			}
			time0.advance(30 * time.Second)
			check("after", tt.after)
			for _, s := range systems {
				if s != odd {
					if got := look(t, a, s, start); got.status != finished || !got.moved || !got.v2Moved || !got.issues || !got.v2Issues {
						t.Errorf("%s has no quirk, and yet: %+v", s.ViewName, got)
					}
				}
			}
			if got := call(t, a, http.MethodPost, scanPath+odd.ID).Code; got != tt.triggerAgain {
				t.Errorf("another trigger: %d, want %d", got, tt.triggerAgain)
			}
			time0.advance(24 * time.Hour)
			if after := look(t, a, odd, start); after != tt.after {
				t.Errorf("after a day:\n%+v, want\n%+v", after, tt.after)
			}
		})
	}
}

func TestQuirksFindTheirSystem(t *testing.T) {
	t.Parallel()
	options := appliance.Options{Seed: 3, Findings: 280, Token: adminToken}
	systems := newAppliance(t, options).Systems()
	tests := map[string]int{ // name → index of the system
		"vc1": 0, "VC2": 1, "vc2.example": 1, "VC1.EXAMPLE": 0, systems[2].ID: 2, strings.ToUpper(systems[3].ID): 3,
		"nsx": 2, "111122223333 (prod)": 3, "2778": 1, "example-project": 5, "192.0.2.51": 6, "horizon": 7,
	}
	for name, index := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := options
			options.Quirks = map[string]appliance.Quirk{name: {Unscanned: true}}
			for i, left := range newAppliance(t, options).Systems() {
				if left.ID == systems[index].ID || i >= index && left.ID != systems[i+1].ID {
					t.Errorf("the quirk is not of %+v", systems[index])
				}
			}
		})
	}
}

func TestUnusableFaults(t *testing.T) {
	t.Parallel()
	saved := func(o appliance.Options) appliance.Options {
		o.ResultsFile = testdata.ResultsFile
		return o
	}
	odd := appliance.Quirk{Endless: true}
	tests := map[string]struct {
		options appliance.Options
		says    string
	}{
		"unknown API":           {appliance.Options{API: "v3"}, `unknown API "v3"`},
		"unknown login":         {appliance.Options{Faults: appliance.Faults{Login: "form"}}, `unknown Login "form"`},
		"unknown error form":    {appliance.Options{Faults: appliance.Faults{Errors: "xml"}}, `unknown Errors "xml"`},
		"negative objects":      {appliance.Options{HugeIssue: -1}, "HugeIssue is negative"},
		"unknown system":        {appliance.Options{Quirks: map[string]appliance.Quirk{"vc3": odd}}, `unknown system "vc3": use one of VC1.Example, vc2.example`},
		"two systems":           {appliance.Options{Quirks: map[string]appliance.Quirk{"vc1": odd, "VC1.example": odd}}, "which other Quirks name too"},
		"saved, v2":             {saved(appliance.Options{API: appliance.APIv2}), "saved documents are served as they are"},
		"saved, quirks":         {saved(appliance.Options{Quirks: map[string]appliance.Quirk{"vc1": odd}}), "saved documents are served as they are"},
		"saved, and many more":  {saved(appliance.Options{HugeIssue: 1}), "saved documents are served as they are"},
		"catalogue alone in v2": {appliance.Options{IssuesFile: testdata.IssuesFile, API: appliance.APIBoth}, "saved documents are served as they are"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := appliance.New(tt.options)
			checkFault(t, err, tt.says)
		})
	}
}

func TestHugeIssue(t *testing.T) {
	t.Parallel()
	const n = 12_345
	usual := results(t, newAppliance(t, appliance.Options{Findings: 280})).Results
	huge := results(t, newAppliance(t, appliance.Options{Findings: 280, HugeIssue: n})).Results
	changed := 0
	for i := range usual {
		for j, before := range usual[i].Issues {
			now := huge[i].Issues[j]
			if len(now.Objects) == len(before.Objects) {
				continue
			}
			changed++
			if i != 0 || !now.compliant() || now.Status != "FAIL" || len(now.Objects) != n || now.Count != n {
				t.Errorf("issue %v of system %d: %s, %d objects, %d counted", now.ID, i, now.Status, len(now.Objects), now.Count)
			}
		}
	}
	if changed != 1 {
		t.Errorf("%d issues differ, want 1", changed)
	}
}
