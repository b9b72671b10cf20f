package template

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The tables of settings in functions/README.md have every variable of each
// function, with its parameter, the values that the template allows, and the
// template's default.
func TestDocumentHasTheSettings(t *testing.T) {
	t.Parallel()
	value, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	template := node{value: value, found: &findings{}}
	text, err := os.ReadFile("../../functions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := settingsTables(string(text))
	for function, s := range functionSettings() {
		who := strings.ToLower(strings.TrimSuffix(function, "Function"))
		have := slices.Sorted(slices.Values(append(documented.of(who), documented.of("both")...)))
		if !slices.Equal(have, s.variables) {
			t.Errorf("functions/README.md has the %s's variables\n%v\nwhich reads\n%v", who, have, s.variables)
		}
		variables := functionVariables(template, function)
		for _, row := range documented {
			if row.who != who && row.who != "both" || !variables.has(row.variable) {
				continue
			}
			setTo, _ := variables.at(row.variable).value.(string)
			parameter, isRef := strings.CutPrefix(strings.TrimSuffix(setTo, "}"), "${")
			if !isRef || !template.at("Parameters").has(parameter) {
				continue
			}
			if row.parameter != "`"+parameter+"`" {
				t.Errorf("%s: the parameter is %s, not %s", row.variable, parameter, row.parameter)
			}
			p := template.at("Parameters", parameter)
			if p.has("Default") && p.at("Default").text() != "" && row.standard != "`"+p.at("Default").text()+"`" {
				t.Errorf("%s: the default is %s, not %s", row.variable, p.at("Default").text(), row.standard)
			}
			if p.has("AllowedValues") && !slices.Equal(p.at("AllowedValues").texts(), codes(row.allowed)) {
				t.Errorf("%s: allowed are %v, not %s", row.variable, p.at("AllowedValues").texts(), row.allowed)
			}
		}
	}
	for _, f := range template.found.list {
		t.Error(f)
	}
}

// The runbook says of every alarm what to do.
func TestRunbookHasTheAlarms(t *testing.T) {
	t.Parallel()
	value, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	template := node{value: value, found: &findings{}}
	text, err := os.ReadFile("../operate/RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	var alarms, documented []string
	for _, alarm := range template.resources("AWS::CloudWatch::Alarm") {
		alarms = append(alarms, strings.TrimPrefix(alarm.at("AlarmName").text(), "${AWS::StackName}-"))
	}
	_, table, _ := strings.Cut(string(text), "| alarm: its name ends with |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			documented = append(documented, codes(cells[1])...)
		}
	}
	slices.Sort(alarms)
	slices.Sort(documented)
	if !slices.Equal(alarms, documented) {
		t.Errorf("the alarms are\n%v\nRUNBOOK.md has\n%v", alarms, documented)
	}
	for _, f := range template.found.list {
		t.Error(f)
	}
}

// setting is a row of a table of settings: whose variable it is, and the cells.
type setting struct{ who, variable, parameter, allowed, standard string }

type settingTable []setting

// of returns the variables of collector, of forwarder, or of "both".
func (all settingTable) of(who string) []string {
	var names []string
	for _, s := range all {
		if s.who == who {
			names = append(names, s.variable)
		}
	}
	return names
}

// settingsTables reads the tables whose first column is headed "…'s variable",
// or "variable of both". A row may name several variables.
func settingsTables(text string) settingTable {
	var all settingTable
	who := ""
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 7 {
			who = ""
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch cells[1] {
		case "collector's variable", "forwarder's variable":
			who, _, _ = strings.Cut(cells[1], "'")
			continue
		case "variable of both":
			who = "both"
			continue
		}
		if who == "" {
			continue
		}
		for _, variable := range codes(cells[1]) {
			all = append(all, setting{who, variable, cells[2], cells[3], cells[4]})
		}
	}
	return all
}

// codes returns what stands between backticks.
func codes(cell string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}
