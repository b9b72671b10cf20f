package template

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
)

// The table of permissions in SECURITY.md agrees with the template word for word. The
// test makes the table from the template, and prints it if SECURITY.md differs.
func TestSecurityHasThePermissions(t *testing.T) {
	t.Parallel()
	template, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	found := &findings{}
	if table := permissions(node{value: template, found: found}); !strings.Contains(string(readme), table) {
		t.Errorf("SECURITY.md needs this table under Permissions:\n%s", table)
	}
	for _, f := range found.list {
		t.Error(f)
	}
}

// permissions returns the roles' rights as a Markdown table, one row per statement.
func permissions(template node) string {
	var b strings.Builder
	b.WriteString("| who | to | may | where |\n|---|---|---|---|\n")
	for _, who := range []struct{ name, role string }{
		{"collector", "CollectorRole"}, {"forwarder", "ForwarderRole"}, {"schedules", "ScheduleRole"}, {"replay job", "BatchReplayRole"},
	} {
		for _, policy := range template.properties(who.role).at("Policies").list() {
			for _, s := range policy.at("PolicyDocument", "Statement").list() {
				fmt.Fprintf(&b, "| %s | %s\n", who.name, permission(s))
			}
		}
	}
	return b.String()
}

func permission(statement node) string {
	s := statement.branches()[0]
	purpose := words(s.at("Sid").text())
	if condition, ok := statement.value.(map[string]any)["Fn::If"].([]any); ok {
		purpose += ", with " + parameterOf(fmt.Sprint(condition[0]))
	}
	may := "`" + strings.Join(s.at("Action").texts(), "` `") + "`"
	if s.at("Effect").text() == "Deny" {
		may = "never " + may
	}
	return fmt.Sprintf("%s | %s | %s |", purpose, may, strings.Join(places(s), ", "))
}

// places returns in words the resources and conditions of a right.
func places(s node) []string {
	var all []string
	if s.has("Condition") && s.at("Condition").has("StringLikeIfExists") {
		for _, prefix := range s.at("Condition", "StringLikeIfExists", "s3:prefix").texts() {
			all = append(all, "`"+prefix+"`")
		}
		return all
	}
	for _, resource := range s.at("Resource").texts() {
		all = append(all, place(resource))
	}
	if s.has("Condition") && s.at("Condition").has("ForAllValues:StringEquals") {
		all = append(all, "as `"+s.at("Condition", "ForAllValues:StringEquals", "events:source").text()+"`")
	}
	if s.has("Condition") && s.at("Condition").has("StringEquals") {
		for _, via := range s.at("Condition", "StringEquals", "kms:ViaService").texts() {
			all = append(all, "by "+strings.TrimSuffix(via, ".${AWS::Region}.${AWS::URLSuffix}"))
		}
	}
	return all
}

func place(resource string) string {
	if key, ok := strings.CutPrefix(resource, archiveARN); ok {
		if key == "" {
			return "the archive's own settings"
		}
		return "`" + strings.TrimPrefix(key, "/") + "`"
	}
	known := map[string]string{
		"*":                        "no resource to name",
		"${RunecastSecretArn}":     "the appliance's secret",
		"${OpenPipelineSecretArn}": "Dynatrace's secret",
		"${KmsKeyArn}":             "the key",
		"${SecretsKmsKeyArn}":      "the secrets' key",
		"${CollectorLogGroup.Arn}": "its log",
		"${ForwarderLogGroup.Arn}": "its log",
		"${DeadLetterQueue.Arn}":   "the dead-letter queue",
		"${ObjectQueue.Arn}":       "the object queue",
		"${CollectorFunction.Arn}": "the collector",
		"${ForwarderFunction.Arn}": "the forwarder",
		"arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default": "the default event bus",
	}
	if words, ok := known[resource]; ok {
		return words
	}
	return resource
}

// parameterOf returns the parameter on which a condition depends.
func parameterOf(condition string) string {
	known := map[string]string{
		"UseKey": "KmsKeyArn", "UseSecretsKey": "SecretsKmsKeyArn", "UseVpc": "VpcSubnetIds", "UseForwarderVpc": "ForwarderVpcSubnetIds", "UseNotice": "NoticeTopicArn", "UseQueue": "Trigger queue",
	}
	return "`" + known[condition] + "`"
}

// words returns the words of a statement's id: "read token" for ReadToken.
func words(id string) string {
	var b strings.Builder
	for i, r := range id {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
