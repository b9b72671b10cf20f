// Package template holds the checks of template.yaml, the one place where the
// settings, the rights and the triggers of both functions are written down. It
// promises that the template and the code agree, and that no right is wider
// than the archive's contract. A check looks at a parsed template and records what
// it finds wrong. gates/mutants.yaml proves that each check finds its errors.
package template

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// templatePath is the template that is tested. Another template, such as that of
// another commit, is tested by go test ./infra/template -template PATH
var templatePath = flag.String("template", "../../template.yaml", "the template that is tested")

func readTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(*templatePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parse reads a template, with the short tags of intrinsic functions turned
// into their long form: `!Ref X` becomes {"Ref": "X"}.
func parse(text string) (any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	return plain(doc.Content[0])
}

func plain(n *yaml.Node) (any, error) {
	value, err := untagged(n)
	name, short := strings.CutPrefix(n.Tag, "!")
	switch {
	case err != nil, !short, strings.HasPrefix(name, "!"):
		return value, err
	case name == "Ref", name == "Condition":
		return map[string]any{name: value}, nil
	case name == "GetAtt":
		logicalID, attribute, _ := strings.Cut(fmt.Sprint(value), ".")
		return map[string]any{"Fn::GetAtt": []any{logicalID, attribute}}, nil
	}
	return map[string]any{"Fn::" + name: value}, nil
}

func untagged(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			value, err := plain(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			value, err := plain(c)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.ScalarNode:
		return n.Value, nil // text is what CloudFormation compares, too
	}
	return nil, fmt.Errorf("parse template: line %d: unexpected kind %d", n.Line, n.Kind)
}

// findings collects what a check finds wrong.
type findings struct{ list []string }

// node is a value of the template, and the path to it. A missing value, or one of
// another kind than is asked for, is recorded as a finding and reads as empty.
type node struct {
	value any
	path  string
	found *findings
}

func (n node) wrong(format string, args ...any) {
	n.found.list = append(n.found.list, n.path+": "+fmt.Sprintf(format, args...))
}

func (n node) has(name string) bool {
	m, _ := n.value.(map[string]any)
	_, ok := m[name]
	return ok
}

func (n node) at(names ...string) node {
	for _, name := range names {
		if !n.has(name) {
			n.wrong("%s is missing", name)
		}
		m, _ := n.value.(map[string]any)
		n = node{m[name], strings.TrimPrefix(n.path+"."+name, "."), n.found}
	}
	return n
}

// names returns the names of a mapping's members, sorted.
func (n node) names() []string {
	m, ok := n.value.(map[string]any)
	if !ok {
		n.wrong("is not a mapping but %v", n.value)
	}
	return slices.Sorted(maps.Keys(m))
}

func (n node) list() []node {
	items, ok := n.value.([]any)
	if !ok {
		n.wrong("is not a list but %v", n.value)
	}
	out := make([]node, len(items))
	for i, item := range items {
		out[i] = node{item, fmt.Sprintf("%s[%d]", n.path, i), n.found}
	}
	return out
}

// text returns a value as !Sub writes it: a reference is ${Name}.
func (n node) text() string {
	switch v := n.value.(type) {
	case string:
		return v
	case map[string]any:
		if s, ok := v["Fn::Sub"].(string); ok {
			return s
		}
		if parts, ok := v["Fn::Sub"].([]any); ok && len(parts) == 2 { // with names of its own
			return fmt.Sprint(parts[0])
		}
		if s, ok := v["Ref"].(string); ok {
			return "${" + s + "}"
		}
		if parts, ok := v["Fn::GetAtt"].([]any); ok {
			return fmt.Sprintf("${%v.%v}", parts[0], parts[1])
		}
	}
	n.wrong("is not text but %v", n.value)
	return ""
}

// texts returns a member that is one text or a list of them.
func (n node) texts() []string {
	items := []node{n}
	if _, ok := n.value.([]any); ok {
		items = n.list()
	}
	var out []string
	for _, item := range items {
		out = append(out, item.text())
	}
	return out
}

// branches returns the values that an !If can give, without AWS::NoValue; for a
// value that is no !If the value itself.
func (n node) branches() []node {
	m, _ := n.value.(map[string]any)
	branches, ok := m["Fn::If"].([]any)
	if !ok || len(branches) != 3 {
		return []node{n}
	}
	var out []node
	for _, b := range branches[1:] {
		branch := node{b, n.path, n.found}
		if !branch.has("Ref") || branch.text() != "${AWS::NoValue}" {
			out = append(out, branch)
		}
	}
	return out
}

// when returns the value of !If [name, value, AWS::NoValue]. It is a finding if the
// node is anything else.
func (n node) when(name string) node {
	m, _ := n.value.(map[string]any)
	branches, ok := m["Fn::If"].([]any)
	if !ok || len(branches) != 3 || branches[0] != name {
		n.wrong("does not depend on %s: %v", name, n.value)
		return node{nil, n.path, n.found}
	}
	return node{branches[1], n.path, n.found}
}

// want records a finding if the node's text is another than want.
func (n node) want(want string) {
	if got := n.text(); got != want {
		n.wrong("is %q, not %q", got, want)
	}
}

// resources returns the properties of all resources of one type, by name.
func (n node) resources(kind string) map[string]node {
	found := map[string]node{}
	all := n.at("Resources")
	for _, name := range all.names() {
		if r := all.at(name); r.at("Type").text() == kind {
			found[name] = r.at("Properties")
		}
	}
	if len(found) == 0 {
		n.wrong("no resource of type %s", kind)
	}
	return found
}

func (n node) properties(resource string) node { return n.at("Resources", resource, "Properties") }

// statements returns the statements of a policy document, also those that depend on a
// condition.
func (n node) statements() []node {
	var out []node
	for _, s := range n.at("Statement").list() {
		out = append(out, s.branches()...)
	}
	return out
}

// roleStatements returns the statements of a role's own policies.
func (n node) roleStatements(role string) []node {
	var out []node
	for _, policy := range n.properties(role).at("Policies").list() {
		out = append(out, policy.at("PolicyDocument").statements()...)
	}
	return out
}
