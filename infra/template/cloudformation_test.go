package template

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// load reads template.yaml, with the short tags of intrinsic functions turned
// into their long form: `!Ref X` becomes {"Ref": "X"}.
func load(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return object{t: t, m: plain(t, doc.Content[0]).(map[string]any)}
}

func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	value := untagged(t, n)
	name, short := strings.CutPrefix(n.Tag, "!")
	switch {
	case !short || strings.HasPrefix(name, "!"):
		return value
	case name == "Ref" || name == "Condition":
		return map[string]any{name: value}
	case name == "GetAtt":
		parts := strings.Split(value.(string), ".")
		return map[string]any{"Fn::GetAtt": parts}
	}
	return map[string]any{"Fn::" + name: value}
}

func untagged(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = plain(t, c)
		}
		return list
	case yaml.ScalarNode:
		return n.Value // text is what CloudFormation compares, too
	}
	t.Fatalf("line %d: unexpected kind %d", n.Line, n.Kind)
	return nil
}

// object is a mapping of the template; a member that is missing or of another
// kind fails the test, with its name.
type object struct {
	t *testing.T
	m map[string]any
}

func (o object) at(path ...string) object {
	o.t.Helper()
	for _, name := range path {
		m, ok := o.m[name].(map[string]any)
		if !ok {
			o.t.Fatalf("%s of %s is not a mapping but %v", name, strings.Join(path, "."), o.m[name])
		}
		o.m = m
	}
	return o
}

func (o object) text(name string) string {
	o.t.Helper()
	s, ok := o.m[name].(string)
	if !ok {
		o.t.Fatalf("%s is not text but %v", name, o.m[name])
	}
	return s
}

func (o object) list(name string) []object {
	o.t.Helper()
	items, ok := o.m[name].([]any)
	if !ok {
		o.t.Fatalf("%s is not a list but %v", name, o.m[name])
	}
	var out []object
	for _, item := range items {
		out = append(out, object{t: o.t, m: item.(map[string]any)})
	}
	return out
}

// texts gives a member that is one text or a list of them.
func (o object) texts(name string) []string {
	o.t.Helper()
	return texts(o.t, o.m[name])
}

func texts(t *testing.T, v any) []string {
	t.Helper()
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		out = append(out, render(t, item))
	}
	return out
}

// render shows a value in the way of !Sub: a reference is ${Name}.
func render(t *testing.T, v any) string {
	t.Helper()
	m, isFunction := v.(map[string]any)
	if !isFunction {
		s, ok := v.(string)
		if !ok {
			t.Fatalf("%v is not text", v)
		}
		return s
	}
	if s, ok := m["Fn::Sub"].(string); ok {
		return s
	}
	if s, ok := m["Ref"].(string); ok {
		return "${" + s + "}"
	}
	if parts, ok := m["Fn::GetAtt"].([]string); ok {
		return "${" + strings.Join(parts, ".") + "}"
	}
	t.Fatalf("%v is not text", v)
	return ""
}

// resources gives the resources of one type, by name.
func (o object) resources(kind string) map[string]object {
	o.t.Helper()
	found := map[string]object{}
	all := o.at("Resources")
	for name := range all.m {
		if r := all.at(name); r.text("Type") == kind {
			found[name] = r.at("Properties")
		}
	}
	if len(found) == 0 {
		o.t.Fatalf("no resource of type %s", kind)
	}
	return found
}

// statements gives the statements of a policy document, those that depend on a
// condition included.
func (o object) statements() []object {
	o.t.Helper()
	var out []object
	for _, s := range o.list("Statement") {
		if branches, ok := s.m["Fn::If"].([]any); ok {
			s = object{t: o.t, m: branches[1].(map[string]any)}
		}
		out = append(out, s)
	}
	return out
}
