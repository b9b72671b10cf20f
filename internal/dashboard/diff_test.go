package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiffOfEqualTilesIsEmpty(t *testing.T) {
	t.Parallel()
	a, b := Compute(estate(t)), Compute(estate(t))
	for i := range b.Systems {
		b.Systems[i].Latest = b.Systems[i].Latest.Add(time.Hour)
	}
	for i := range b.Rules {
		b.Rules[i].Details, b.Rules[i].URL = "{}", "https://example.org"
	}
	if got := a.Diff(b); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := (Tiles{}).Diff(Compute(nil)); len(got) != 0 {
		t.Errorf("no tiles: %q", got)
	}
}

func TestDiffSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	for sentence, change := range map[string]func(*Tiles){
		"Critical: 3 rules shown, 1 expected":                                      func(t *Tiles) { t.Critical = 3 },
		"High: 3 rules shown, 0 expected":                                          func(t *Tiles) { t.High = 3 },
		"Medium: 3 rules shown, 1 expected":                                        func(t *Tiles) { t.Medium = 3 },
		"Low: 3 rules shown, 0 expected":                                           func(t *Tiles) { t.Low = 3 },
		"Manual: 3 rules shown, 1 expected":                                        func(t *Tiles) { t.Manual = 3 },
		"Passed: 3 rules shown, 2 expected":                                        func(t *Tiles) { t.Passed = 3 },
		"Assessed resources: 3 objects shown, 5 expected":                          func(t *Tiles) { t.Resources = 3 },
		"Assessed configurations: 3 rows shown, 8 expected":                        func(t *Tiles) { t.Configurations = 3 },
		"System types, AWS: 0 systems shown, 1 expected":                           func(t *Tiles) { delete(t.SystemTypes, "AWS") },
		`system account: type "aws" shown, "AWS" expected`:                         func(t *Tiles) { t.Systems[0].Type = "aws" },
		"system vc1.example: 0 failed rules shown, 2 expected":                     func(t *Tiles) { t.Systems[1].Failed = 0 },
		"system vc1.example: 9 resources shown, 3 expected":                        func(t *Tiles) { t.Systems[1].Resources = 9 },
		"system vc1.example: 9 failed rows shown, 3 expected":                      func(t *Tiles) { t.Systems[1].Rows.Failed = 9 },
		`Assessed systems: the line of "vc1" is missing`:                           func(t *Tiles) { t.Systems = t.Systems[:1] },
		`Assessed systems: the line of "new" is not expected`:                      func(t *Tiles) { t.Systems = append(t.Systems, System{ID: "new"}) },
		"standard CIS: 9 passed rules shown, 2 expected":                           func(t *Tiles) { t.Standards[0].Passed = 9 },
		`rule CIS-1: title "x" shown, "Title of CIS-1" expected`:                   func(t *Tiles) { t.Rules[0].Title = "x" },
		`rule CIS-1: severity "LOW" shown, "CRITICAL" expected`:                    func(t *Tiles) { t.Rules[0].Severity = "LOW" },
		`rule CIS-1: severity score "7" shown, "10" expected`:                      func(t *Tiles) { t.Rules[0].SeverityScore = 7 },
		`rule CIS-1: standard "x" shown, "CIS" expected`:                           func(t *Tiles) { t.Rules[0].Standard = "x" },
		`rule CIS-1: status "PASSED" shown, "FAILED" expected`:                     func(t *Tiles) { t.Rules[0].Status = Passed },
		"rule CIS-2: 4 manual rows shown, 1 expected":                              func(t *Tiles) { t.Rules[2].Rows.Manual = 4 },
		"Top 50 compliance findings: a line is missing: {Status:FAILED":            func(t *Tiles) { t.Findings = t.Findings[1:] },
		"Top 50 compliance findings: a line is not expected: {Status:FAILED":       func(t *Tiles) { t.Findings = append(t.Findings, t.Findings[0]) },
		"Top 50 common misconfigurations: a line is missing: {Resources:2 Systems": func(t *Tiles) { t.Misconfigurations = t.Misconfigurations[1:] },
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			got := Compute(estate(t))
			change(&got)
			all := got.Diff(Compute(estate(t)))
			if len(all) != 1 || !strings.HasPrefix(all[0], sentence) {
				t.Errorf("%q", all)
			}
		})
	}
}

func TestDiffIsCapped(t *testing.T) {
	t.Parallel()
	var got Tiles
	for i := range 100 {
		got.Rules = append(got.Rules, Rule{ID: fmt.Sprintf("CIS-%03d", i)})
	}
	all := got.Diff(Tiles{})
	if len(all) != maxSentences+1 || all[maxSentences] != "… and 60 more differences" {
		t.Errorf("%d sentences, last %q", len(all), all[len(all)-1])
	}
	long := Tiles{Findings: []Finding{{Evidence: strings.Repeat("x", 10_000)}}}
	if sentence := long.Diff(Tiles{})[0]; len(sentence) > 400 {
		t.Errorf("a sentence of %d bytes", len(sentence))
	}
}

func TestDiffSystem(t *testing.T) {
	t.Parallel()
	want := Compute(estate(t))
	got := Compute(append(estate(t), found(t, "s1", "CIS-3", "LOW", Passed, "vc1", "[]")))
	if diff := cmp.Diff([]string{"system vc1.example: 4 passed rows shown, 3 expected"}, got.DiffSystem("vc1", want)); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{"aws1", "no such system"} {
		if all := got.DiffSystem(id, want); len(all) != 0 {
			t.Errorf("%s: %q", id, all)
		}
	}
	lost := Tiles{}.DiffSystem("vc1", want)
	if !slices.Equal(lost, []string{`Assessed systems: the line of "vc1" is missing`}) {
		t.Errorf("%q", lost)
	}
}
