package template

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

const archiveARN = "arn:${AWS::Partition}:s3:::${AWS::StackName}-${AWS::AccountId}-${AWS::Region}"

// call is a call of AWS by a role. calls.json has the calls that the code and the
// services make, and calls that must fail.
type call struct {
	Role string `json:"role"`
	// Operation is that of the AWS SDK which makes the call; empty: a service makes it, or nobody.
	Operation string `json:"operation"`
	Action    string `json:"action"`
	// Resource is written as !Sub does; "archive" stands for the bucket's ARN.
	Resource string `json:"resource"`
	// Context has the condition keys of the request, without those of TLS.
	Context map[string]string `json:"context"`
	Allowed bool              `json:"allowed"`
	Why     string            `json:"why"`
}

func readCalls() ([]call, error) {
	text, err := os.ReadFile("calls.json")
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	var calls []call
	if err := json.Unmarshal(text, &calls); err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	for i, c := range calls {
		if rest, ok := strings.CutPrefix(c.Resource, "archive"); ok {
			calls[i].Resource = archiveARN + rest
		}
		if c.Context == nil {
			calls[i].Context = map[string]string{}
		}
		calls[i].Context["aws:SecureTransport"], calls[i].Context["s3:TlsVersion"] = "true", "1.3"
	}
	return calls, nil
}

// allows reports whether IAM allows a call: a Deny of the role or of the bucket wins, and
// a call that no statement allows is denied.
func (n node) allows(c call) bool {
	allowed := false
	for _, s := range n.roleStatements(c.Role) {
		if !s.matches(c) {
			continue
		}
		if s.at("Effect").text() == "Deny" {
			return false
		}
		allowed = true
	}
	for _, s := range n.properties("ArchiveBucketPolicy").at("PolicyDocument").statements() {
		if strings.HasPrefix(c.Action, "s3:") && s.matches(c) {
			return false // the bucket's policy has Denies only: a check of its own
		}
	}
	return allowed
}

func (n node) matches(c call) bool {
	resources := n.at("Resource").texts()
	for i, r := range resources {
		resources[i] = strings.ReplaceAll(r, "${ArchiveBucket.Arn}", archiveARN)
	}
	like := func(value string) func(string) bool {
		return func(pattern string) bool { return glob(pattern, value) }
	}
	return slices.ContainsFunc(n.at("Action").texts(), like(c.Action)) &&
		slices.ContainsFunc(resources, like(c.Resource)) &&
		(!n.has("Condition") || n.at("Condition").met(c.Context))
}

// met reports whether all conditions of a statement hold.
func (n node) met(context map[string]string) bool {
	for _, operator := range n.names() {
		for _, key := range n.at(operator).names() {
			value, present := context[key]
			if !slices.ContainsFunc(n.at(operator, key).texts(), func(want string) bool { return n.compare(operator, want, value, present) }) {
				return false
			}
		}
	}
	return true
}

func (n node) compare(operator, want, value string, present bool) bool {
	switch operator {
	case "Null":
		return (want == "true") == !present
	case "StringEquals", "ArnEquals", "Bool":
		return present && want == value
	case "ForAllValues:StringEquals": // of the one value that there is
		return !present || want == value
	case "StringLike":
		return present && glob(want, value)
	case "StringLikeIfExists":
		return !present || glob(want, value)
	case "NumericLessThan":
		w, err1 := strconv.ParseFloat(want, 64)
		v, err2 := strconv.ParseFloat(value, 64)
		return err1 == nil && err2 == nil && v < w
	}
	n.wrong("%s is not a condition that is known here", operator)
	return false
}

// glob reports whether a value matches a pattern of IAM, in which a star stands for any
// text, slashes too. A question mark, which stands for one character, is not supported.
func glob(pattern, value string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == value
	}
	if !strings.HasPrefix(value, first) || !strings.HasSuffix(value[len(first):], last) {
		return false
	}
	rest := value[len(first) : len(value)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}

// service returns the service of an action: s3 for s3:GetObject.
func service(action string) string {
	name, _, _ := strings.Cut(action, ":")
	return name
}
