package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	secretARN   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf"
	oneRegions  = "AlarmTopicArn=arn:aws:sns:us-east-1:123456789012:alarms"
	theTemplate = "../../template.yaml"
)

// desk is an operator's folder of settings files, with a simulated account.
type desk struct {
	*testing.T
	script
	dir string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, dir: filepath.Join(t.TempDir(), "my settings")}
	t.Setenv(settingsVariable, d.dir)
	t.Setenv(stageVariable, "")
	return d
}

// settings runs a command about the settings, and expects its exit status and a text
// in its output.
func (d *desk) settings(code int, want string, args ...string) {
	d.Helper()
	stdout, stderr, got := d.operate(d.T, append(append([]string{"settings"}, args...), "--template", theTemplate)...)
	if got != code || !strings.Contains(stdout+stderr, want) {
		d.Errorf("%q: exit %d, wanted %d and %q:\n%s%s", args, got, code, want, stdout, stderr)
	}
}

func (d *desk) file(name string) string {
	d.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

// filled makes a file that can be deployed.
func (d *desk) filled(stage string) {
	d.Helper()
	d.settings(exitFine, "to fill in: OpenPipelineUrl", "new", "--stage", stage)
	d.settings(exitFine, "is changed", "set", "--stage", stage, "RunecastUrl=https://rc.example", "OpenPipelineUrl=https://abc12345.live.dynatrace.com",
		"RunecastSecretArn="+secretARN, "OpenPipelineSecretArn="+secretARN)
}

// deployed sets CloudFormation's description of the stack to one with these parameters.
func (d *desk) deployed(parameters string) {
	d.stacks = `{"Stacks":[{"StackId":"arn:aws:cloudformation:eu-central-1:123456789012:stack/s/1","StackStatus":"UPDATE_COMPLETE","Parameters":[` + parameters + `]}]}`
}

func parameter(name, value string) string {
	return `{"ParameterKey":"` + name + `","ParameterValue":"` + value + `"}`
}

func TestSettingsFile(t *testing.T) {
	d := newDesk(t)
	d.settings(exitWrong, "has no settings file", "set", "MinSeverity=HIGH")
	d.filled("default")
	before := d.file("default.yaml")
	d.settings(exitWrong, "is there already", "new")
	d.settings(exitWrong, `"vCenter,Lab" is not of the form NAME=VALUE: put quotes`, "set", "RunecastSystems=Prod", "vCenter,Lab")
	d.settings(exitWrong, "MinSeverity must be LOW, MEDIUM, HIGH or CRITICAL", "set", "MinSeverity=high", "Evidence=off")
	d.settings(exitWrong, `there is no parameter "Colour"`, "set", "Colour=red")
	if after := d.file("default.yaml"); after != before {
		t.Errorf("the file was changed:\n%s", after)
	}
	d.settings(exitFine, "is changed", "set", "RunecastSystems=Prod vCenter,Lab", `Standards={"X":{"name":"My \"own\""}}`, "ExcludeTypes=")
	if text := d.file("default.yaml"); !strings.Contains(text, "\nRunecastSystems: Prod vCenter,Lab\n") || !strings.Contains(text, "\nExcludeTypes: ''\n") {
		t.Error(text)
	}
	info, err := os.Stat(filepath.Join(d.dir, "default.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	d.settings(exitUsage, "cannot be the name of a stack", "new", "--stage", "../prod")
	if len(d.calls) > 0 {
		t.Errorf("an account was asked: %q", d.calls)
	}
}

// A stage under whose name no archive can be made is refused before its file is made,
// not by the end of its first deployment.
func TestStagesThatCannotBeDeployed(t *testing.T) {
	for name, c := range map[string]struct{ stage, says string }{
		"capital letters":       {"Prod", "has capital letters"},
		"a hyphen at its end":   {"east-", "begins or ends with a hyphen"},
		"a hyphen at its front": {"-east", "begins or ends with a hyphen"},
		"20 characters":         {strings.Repeat("a", 20), "has more than 19 characters"},
		"19 characters":         {strings.Repeat("a", 19), ""},
		"digits":                {"2", ""},
		"the first":             {"default", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			code, says := exitUsage, c.says
			if says == "" {
				code, says = exitFine, ".yaml is made"
			}
			d.settings(code, says, "new", "--stage="+c.stage)
			if _, err := os.Stat(filepath.Join(d.dir, c.stage+".yaml")); (err == nil) != (c.says == "") {
				t.Errorf("its file: %v", err)
			}
		})
	}
}

func TestSettingsAgainstTheStack(t *testing.T) {
	d := newDesk(t)
	d.filled("dev")
	out := filepath.Join(t.TempDir(), "out", "dev.toml")
	d.settings(exitFine, "There is no stack runecast-ingest-dev yet", "prepare", "--stage", "dev", "--out", out)
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), "\nAnalysisMode = \"latest\"\n") || !strings.Contains(string(text), "\nExcludeTypes = \"\"\n") {
		t.Errorf("%s, %v", text, err)
	}

	d.deployed(strings.Join([]string{parameter("RunecastUrl", "https://rc.example"), parameter("AnalysisMode", "analyze"), parameter("Evidence", "off"), parameter("Gone", "x")}, ","))
	d.settings(exitWrong, "make deploy STAGE=dev` makes the stack what the file says", "diff", "--stage", "dev")
	d.settings(exitWrong, `{"parameter":"AnalysisMode","file":"latest","stack":"analyze"}`, "diff", "--stage", "dev", "--json")
	d.settings(exitWrong, "the file has no line, so the default holds", "diff", "--stage", "dev")
	d.settings(exitFine, "this version has no such parameter", "prepare", "--stage", "dev", "--out", out)
	stdout, _, _ := d.operate(t, "settings", "diff", "--stage", "dev", "--json", "--template", theTemplate)
	if strings.Contains(stdout, "RunecastUrl") {
		t.Errorf("what is equal is shown: %s", stdout)
	}
	d.settings(exitFine, "is changed", "set", "--stage", "dev", oneRegions)
	d.settings(exitWrong, "all must be in the stack's own region", "prepare", "--stage", "dev", "--out", out)
	d.settings(exitFine, "is changed", "set", "--stage", "dev", "AlarmTopicArn=")
	d.stacks = strings.ReplaceAll(d.stacks, "eu-central-1", "eu-west-1")
	d.settings(exitWrong, "the stack runecast-ingest-dev is in eu-west-1", "prepare", "--stage", "dev", "--out", out)
	if i := slices.IndexFunc(d.calls, func(call []string) bool { return !slices.Contains(call, "describe-stacks") }); i >= 0 {
		t.Errorf("more than the stack was asked for: %q", d.calls[i])
	}
}

// A settings file can be made from a deployed stack. Its deployment changes nothing.
func TestSettingsOfAStackAreAdopted(t *testing.T) {
	d := newDesk(t)
	d.settings(exitWrong, "there is no stack runecast-ingest-prod", "new", "--stage", "prod", "--from-stack")
	d.deployed(strings.Join([]string{
		parameter("RunecastUrl", "https://rc.example"), parameter("RunecastSystems", "Prod vCenter,Lab"), parameter("Evidence", "on"), parameter("RawRetentionDays", "90"),
		parameter("ArchiveTiers", "off"), parameter("OpenPipelineUrl", "https://abc12345.live.dynatrace.com"), parameter("RunecastSecretArn", secretARN), parameter("OpenPipelineSecretArn", secretARN),
	}, ","))
	d.settings(exitFine, "is made", "new", "--stage", "prod", "--from-stack")
	if text := d.file("prod.yaml"); !strings.Contains(text, "\n#Evidence: ") || !strings.Contains(text, "\nRawRetentionDays: 90\n") || !strings.Contains(text, "\nRunecastSystems: Prod vCenter,Lab\n") {
		t.Error(text)
	}
	d.settings(exitFine, "The stack runecast-ingest-prod has the values of", "diff", "--stage", "prod")
}
