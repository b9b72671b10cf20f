package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"
)

// Values has a stage's values by the names of the parameters. A parameter that is
// not among them has its default.
type Values map[string]string

// Parse reads a settings file: a YAML mapping of parameters to values. A value is
// the text as it is written, also of a number or a word such as "on"; a sequence
// becomes a list separated by commas, a mapping becomes JSON. Errors name the
// lines: a value that could be read in two ways, a name that is no parameter of the
// template, a name that comes twice. Values are not checked against the template's
// bounds; Complete does that.
func Parse(text []byte, t Template) (Values, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return Values{}, nil // comments alone
	} else if err != nil {
		return nil, fmt.Errorf("it is no YAML: %w; a value that begins with one of * & ! %% @ [ { or holds \": \" stands in single quotes", err)
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds a second document: leave one, without a line ---")
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d is no line of the form Name: value", root.Line)
	}
	values, all := Values{}, error(nil)
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, node := root.Content[i], root.Content[i+1]
		value, err := valueOf(node)
		if _, unknown := t.find(name.Value); unknown != nil {
			err = unknown
		} else if _, twice := values[name.Value]; twice {
			err = fmt.Errorf("%s stands there twice", name.Value)
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("line %d: %w", name.Line, err))
			continue
		}
		values[name.Value] = value
	}
	return values, all
}

// valueOf returns the text of a value. A comment on the line of a plain value is
// refused: it may be a part of the value that lacks quotes.
func valueOf(node *yaml.Node) (string, error) {
	if node.LineComment != "" && node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return "", fmt.Errorf("%q ends before %q: put quotes around it all if that belongs to the value, else the comment into a line of its own", node.Value, node.LineComment)
	}
	switch node.Kind {
	case yaml.ScalarNode:
		return strings.TrimRight(node.Value, "\n"), nil
	case yaml.SequenceNode:
		var elements []string
		for _, element := range node.Content {
			text, err := valueOf(element)
			if err == nil && strings.Contains(text, ",") {
				err = fmt.Errorf("%q has a comma, which separates the elements of a list", text)
			}
			if err != nil {
				return "", err
			}
			elements = append(elements, text)
		}
		return strings.Join(elements, ","), nil
	case yaml.MappingNode:
		value, err := object(node)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(value, json.Deterministic(true))
		return string(text), err
	}
	return "", errors.New("anchors and aliases are not read: write the value out")
}

// object returns a YAML mapping as a Go map, whose values are texts or maps.
func object(node *yaml.Node) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, node := node.Content[i].Value, node.Content[i+1]
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%q stands there twice", name)
		}
		var err error
		if node.Kind == yaml.MappingNode {
			out[name], err = object(node)
		} else {
			out[name], err = valueOf(node)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Complete returns a value for every parameter of the template, the default for
// those that v does not have. The error joins all that is wrong: values outside
// the template's bounds, and ARNs of several regions.
func (t Template) Complete(v Values) (Values, error) {
	all, wrong := Values{}, error(nil)
	for _, p := range t {
		value, ok := v[p.Name]
		if !ok {
			value = p.Default
		}
		all[p.Name] = value
		wrong = errors.Join(wrong, p.Check(value))
	}
	return all, errors.Join(wrong, oneRegion(all))
}

// oneRegion returns an error if ARNs are of several regions. An alarm finds its
// topic, a function its secret, and a bucket its key in the stack's own region
// only, and CloudFormation reports another region late or never.
func oneRegion(v Values) error {
	first, of := "", ""
	for _, name := range slices.Sorted(maps.Keys(v)) {
		arn := strings.Split(v[name], ":") // arn:partition:service:region:account:…
		if len(arn) < 6 || arn[0] != "arn" || arn[3] == "" {
			continue
		}
		switch {
		case first == "":
			first, of = arn[3], name
		case arn[3] != first:
			return fmt.Errorf("%s is in %s, and %s in %s: all must be in the stack's own region", of, first, name, arn[3])
		}
	}
	return nil
}

// Region returns the region of the ARNs among the values, "" if there is none.
func (v Values) Region() string {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if arn := strings.Split(v[name], ":"); len(arn) >= 6 && arn[0] == "arn" && arn[3] != "" {
			return arn[3]
		}
	}
	return ""
}
