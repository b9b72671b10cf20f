package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/dashboard"
)

var update = flag.Bool("update", false, "write the golden file anew")

// small is a report with something in every tile, worked out by hand.
func small() Page {
	rule := func(id, severity, status string, rows dashboard.Rows) dashboard.Rule {
		return dashboard.Rule{
			ID: id, Title: "Title of " + id, Severity: severity, Status: status, Standard: "CIS", Rows: rows,
			Details: `{"Layer":"Network","Products":"vSphere 8"}`, URL: "https://cis.example/benchmark",
		}
	}
	at := time.Date(2026, 11, 22, 2, 10, 0, 0, time.UTC)
	return Page{
		Title: "20261122T021000Z-35bd",
		Tiles: dashboard.Tiles{
			Critical: 1, High: 1201, Medium: 2, Low: 0, Manual: 3, Passed: 14, Resources: 5_004, Configurations: 1_234_567,
			Systems: []dashboard.System{
				{ID: "aws1", Name: "account", Type: "AWS", Tally: dashboard.Tally{Manual: 1, Passed: 1}, Latest: at},
				{ID: "vc1", Name: "vc1.example", Type: "vCenter", Tally: dashboard.Tally{Failed: 1204, Manual: 2, Passed: 13}, Latest: at.Add(time.Minute)},
				{ID: "vc2", Name: "vc2.example", Type: "vCenter", Tally: dashboard.Tally{Passed: 3}},
			},
			SystemTypes: map[string]int{"AWS": 1, "vCenter": 2},
			Standards: []dashboard.Standard{
				{Name: "CIS", Tally: dashboard.Tally{Failed: 1, Manual: 1, Passed: 2}}, {Name: "DISA STIG", Tally: dashboard.Tally{Failed: 1203, Manual: 2}},
			},
			Rules: []dashboard.Rule{
				rule("CIS-1", "CRITICAL", dashboard.Failed, dashboard.Rows{Failed: 1_042, Passed: 7}),
				rule("CIS-2", "HIGH", dashboard.Manual, dashboard.Rows{Manual: 2, NotRelevant: 3}),
				rule("CIS-3", "LOW", dashboard.Passed, dashboard.Rows{Passed: 9}),
			},
			Findings: []dashboard.Finding{
				{
					Status: dashboard.Failed, Severity: "CRITICAL", ObjectName: "esx1", ObjectID: "vc1/host-1", ObjectType: "HostSystem",
					RuleTitle: "Title of CIS-1", RuleID: "CIS-1", Standard: "CIS", Evidence: `[{"description":"SSH","type":"AUTOMATIC","value":"on"},{"description":"MFA","type":"MANUAL","value":""}]`,
				},
				{
					Status: dashboard.Passed, Severity: "LOW", ObjectName: "vc1.example", ObjectID: "vc1", ObjectType: "vCenter",
					RuleTitle: "Title of CIS-3", RuleID: "CIS-3", Standard: "CIS", Evidence: "[]",
				},
			},
			Misconfigurations: []dashboard.Misconfiguration{{
				Resources: 1_007, Systems: 2, Evidence: `not JSON`, ObjectType: "HostSystem", Status: dashboard.Failed, Severity: "CRITICAL",
				RuleTitle: "Title of CIS-1", RuleID: "CIS-1", Standard: "CIS",
			}},
		},
		Run: &Run{
			Figures: []Figure{{"Systems archived", "3 of 4"}, {"Requests", "16"}},
			Notes:   []string{"Not archived: vc3.example: it was never analysed"},
			More:    12,
			Spans: []Span{
				{Trace: "1-6b034592-debd1eca27bf4fdfedb2bf32", Name: "start", Start: at, End: at.Add(4 * time.Second)},
				{Trace: "1-6b034595-79be80f3ac9385d3b8d31cb3", Name: "deliver", Subject: "vc1.example-95c91577", Start: at.Add(2 * time.Second), End: at.Add(3 * time.Second), Failure: "fault"},
				{Trace: "1-6b034595-79be80f3ac9385d3b8d31cb3", Name: "post", Start: at.Add(2500 * time.Millisecond), End: at.Add(2600 * time.Millisecond), Depth: 1},
			},
		},
	}
}

func written(t *testing.T, p Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The golden page was looked at in a browser, light, dark and narrow. After a change,
// write it anew with go test ./internal/dashboard/report -run Golden -update, and look
// at it again.
func TestGolden(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "small.html")
	got := written(t, small())
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

func TestNothingToShow(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, Page{Title: "empty.json"}))
	var said []string
	for _, n := range page.all("p", "empty") {
		said = append(said, n.text())
	}
	want := []string{"No system has compliance results.", "No system.", "No standard was assessed.", "No rule was assessed.", "No finding.", "No finding has evidence."}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
	if tables := page.all("table", ""); len(tables) > 0 {
		t.Errorf("%d tables without a line", len(tables))
	}
	if text := page.text(); strings.Contains(text, "appliance") || strings.Contains(text, "X-Ray") {
		t.Error("it tells of a run that there was not")
	}
	if text := parsed(t, written(t, Page{Run: new(Run)})).text(); !strings.Contains(text, "No trace arrived.") {
		t.Errorf("%s", text)
	}
}

func TestNoFailedRuleIsSaid(t *testing.T) {
	t.Parallel()
	p := small()
	said := func() bool { return strings.Contains(parsed(t, written(t, p)).text(), "No failed rule") }
	if said() {
		t.Error("said with failed rules")
	}
	p.Tiles.Critical, p.Tiles.High, p.Tiles.Medium = 0, 0, 0
	if !said() {
		t.Error("not said without failed rules")
	}
}

func TestProblemsAreNamed(t *testing.T) {
	t.Parallel()
	p := small()
	right := parsed(t, written(t, p)).text()
	p.Run.Problems = []string{"Critical: 3 rules shown, 1 expected"}
	wrong := parsed(t, written(t, p)).text()
	for text, inRight := range map[string]bool{
		"Dashboard = appliance": true, "Every tile shows what the appliance has": true,
		"Dashboard ≠ appliance": false, "does not show what the appliance has": false, "Critical: 3 rules shown, 1 expected": false,
	} {
		if strings.Contains(right, text) != inRight || strings.Contains(wrong, text) == inRight {
			t.Errorf("%q: in the right page %t, in the wrong one %t", text, strings.Contains(right, text), strings.Contains(wrong, text))
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestADiskThatIsFullIsNamed(t *testing.T) {
	t.Parallel()
	if err := small().Write(full{}); !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "write report: ") {
		t.Errorf("error %v", err)
	}
}
