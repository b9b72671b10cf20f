package template

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func parameterChecks() map[string]check {
	return map[string]check{
		"every parameter is explained and bounded":  parametersAreBounded,
		"every parameter is in one labelled group":  parametersAreGrouped,
		"patterns tell good values from bad":        patternsHold,
		"the environment fits into 4 KB":            environmentFits,
		"the default hour exists on every day":      defaultHourExists,
		"combinations that cannot work are refused": combinationsAreRefused,
	}
}

func parametersAreBounded(template node) {
	parameters := template.at("Parameters")
	for _, name := range parameters.names() {
		p := parameters.at(name)
		if len(p.at("Description").text()) < len("Days that logs are kept") {
			p.wrong("has no description to speak of")
		}
		if !strings.HasPrefix(p.at("ConstraintDescription").text(), "must be ") {
			p.wrong("has no message that says what it must be")
		}
		if !p.has("AllowedValues") && !p.has("AllowedPattern") && (!p.has("MinValue") || !p.has("MaxValue")) {
			p.wrong("takes anything")
		}
		if p.has("NoEcho") {
			p.wrong("takes a secret: secrets are named by ARN, and never pass through a template")
		}
	}
}

func parametersAreGrouped(template node) {
	var grouped []string
	for _, group := range template.at("Metadata", "AWS::CloudFormation::Interface", "ParameterGroups").list() {
		group.at("Label", "default").text()
		grouped = append(grouped, group.at("Parameters").texts()...)
	}
	template.same("parameter groups", template.at("Parameters").names(), grouped)
}

// values has texts that a parameter's pattern must match, and texts that it must not.
type values struct{ good, bad []string }

func patternCases() map[string]values {
	const secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:runecast/token"
	topic := values{good: []string{"", "arn:aws:sns:eu-central-1:123456789012:alarms"}, bad: []string{"alarms", "arn:aws:sqs:eu-central-1:123456789012:alarms", "arn:aws:sns:eu-central-1:123456789012:a.fifo"}}
	key := values{good: []string{"", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab"}, bad: []string{"alias/key", "arn:aws:kms:eu-central-1:123456789012:alias/key"}}
	return map[string]values{
		"RunecastUrl": {
			good: []string{"https://runecast.example.com", "https://10.0.0.5:8443/", "https://rc.example/base"},
			bad:  []string{"", "http://runecast.example.com", "https://user:pass@rc.example", "https://rc.example/?a=b", "https://rc.example#x"},
		},
		"OpenPipelineUrl": {
			good: []string{"https://abc12345.live.dynatrace.com", "https://abc12345.live.dynatrace.com/platform/ingest/v1/security.events"},
			bad:  []string{"", "http://abc12345.live.dynatrace.com", "https://abc12345.live.dynatrace.com?Api-Token=x"},
		},
		"GrailUrl": {
			good: []string{"", "https://abc12345.apps.dynatrace.com"},
			bad:  []string{"http://abc12345.apps.dynatrace.com", "https://abc12345.apps.dynatrace.com?a=b", "abc12345"},
		},
		"RunecastSecretArn":     {good: []string{secret + "-AbCdEf"}, bad: []string{"", "runecast/token", secret, "dt0c01.ABC"}},
		"OpenPipelineSecretArn": {good: []string{secret + "-AbCdEf"}, bad: []string{"", "dt0c01.ABC"}},
		"ScheduleExpression": {
			good: []string{"rate(6 hours)", "rate(1 day)", "cron(0 4 * * ? *)", "cron(0 4 ? * MON-FRI *)"},
			bad:  []string{"", "6 hours", "cron(0 2 * * *)", "rate(0.5 hours)", "rate(1 hours)", "rate(2 hour)", "at(2026-11-22T02:00:00)"},
		},
		"ScheduleTimezone":             {good: []string{"UTC", "Europe/Berlin"}, bad: []string{"", "Europe/", "Europe Berlin"}},
		"ScanTimeout":                  {good: []string{"5h30m", "90m"}, bad: []string{"", "90", "soon"}},
		"PollInterval":                 {good: []string{"30s", "1m"}, bad: []string{"", "30"}},
		"RunecastSystems":              {good: []string{"", "vc1.example,prod-aks", "/subscriptions/1/resourceGroups/a"}, bad: []string{`a"b`, `a\b`}},
		"RunecastScanPath":             {good: []string{"", "/rc2/api/v1/scan/{id}"}, bad: []string{"/scan", "scan/{id}"}},
		"RunecastSystemTypes":          {good: []string{"", `{"a":"AWS"}`}, bad: []string{"a=AWS"}},
		"Standards":                    {good: []string{"", "{\n\"X\":{}\n}"}, bad: []string{"[]"}},
		"SecurityContext":              {good: []string{"", "team-a", "team a/b", "{\"vc1.example\":\"team-a\"}"}, bad: []string{"{", "a}", " team", "{\"a\":1} x"}},
		"IncludeResults":               {good: []string{"", "all", "FAILED", "FAILED,PASSED"}, bad: []string{"FAIL", "FAILED,", "all,FAILED"}},
		"IncludeTypes":                 {good: []string{"", "KB,BP", "VUL"}, bad: []string{",", "KB,", "KB;BP"}},
		"ExcludeTypes":                 {good: []string{"", "NIST,DORA", "PCI DSS"}, bad: []string{",", "NIST,,DORA"}},
		"MaxQuarantine":                {good: []string{"0%", "0.5%", "100%"}, bad: []string{"", "1", "101%"}},
		"AlarmTopicArn":                topic,
		"NoticeTopicArn":               topic,
		"KmsKeyArn":                    key,
		"SecretsKmsKeyArn":             key,
		"PermissionsBoundaryArn":       {good: []string{"", "arn:aws:iam::123456789012:policy/boundary"}, bad: []string{"boundary", "arn:aws:iam::123456789012:role/boundary"}},
		"ForwarderVpcSubnetIds":        {good: []string{"", "subnet-0123456789abcdef0"}, bad: []string{"vpc-0123", "subnet-"}},
		"ForwarderVpcSecurityGroupIds": {good: []string{"", "sg-0123456789abcdef0"}, bad: []string{"default", "sg-"}},
		"ProxyUrl": {
			good: []string{"", "http://proxy.example.com:3128", "https://10.0.0.9"},
			bad:  []string{"proxy.example.com:3128", "http://user:pass@proxy.example.com", "socks5://proxy.example.com", "http://proxy.example.com/path"},
		},
		"NoProxy":             {good: []string{"", "rc.example", ".eu-central-1.amazonaws.com,10.0.0.0/8,[fd12::1]:443", "*"}, bad: []string{"https://rc.example", "a b", "a,", "a@b"}},
		"CaBundleLayerArn":    {good: []string{"", "arn:aws:lambda:eu-central-1:123456789012:layer:authorities:3"}, bad: []string{"authorities", "arn:aws:lambda:eu-central-1:123456789012:layer:authorities"}},
		"VpcSubnetIds":        {good: []string{"", "subnet-0123456789abcdef0"}, bad: []string{"vpc-0123", "subnet-"}},
		"VpcSecurityGroupIds": {good: []string{"", "sg-0123456789abcdef0"}, bad: []string{"default", "sg-"}},
	}
}

func patternsHold(template node) {
	parameters, cases := template.at("Parameters"), patternCases()
	for _, name := range parameters.names() {
		p := parameters.at(name)
		if !p.has("AllowedPattern") {
			continue
		}
		c, ok := cases[name]
		if !ok {
			p.wrong("has a pattern that no case tries")
		}
		pattern, err := regexp.Compile(p.at("AllowedPattern").text())
		if err != nil {
			p.wrong("has no pattern: %v", err)
			continue
		}
		for _, v := range c.good {
			if !pattern.MatchString(v) {
				p.wrong("%q is refused", v)
			}
		}
		for _, v := range c.bad {
			if pattern.MatchString(v) {
				p.wrong("%q is accepted", v)
			}
		}
	}
}

// Lambda accepts 4 KB of names and values of variables. More would fail in the middle of
// a deployment.
func environmentFits(template node) {
	const limit = 4096
	for _, function := range []string{"CollectorFunction", "ForwarderFunction"} {
		variables, total := functionVariables(template, function), 0
		for _, name := range variables.names() {
			most := 0
			for _, value := range variables.at(name).branches() {
				most = max(most, longest(template, value.text()))
			}
			total += len(name) + most
		}
		if total > limit {
			variables.wrong("can have %d bytes, over Lambda's %d", total, limit)
		}
	}
}

// longest returns the greatest length of a variable's value, in bytes.
func longest(template node, value string) int {
	const bucketName, number = 63, 20
	parameter, ok := strings.CutPrefix(value, "${")
	switch {
	case !ok:
		return len(value)
	case strings.HasPrefix(parameter, "AWS::"):
		return bucketName
	}
	p := template.at("Parameters", strings.TrimSuffix(parameter, "}"))
	switch {
	case p.has("AllowedValues"):
		most := 0
		for _, allowed := range p.at("AllowedValues").texts() {
			most = max(most, len(allowed))
		}
		return most
	case p.at("Type").text() == "Number":
		return number
	}
	n, err := strconv.Atoi(p.at("MaxLength").text())
	if err != nil {
		p.wrong("has no bound: %v", err)
	}
	return n
}

// attempts has the parameters of deployments that a rule must refuse, and of deployments
// that it must accept.
type attempts struct{ refused, taken map[string][]string }

func ruleCases() map[string]attempts {
	return map[string]attempts{
		"SubnetsNeedSecurityGroups": {
			refused: map[string][]string{"VpcSubnetIds": {"subnet-1"}},
			taken:   map[string][]string{"VpcSubnetIds": {"subnet-1"}, "VpcSecurityGroupIds": {"sg-1"}},
		},
		"SecurityGroupsNeedSubnets": {
			refused: map[string][]string{"VpcSecurityGroupIds": {"sg-1"}},
			taken:   map[string][]string{"VpcSubnetIds": {"subnet-1"}, "VpcSecurityGroupIds": {"sg-1"}},
		},
		"ForwarderSubnetsNeedSecurityGroups": {
			refused: map[string][]string{"ForwarderVpcSubnetIds": {"subnet-1"}},
			taken:   map[string][]string{"ForwarderVpcSubnetIds": {"subnet-1"}, "ForwarderVpcSecurityGroupIds": {"sg-1"}},
		},
		"ForwarderSecurityGroupsNeedSubnets": {
			refused: map[string][]string{"ForwarderVpcSecurityGroupIds": {"sg-1"}},
			taken:   map[string][]string{"ForwarderVpcSubnetIds": {"subnet-1"}, "ForwarderVpcSecurityGroupIds": {"sg-1"}},
		},
		"ProxyNeedsVpc": {
			refused: map[string][]string{"ProxyUrl": {"http://proxy.example"}},
			taken:   map[string][]string{"ProxyUrl": {"http://proxy.example"}, "ForwarderVpcSubnetIds": {"subnet-1"}},
		},
		"ExceptionsNeedProxy": {
			refused: map[string][]string{"NoProxy": {".amazonaws.com"}},
			taken:   map[string][]string{"NoProxy": {".amazonaws.com"}, "ProxyUrl": {"http://proxy.example"}},
		},
		"FipsNeedsRegion": {
			refused: map[string][]string{"FipsEndpoints": {"true"}},
			taken:   map[string][]string{"FipsEndpoints": {"true"}, "AWS::Region": {"us-gov-west-1"}},
		},
		"TiersNeedTime": {
			refused: map[string][]string{"RawRetentionDays": {"90"}},
			taken:   map[string][]string{"RawRetentionDays": {"90"}, "ArchiveTiers": {"off"}},
		},
		"ExternalModelShowsFailures": {
			refused: map[string][]string{"EventModel": {"external"}, "IncludeResults": {"FAILED,PASSED"}},
			taken:   map[string][]string{"EventModel": {"external"}},
		},
		"ObjectsThatPassedNeedApi2": {
			refused: map[string][]string{"RunecastAllObjects": {"true"}, "RunecastApi": {"v1"}},
			taken:   map[string][]string{"RunecastAllObjects": {"true"}},
		},
		"LatestTriggersNothing": {
			refused: map[string][]string{"AnalysisMode": {"latest"}, "RunecastScanPath": {"/scan/{id}"}},
			taken:   map[string][]string{"AnalysisMode": {"latest"}},
		},
		"OftenNeedsShortTimeout": {
			refused: map[string][]string{"ScheduleExpression": {"rate(1 hour)"}},
			taken:   map[string][]string{"ScheduleExpression": {"rate(1 hour)"}, "ScanTimeout": {"50m"}},
		},
	}
}

func combinationsAreRefused(template node) {
	parameters, cases := template.at("Parameters"), ruleCases()
	template.same("rules", slices.Sorted(maps.Keys(cases)), template.at("Rules").names())
	for name, c := range cases {
		rule := template.at("Rules", name)
		if (deployment{parameters, c.refused}).allowed(rule) {
			rule.wrong("takes %v", c.refused)
		}
		if !(deployment{parameters, c.taken}).allowed(rule) {
			rule.wrong("refuses %v", c.taken)
		}
		if !(deployment{parameters, nil}).allowed(rule) {
			rule.wrong("refuses the defaults")
		}
		for _, a := range rule.at("Assertions").list() {
			if len(a.at("AssertDescription").text()) < len("VpcSubnetIds") {
				a.wrong("does not say what is wrong")
			}
		}
	}
}

// defaultHourExists expects a default hour that exists on every day in every time zone:
// clocks go forward between 0 and 3.
func defaultHourExists(template node) {
	expression := template.at("Parameters", "ScheduleExpression", "Default")
	fields := strings.Fields(expression.text())
	if len(fields) < 2 || !slices.Contains([]string{"4", "5", "6"}, fields[1]) {
		template.wrong("the default %s starts at an hour that clocks may leave out, or in the day", expression.text())
	}
}
