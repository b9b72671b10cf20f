package template

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// readJSON reads a JSON file of this folder.
func readJSON(path string) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return value, nil
}

// CloudWatch Logs, and S3 when it sends to the queue, use the key without a role of the
// stack: only the key's own policy can allow that.
func keyPolicyLetsIn(template node) {
	const path = "key-policy.json"
	if !strings.Contains(template.at("Parameters", "KmsKeyArn", "Description").text(), "infra/template/"+path) {
		template.at("Parameters", "KmsKeyArn").wrong("does not say which policy the key needs")
	}
	policy, err := readJSON(path)
	if err != nil {
		template.wrong("%v", err)
	}
	want := map[string]string{"logs.<region>.amazonaws.com": "kms:Encrypt", "s3.amazonaws.com": "kms:GenerateDataKey"}
	for _, s := range (node{value: policy, path: path, found: template.found}).list() {
		service := s.at("Principal", "Service").text()
		s.same("actions", []string{want[service]}, only(s.at("Action").texts(), want[service]))
		if len(s.at("Condition").names()) == 0 {
			s.wrong("lets in more than this stack")
		}
		delete(want, service)
	}
	for service := range want {
		template.wrong("%s lets %s not in", path, service)
	}
}

// Alarms, and EventBridge with a notice, publish without a role of the stack: only the
// policies of the topic and of its key can allow that. EventBridge comes to an
// encrypted topic without naming its source (SNS developer guide, "Managing
// encryption keys"), so its statements have no condition.
func topicPolicyLetsIn(template node) {
	const path = "topic-policy.json"
	services := map[string]string{"AlarmTopicArn": "cloudwatch.amazonaws.com", "NoticeTopicArn": "events.amazonaws.com"}
	for parameter, service := range services {
		description := template.at("Parameters", parameter, "Description").text()
		for _, word := range []string{service, "sns:Publish", "kms:Decrypt", "kms:GenerateDataKey", "infra/template/" + path} {
			if !strings.Contains(description, word) {
				template.at("Parameters", parameter).wrong("does not name %s, without which nothing arrives", word)
			}
		}
	}
	policy, err := readJSON(path)
	if err != nil {
		template.wrong("%v", err)
	}
	doc := node{value: policy, path: path, found: template.found}
	for part, action := range map[string]string{"topic": "sns:Publish", "key": "kms:GenerateDataKey*"} {
		var let []string
		for _, s := range doc.at(part).list() {
			service := s.at("Principal", "Service").text()
			let = append(let, service)
			s.same("actions", []string{action}, only(s.at("Action").texts(), action))
			if has := s.has("Condition"); has != (service == services["AlarmTopicArn"]) {
				s.wrong("lets in more than this account, or nobody")
			}
		}
		doc.same(part, []string{services["AlarmTopicArn"], services["NoticeTopicArn"]}, let)
	}
}

func only(items []string, wanted string) []string {
	var out []string
	for _, item := range items {
		if item == wanted {
			out = append(out, item)
		}
	}
	return out
}
