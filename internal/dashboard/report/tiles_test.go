package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pairs returns the terms and values of the definition lists below a node.
func pairs(n *node) map[string]string {
	said := map[string]string{}
	for _, div := range n.all("div", "") {
		if dt, dd := div.all("dt", ""), div.all("dd", ""); len(dt) == 1 && len(dd) == 1 {
			said[dt[0].text()] = dd[0].text()
		}
	}
	return said
}

// Each tile of the dashboard is on the page, with its columns and with the figures of
// the report small.
func TestTiles(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, small()))
	if d := cmp.Diff(map[string]string{
		"Critical": "1 failed rule", "High": "1,201 failed rules", "Medium": "2 failed rules", "Low": "0 failed rules", "Manual": "3 rules", "Passed": "14 rules",
		"Assessed resources": "5,004", "Assessed configurations": "1,234,567",
		"Systems archived": "3 of 4", "Requests": "16", "Layer": "Network", "Products": "vSphere 8",
	}, pairs(page)); d != "" {
		t.Error(d)
	}
	for id, want := range map[string][][]string{
		"systems": {
			{"System", "System posture", "Rules", "Passed", "Manual", "Failed", "Type", "Latest assessment"},
			{"account", "50 %", "2", "1", "1", "0", "AWS", "2026-11-22 02:10"},
			{"vc1.example", "1 %", "1,219", "13", "2", "1,204", "vCenter", "2026-11-22 02:11"},
			{"vc2.example", "100 %", "3", "3", "0", "0", "vCenter", ""},
		},
		"standards": {
			{"Standard", "Compliance posture", "Rules", "Passed", "Manual", "Failed"},
			{"CIS", "50 %", "4", "2", "1", "1"},
			{"DISA STIG", "0 %", "1,205", "0", "2", "1,203"},
		},
		"rules": {
			{"Result", "Severity", "Rule", "Rule ID", "Standard", "Failed", "Manual", "Passed", "Not relevant", "Rule details", "Source URL"},
			{"Failed", "Critical", "Title of CIS-1", "CIS-1", "CIS", "1,042", "0", "7", "0", "Details Layer Network Products vSphere 8", "https://cis.example/benchmark"},
			{"Manual", "High", "Title of CIS-2", "CIS-2", "CIS", "0", "2", "0", "3", "Details Layer Network Products vSphere 8", "https://cis.example/benchmark"},
			{"Passed", "Low", "Title of CIS-3", "CIS-3", "CIS", "0", "0", "9", "0", "Details Layer Network Products vSphere 8", "https://cis.example/benchmark"},
		},
		"findings": {
			{"Result", "Severity", "Resource", "Type", "Rule", "Standard", "Evidence"},
			{"Failed", "Critical", "esx1 vc1/host-1", "HostSystem", "Title of CIS-1 CIS-1", "CIS", "SSH on MFA (empty) manual"},
			{"Passed", "Low", "vc1.example vc1", "vCenter", "Title of CIS-3 CIS-3", "CIS", "none"},
		},
		"misconfigurations": {
			{"Evidence", "Resources", "Systems", "Type", "Result", "Severity", "Rule", "Standard"},
			{"not JSON", "1,007", "2", "HostSystem", "Failed", "Critical", "Title of CIS-1 CIS-1", "CIS"},
		},
		"traces": {
			{"Work", "On", "Trace", "After", "Took", "0 4.00 s"},
			{"start", "", "edb2bf32", "0.0 ms", "4.00 s", ""},
			{"deliver fault", "vc1.example-95c91577", "b8d31cb3", "2.00 s", "1.00 s", ""},
			{"└ post", "", "b8d31cb3", "2.50 s", "100.0 ms", ""},
		},
	} {
		if d := cmp.Diff(want, page.byID(t, id).rows()); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	types := page.all("div", "types")[0]
	if got := types.text(); got != "3 vCenter 2 AWS 1" {
		t.Errorf("system types: %s", got)
	}
}

// A span that took no time is seen even in a run of hours.
func TestShortSpansAreSeen(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	lanes := newTimeline([]Span{{Start: start, End: start.Add(time.Hour)}, {Start: start, End: start}}).Lanes
	if lanes[0].Share != "100.00" || lanes[1].Share != "0.20" {
		t.Errorf("lanes of %s %% and %s %%", lanes[0].Share, lanes[1].Share)
	}
}

// Bars, rings and lanes have the proportions of the figures beside them.
func TestDrawings(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, small()))
	drawn := func(n *node, element string, attributes ...string) (all [][]string) {
		for _, e := range n.all(element, "") {
			values := []string{e.attributes["class"]}
			for _, a := range attributes {
				values = append(values, e.attributes[a])
			}
			all = append(all, values)
		}
		return all
	}
	for name, c := range map[string]struct{ got, want [][]string }{
		"bars": {
			drawn(page.byID(t, "standards"), "rect", "x", "width"),
			[][]string{{"passed", "0.00%", "50.00%"}, {"manual", "50.00%", "25.00%"}, {"failed", "75.00%", "25.00%"}, {"manual", "0.00%", "0.17%"}, {"failed", "0.17%", "99.83%"}},
		},
		"ring": {
			drawn(page.all("div", "types")[0], "circle", "stroke-dasharray", "stroke-dashoffset"),
			[][]string{{"hue0", "66.67 100", "-0.00"}, {"hue1", "33.33 100", "-66.67"}},
		},
		"lanes": {
			drawn(page.byID(t, "traces"), "rect", "x", "width"),
			[][]string{{"worked", "0.00%", "100.00%"}, {"failed", "50.00%", "25.00%"}, {"worked", "62.50%", "2.50%"}},
		},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
