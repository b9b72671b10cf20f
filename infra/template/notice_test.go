package template

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/notice"
)

func noticeChecks() map[string]check {
	return map[string]check{
		"a run's notice goes to the topic":                   noticeGoesOut,
		"only the collector's notices go out":                noticeIsTheCollectors,
		"a scan's notice goes to the topic":                  scanNoticeGoesOut,
		"only this stack's notices go out":                   scanNoticeIsTheStacks,
		"the forwarder sends notices where there is a topic": noticesFollowTheTopic,
		"the topic's owner is told what to allow":            noticeRightsAreTold,
	}
}

func noticeGoesOut(template node) {
	branches := template.properties("CollectorInvokeConfig").at("DestinationConfig").branches()
	branches[0].at("OnSuccess", "Destination").want("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default")
	if branches[len(branches)-1].has("OnSuccess") {
		template.properties("CollectorInvokeConfig").wrong("hands every run over, wanted or not")
	}
	goesToTopic(template, "NoticeRule", "$.detail.responsePayload.notice.")
}

func scanNoticeGoesOut(template node) { goesToTopic(template, "ScanNoticeRule", "$.detail.") }

// goesToTopic expects that a rule sends title and text, which are under a path of the
// event, as a custom notification for chats.
func goesToTopic(template node, rule, path string) {
	template.at("Resources", rule, "Condition").want("UseNotice")
	for _, target := range template.properties(rule).at("Targets").list() {
		target.at("Arn").want("${NoticeTopicArn}")
		if target.has("RoleArn") {
			target.wrong("has a role: EventBridge publishes by the topic's policy")
		}
		transformer := target.at("InputTransformer")
		for _, name := range transformer.at("InputPathsMap").names() {
			transformer.at("InputPathsMap", name).want(path + name)
			if !strings.Contains(transformer.at("InputTemplate").text(), ": <"+name+">") { // without quotes: EventBridge puts them
				transformer.wrong("does not send %s as a JSON string", name)
			}
		}
		transformer.same("parts", []string{"text", "title"}, transformer.at("InputPathsMap").names())
		message := strings.NewReplacer("<title>", `"t"`, "<text>", `"d"`).Replace(transformer.at("InputTemplate").text())
		if got, want := compact(message), `{"content":{"description":"d","textType":"client-markdown","title":"t"},"source":"custom","version":"1.0"}`; got != want {
			transformer.wrong("sends %s, not %s", got, want)
		}
	}
}

func compact(text string) string {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return err.Error()
	}
	out, _ := json.Marshal(value) // of what was just read
	return string(out)
}

func noticeIsTheCollectors(template node) {
	pattern := template.properties("NoticeRule").at("EventPattern")
	pattern.same("sources", []string{"lambda"}, pattern.at("source").texts())
	pattern.same("kinds", []string{"Lambda Function Invocation Result - Success"}, pattern.at("detail-type").texts())
	pattern.same("functions", []string{"${CollectorFunction.Arn}:$LATEST"}, pattern.at("detail", "requestContext", "functionArn").texts())
	for _, c := range pattern.at("detail", "responsePayload", "notice", "title").list() {
		c.at("exists").want("true") // of a leaf: EventBridge does not look at whole objects
	}
}

func scanNoticeIsTheStacks(template node) {
	pattern := template.properties("ScanNoticeRule").at("EventPattern")
	pattern.same("sources", []string{notice.Source}, pattern.at("source").texts())
	pattern.same("kinds", []string{notice.DetailType}, pattern.at("detail-type").texts())
	pattern.same("archives", []string{"${AWS::StackName}-${AWS::AccountId}-${AWS::Region}"}, pattern.at("detail", "bucket").texts())
	template.properties("ArchiveBucket").at("BucketName").want("${AWS::StackName}-${AWS::AccountId}-${AWS::Region}")
	pattern.same("changes", []string{"true"}, pattern.at("detail", "changed").texts())
	pattern.same("members", []string{"bucket", "changed"}, pattern.at("detail").names())
}

// With a notice topic the forwarder sends notices and has the right to; without a topic
// neither.
func noticesFollowTheTopic(template node) {
	variable := functionVariables(template, "ForwarderFunction").at("NOTICES")
	branches := variable.branches()
	if len(branches) != 2 || branches[0].text() != "on" || branches[1].text() != "off" {
		variable.wrong("is not on with a topic, and else off")
		return
	}
	condition, _ := variable.value.(map[string]any)["Fn::If"].([]any)
	if condition[0] != "UseNotice" {
		variable.wrong("depends on %v", condition[0])
	}
	for _, policy := range template.properties("ForwarderRole").at("Policies").list() {
		for _, s := range policy.at("PolicyDocument", "Statement").list() {
			if slices.Contains(s.branches()[0].at("Action").texts(), "events:PutEvents") {
				s.when("UseNotice").at("Condition", "ForAllValues:StringEquals", "events:source").want(notice.Source)
				s.when("UseNotice").at("Condition", "ForAllValues:StringEquals", "events:detail-type").want(notice.DetailType)
			}
		}
	}
}

func noticeRightsAreTold(template node) {
	description := template.at("Parameters", "NoticeTopicArn", "Description")
	for _, word := range []string{"events.amazonaws.com", "sns:Publish"} {
		if !strings.Contains(description.text(), word) {
			description.wrong("does not name %s", word)
		}
	}
}

// The rule's pattern matches the events of the code that say that something changed,
// and no others.
func TestScanNoticeRuleTakesWhatTheForwarderSends(t *testing.T) {
	t.Parallel()
	template, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	found := &findings{}
	pattern := node{value: template, found: found}.properties("ScanNoticeRule").at("EventPattern", "detail")
	files, err := filepath.Glob("../../internal/notice/testdata/*.json")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var detail map[string]any
		if err := json.Unmarshal(text, &detail); err != nil {
			t.Fatal(err)
		}
		taken := true
		for _, member := range pattern.names() {
			wanted := strings.NewReplacer("${AWS::StackName}", "runecast-ingest", "${AWS::AccountId}", "123456789012", "${AWS::Region}", "eu-central-1").
				Replace(pattern.at(member).texts()[0])
			value, ok := detail[member]
			if !ok {
				t.Errorf("%s has no member %s", file, member)
			}
			taken = taken && fmt.Sprint(value) == wanted
		}
		if taken != (detail["changed"] == true) {
			t.Errorf("%s: taken is %t", file, taken)
		}
	}
	for _, f := range found.list {
		t.Error(f)
	}
}
