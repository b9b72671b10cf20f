package template

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// readJSON reads a file that stands beside the template.
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

// CloudWatch Logs, and S3 when it sends to the queue, use the key as
// themselves: only the key's own policy can let them.
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

func only(items []string, wanted string) []string {
	var out []string
	for _, item := range items {
		if item == wanted {
			out = append(out, item)
		}
	}
	return out
}
