package settings

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

func template(t testing.TB) Template {
	t.Helper()
	all, err := ReadTemplate("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// needed returns values for the parameters without a default.
func needed() Values {
	const secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:runecast-ingest/"
	return Values{
		"RunecastUrl": "https://rc.example", "RunecastSecretArn": secret + "runecast-AbCdEf",
		"OpenPipelineUrl": "https://abc12345.live.dynatrace.com", "OpenPipelineSecretArn": secret + "dynatrace-AbCdEf",
	}
}

// A value is the text as it is written, in every form that YAML has for a text.
func TestFileIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Values{
		"":                                  {},
		"# comments alone\n":                {},
		"RunecastSystems: Prod vCenter,Lab": {"RunecastSystems": "Prod vCenter,Lab"},
		"RunecastSystems: ''":               {"RunecastSystems": ""},
		"RunecastSystems:":                  {"RunecastSystems": ""},
		"RunecastSystems: 'Lab #2'":         {"RunecastSystems": "Lab #2"},
		"RunecastSystems:\n  - Prod vCenter\n  - Lab\n":                    {"RunecastSystems": "Prod vCenter,Lab"},
		"RunecastSystems: [Prod vCenter, Lab]":                             {"RunecastSystems": "Prod vCenter,Lab"},
		"Evidence: off\nRunecastAllObjects: true\nLogRetentionDays: 90":    {"Evidence": "off", "RunecastAllObjects": "true", "LogRetentionDays": "90"},
		"MaxQuarantine: 1.0%\nMaxBatchBytes: 09500000":                     {"MaxQuarantine": "1.0%", "MaxBatchBytes": "09500000"},
		"ScheduleExpression: cron(0 4 * * ? *)":                            {"ScheduleExpression": "cron(0 4 * * ? *)"},
		"RunecastScanPath: /rc2/{id}":                                      {"RunecastScanPath": "/rc2/{id}"},
		`Standards: '{"X":{"name":"My ''own''"}}'`:                         {"Standards": `{"X":{"name":"My 'own'"}}`},
		`Standards: {"X":{"name":"My standard"}}`:                          {"Standards": `{"X":{"name":"My standard"}}`},
		"SecurityContext:\n  vc1.example: team-a\n  AWS: 12\n":             {"SecurityContext": `{"AWS":"12","vc1.example":"team-a"}`},
		"Standards: |\n  {\"X\":\n   {}}\nMinSeverity: LOW":                {"Standards": "{\"X\":\n {}}", "MinSeverity": "LOW"},
		"\ufeffMinSeverity: LOW\r\nEvidence: off\r\n":                      {"MinSeverity": "LOW", "Evidence": "off"},
		"SecurityContext: C:\\team\\a":                                     {"SecurityContext": `C:\team\a`},
		"SecurityContext: no yes null\nRunecastSystems: null":              {"SecurityContext": "no yes null", "RunecastSystems": "null"},
		"RunecastUrl: https://rc.example:8443/base # no, a comment\n# x\n": nil,
	} {
		got, err := Parse([]byte(text), template(t))
		if want == nil {
			if err == nil {
				t.Errorf("%q is read as %q", text, got)
			}
		} else if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	windows := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("RunecastSystems: Übersicht\r\n")) {
		windows = append(windows, byte(unit), byte(unit>>8))
	}
	if got, err := Parse(windows, template(t)); err != nil || got["RunecastSystems"] != "Übersicht" {
		t.Errorf("UTF-16 is read as %q, %v", got, err)
	}
}

// A value that could be read in two ways, or was probably meant otherwise, is refused.
// The error has the line and the cure.
func TestMistakesInFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"RunecastSystems: Lab #2":                 `"Lab" ends before "#2": put quotes`,
		"\nMinSeverity: HIGH # for now":           "line 2: ",
		"RunecastSystems: [a, 'b,c']":             "has a comma",
		"MinSeverity: LOW\nMinSeverity: HIGH":     "line 2: MinSeverity stands there twice",
		"MIN_SEVERITY: LOW":                       `there is no parameter "MIN_SEVERITY": it is called MinSeverity`,
		"Colour: red":                             `there is no parameter "Colour"`,
		"MinSeverity: &a LOW\nEvidence: *a":       "anchors and aliases",
		"MinSeverity: LOW\n---\nMinSeverity: LOW": "a second document",
		"- MinSeverity":                           "Name: value",
		"RunecastSystems: *x":                     "single quotes",
		"SecurityContext: team: a":                "single quotes",
		"SecurityContext: {a: b, a: c}":           "twice",
	} {
		if got, err := Parse([]byte(text), template(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, wanted %q", text, got, err, want)
		}
	}
}

// A new file shows every parameter as the template has it.
func TestNewFile(t *testing.T) {
	t.Parallel()
	all := template(t)
	text := string(New("prod", all, needed()))
	got, err := Parse([]byte(text), all)
	if err != nil || !maps.Equal(got, needed()) {
		t.Errorf("%q, %v", got, err)
	}
	// Every default, once the "#" before it is taken away.
	open := regexp.MustCompile(`(?m)^#([A-Z]\w+:)`).ReplaceAllString(text, "$1")
	got, err = Parse([]byte(open), all)
	if err != nil || len(got) != len(all) {
		t.Fatalf("%d values of %d parameters, %v", len(got), len(all), err)
	}
	for _, p := range all {
		if !p.Required && got[p.Name] != p.Default {
			t.Errorf("the default of %s is shown as %q, not as %q", p.Name, got[p.Name], p.Default)
		}
		if words := strings.Fields(p.Description); !strings.Contains(text, "# "+strings.Join(words[:min(len(words), 5)], " ")) {
			t.Errorf("%s is not explained", p.Name)
		}
	}
	for line := range strings.Lines(text) {
		if len([]rune(line)) > width+1 {
			t.Errorf("the line is long: %s", line)
		}
	}
	if _, err := all.Complete(got); err != nil {
		t.Error(err)
	}
	// All parameters that have neither a value nor a default are named together.
	if _, err := all.Complete(Values{}); err == nil || strings.Count(err.Error(), "has no value: ") != 4 {
		t.Errorf("%v", err)
	}
	for _, stage := range []string{"default", "dev", "prod"} {
		values := needed()
		maps.Copy(values, Preset(stage))
		if _, err := all.Complete(values); err != nil {
			t.Errorf("%s: %v", stage, err)
		}
	}
}

// Every value can be set, and is read as it was set; nothing else changes.
func TestSet(t *testing.T) {
	t.Parallel()
	free := template(t)
	for i := range free { // any text will do
		free[i].Allowed, free[i].pattern, free[i].from, free[i].longest = nil, nil, nil, 0
	}
	text := New("prod", free, needed())
	for _, value := range odd() {
		changed, err := Set(text, free, "RunecastSystems", value)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		again, err := Set(changed, free, "RunecastSystems", "Lab")
		if err != nil {
			t.Errorf("%q: %v", value, err)
		}
		want, _ := Set(text, free, "RunecastSystems", "Lab")
		if string(again) != string(want) {
			t.Errorf("%q leaves something behind:\n%s", value, again)
		}
	}
	for before, after := range map[string]string{
		"":                                      "Evidence: off\n",
		"# mine":                                "# mine\nEvidence: off\n",
		"Evidence: on\n#x":                      "Evidence: off\n#x",
		"#Evidence: on\n":                       "Evidence: off\n",
		"Evidence:\n  on\nMinSeverity: LOW\n":   "Evidence: off\nMinSeverity: LOW\n",
		"Evidence:\n- on\n\n# next\n":           "Evidence: off\n\n# next\n",
		"#Evidence: on\n# mine\nEvidence: on\n": "#Evidence: on\n# mine\nEvidence: off\n",
		"# Evidence: as a comment\nMinSeverity: LOW": "Evidence: off\nMinSeverity: LOW",
		"{Evidence: on}":                              "",
		"? Evidence\n: on\n":                          "",
		"\"Evidence\": on\n":                          "",
		"MinSeverity: LOW # twice\nEvidence: on\n":    "",
		"SecurityContext: |\n  Evidence: on\nX: on\n": "",
	} {
		got, err := Set([]byte(before), template(t), "Evidence", "off")
		if string(got) != after || (err == nil) != (after != "") {
			t.Errorf("%q becomes %q, %v", before, got, err)
		}
	}
	for name, value := range map[string]string{"MinSeverity": "high", "LogRetentionDays": "8", "SendConcurrency": "65", "VpcSubnetIds": "subnet-1,vpc-2", "Colour": "red", "RunecastUrl": ""} {
		if got, err := Set(nil, template(t), name, value); err == nil {
			t.Errorf("%s=%s is taken: %q", name, value, got)
		}
	}
}

// ARNs of several regions are refused: CloudFormation reports them late or never.
func TestOneRegion(t *testing.T) {
	t.Parallel()
	all := template(t)
	for name, arn := range map[string]string{
		"AlarmTopicArn": "arn:aws:sns:%s:123456789012:alarms", "NoticeTopicArn": "arn:aws:sns:%s:123456789012:notices",
		"KmsKeyArn": "arn:aws:kms:%s:123456789012:key/1234abcd", "SecretsKmsKeyArn": "arn:aws:kms:%s:123456789012:key/1234abcd",
	} {
		for region, right := range map[string]bool{"eu-central-1": true, "us-east-1": false} {
			values := needed()
			values[name] = strings.ReplaceAll(arn, "%s", region)
			if _, err := all.Complete(values); (err == nil) != right {
				t.Errorf("%s in %s: %v", name, region, err)
			}
		}
	}
	values := needed()
	values["PermissionsBoundaryArn"] = "arn:aws:iam::123456789012:policy/boundary"
	if _, err := all.Complete(values); err != nil || values.Region() != "eu-central-1" {
		t.Errorf("%q, %v", values.Region(), err)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	all := Template{{Name: "A", Default: "1"}, {Name: "B", Default: "2"}, {Name: "C", Default: "3"}, {Name: "D", Default: "4"}, {Name: "E", Default: "5"}}
	got := all.Differences(Values{"A": "x", "C": "3", "D": "y"}, Values{"A": "x", "B": "z", "C": "w", "Gone": "v"})
	want := []Difference{
		{"B", "2", "z", "the file has no line, so the default holds"}, {"C", "3", "w", ""}, {"D", "y", "", "new"}, {"Gone", "", "v", "this version has no such parameter"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, not %+v", got[i], want[i])
		}
	}
}

func TestNoTemplate(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"nothing": "", "another": "Resources: {}\n", "no YAML": "\t", "a name too many": "Metadata: {\"AWS::CloudFormation::Interface\": {ParameterGroups: [{Parameters: [X]}]}}\n"} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := ReadTemplate(file); err == nil {
			t.Errorf("%s has %d parameters", name, len(all))
		}
	}
}
