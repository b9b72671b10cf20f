// Package template holds the checks of template.yaml, the one place where the
// settings, the rights and the triggers of both functions are written down. It
// promises that the template and the code agree, and that no right is wider
// than the archive's contract.
package template

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/config"
)

// localOnly are settings of the local stack, which no deployment has.
var localOnly = []string{"ALLOW_LOOPBACK", "S3_PATH_STYLE"}

func functionVariables(t *testing.T, function string) object {
	t.Helper()
	return load(t).at("Resources", function, "Properties", "Environment", "Variables")
}

func TestVariablesAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for function, read := range map[string][]string{
		"CollectorFunction": config.CollectorVariables(),
		"ForwarderFunction": config.ForwarderVariables(),
	} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			var set []string
			for name := range functionVariables(t, function).m {
				set = append(set, name)
			}
			slices.Sort(set)
			want := slices.DeleteFunc(slices.Clone(read), func(name string) bool { return slices.Contains(localOnly, name) })
			slices.Sort(want)
			if diff := cmp.Diff(want, set); diff != "" {
				t.Errorf("- read by the configuration, + set by the template:\n%s", diff)
			}
		})
	}
}

func TestEveryAllowedValueIsAccepted(t *testing.T) {
	t.Parallel()
	required := map[string]string{
		"RunecastUrl": "https://runecast.example.com", "RunecastSecretArn": "secret",
		"OpenPipelineUrl": "https://abc12345.live.dynatrace.com", "OpenPipelineSecretArn": "secret",
	}
	loaders := map[string]func(func(string) string) error{
		"CollectorFunction": func(get func(string) string) error { _, err := config.LoadCollector(get); return err },
		"ForwarderFunction": func(get func(string) string) error { _, err := config.LoadForwarder(get); return err },
	}
	for function, loader := range loaders {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			parameters := load(t).at("Parameters")
			variables := functionVariables(t, function)
			values := func(name string) []string {
				parameter, isRef := strings.CutPrefix(render(t, variables.m[name]), "${")
				parameter = strings.TrimSuffix(parameter, "}")
				switch {
				case !isRef || strings.HasPrefix(parameter, "AWS::"):
					return []string{"bucket"}
				case required[parameter] != "":
					return []string{required[parameter]}
				}
				p := parameters.at(parameter)
				values := []string{p.text("Default")}
				if _, ok := p.m["AllowedValues"]; ok {
					values = append(values, p.texts("AllowedValues")...)
				}
				for _, bound := range []string{"MinValue", "MaxValue"} {
					if _, ok := p.m[bound]; ok {
						values = append(values, p.text(bound))
					}
				}
				return values
			}
			for varied := range variables.m {
				for _, value := range values(varied) {
					err := loader(func(name string) string {
						switch {
						case name == varied:
							return value
						case variables.m[name] == nil:
							return ""
						}
						return values(name)[0]
					})
					if err != nil {
						t.Errorf("%s=%q: %v", varied, value, err)
					}
				}
			}
		})
	}
}

func TestParameterPatterns(t *testing.T) {
	t.Parallel()
	secret := "arn:aws:secretsmanager:eu-central-1:123456789012:secret:runecast/token"
	cases := map[string]struct{ good, bad []string }{
		"RunecastUrl": {
			good: []string{"https://runecast.example.com", "https://10.0.0.5:8443/", "https://rc.example/base"},
			bad:  []string{"", "http://runecast.example.com", "https://user:pass@rc.example", "https://rc.example/?a=b", "https://rc.example#x"},
		},
		"OpenPipelineUrl": {
			good: []string{"https://abc12345.live.dynatrace.com", "https://abc12345.live.dynatrace.com/platform/ingest/v1/security.events"},
			bad:  []string{"", "http://abc12345.live.dynatrace.com", "https://abc12345.live.dynatrace.com?Api-Token=x"},
		},
		"RunecastSecretArn":     {good: []string{secret + "-AbCdEf"}, bad: []string{"", "runecast/token", secret, "dt0c01.ABC"}},
		"OpenPipelineSecretArn": {good: []string{secret + "-AbCdEf"}, bad: []string{"", "dt0c01.ABC"}},
		"ScheduleExpression": {
			good: []string{"rate(6 hours)", "rate(1 day)", "cron(0 2 * * ? *)", "cron(0 2 ? * MON-FRI *)"},
			bad:  []string{"", "6 hours", "cron(0 2 * * *)", "rate(0.5 hours)", "at(2026-11-22T02:00:00)"},
		},
		"ScanTimeout":         {good: []string{"5h30m", "90m"}, bad: []string{"", "90", "soon"}},
		"RunecastScanPath":    {good: []string{"", "/rc2/api/v1/scan/{id}"}, bad: []string{"/scan", "scan/{id}"}},
		"RunecastSystemTypes": {good: []string{"", `{"a":"AWS"}`}, bad: []string{"a=AWS"}},
		"Standards":           {good: []string{"", "{\n\"X\":{}\n}"}, bad: []string{"[]"}},
		"IncludeResults":      {good: []string{"", "all", "FAILED", "FAILED,PASSED"}, bad: []string{"FAIL", "FAILED,", "all,FAILED"}},
		"MaxQuarantine":       {good: []string{"0%", "0.5%", "100%"}, bad: []string{"", "1", "101%"}},
	}
	parameters := load(t).at("Parameters")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := regexp.MustCompile(parameters.at(name).text("AllowedPattern"))
			for _, v := range c.good {
				if !pattern.MatchString(v) {
					t.Errorf("%q is refused", v)
				}
			}
			for _, v := range c.bad {
				if pattern.MatchString(v) {
					t.Errorf("%q is accepted", v)
				}
			}
		})
	}
}

func TestEveryParameterIsInOneGroup(t *testing.T) {
	t.Parallel()
	doc := load(t)
	var all, grouped []string
	for name := range doc.at("Parameters").m {
		all = append(all, name)
	}
	for _, group := range doc.at("Metadata", "AWS::CloudFormation::Interface").list("ParameterGroups") {
		grouped = append(grouped, group.texts("Parameters")...)
	}
	slices.Sort(all)
	slices.Sort(grouped)
	if diff := cmp.Diff(all, grouped); diff != "" {
		t.Errorf("- parameters, + grouped:\n%s", diff)
	}
}

func TestSchedulesSendTheSamplePayloads(t *testing.T) {
	t.Parallel()
	doc := load(t)
	for name, sample := range map[string]string{"Start": "collector-scheduled.json", "Tick": "collector-tick.json", "Sweep": "forwarder-sweep.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			function := "CollectorFunction"
			if strings.HasPrefix(sample, "forwarder") {
				function = "ForwarderFunction"
			}
			schedule := doc.at("Resources", function, "Properties", "Events", name, "Properties")
			if n := render(t, schedule.m["Name"]); !strings.Contains(n, "${AWS::StackName}") {
				t.Errorf("the name %q would collide with a second stack's", n)
			}
			text, err := os.ReadFile("../../events/" + sample)
			if err != nil {
				t.Fatal(err)
			}
			var want, got map[string]any
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			input := strings.NewReplacer("${AnalysisMode}", "analyze", "<aws.scheduler.scheduled-time>", "2026-11-22T02:00:00Z").
				Replace(render(t, schedule.m["Input"]))
			if err := json.Unmarshal([]byte(input), &got); err != nil {
				t.Fatalf("%s: %v", input, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("- events/%s, + the schedule's input:\n%s", sample, diff)
			}
		})
	}
}

func TestOnlyRawTriggers(t *testing.T) {
	t.Parallel()
	doc := load(t)
	if v := doc.at("Parameters", "Trigger").text("Default"); v != "direct" {
		t.Errorf("Trigger is %s by default", v)
	}
	notifications := doc.at("Resources", "ArchiveBucket", "Properties", "NotificationConfiguration")
	for _, kind := range []string{"LambdaConfigurations", "QueueConfigurations"} {
		for _, branch := range notifications.at(kind).m["Fn::If"].([]any)[1:] {
			configurations, ok := branch.([]any)
			if !ok {
				continue // AWS::NoValue
			}
			for _, c := range configurations {
				rules := object{t: t, m: c.(map[string]any)}.at("Filter", "S3Key").m["Rules"]
				if diff := cmp.Diff([]any{map[string]any{"Name": "prefix", "Value": "raw/"}}, rules); diff != "" {
					t.Errorf("%s: %s", kind, diff)
				}
			}
		}
	}
}
