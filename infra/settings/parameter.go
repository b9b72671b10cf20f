// Package settings reads and writes a stage's settings file, which has the values
// of the template's parameters. It makes the file from the template, names what is
// wrong with it before anything is deployed, writes the values for the SAM CLI, and
// shows where a deployed stack differs. It promises that every value arrives at
// CloudFormation as it was written.
package settings

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parameter is a parameter of the template.
type Parameter struct {
	// Name and Description are those of the template.
	Name, Description string
	// Group is the heading under which the template lists it.
	Group string
	// Default is the value of a parameter that has no line in the file.
	Default string
	// Required: the parameter has no default.
	Required bool
	// Allowed has the only possible values; empty: other bounds hold.
	Allowed []string
	// Must says in words what a value must be: "must be true or false".
	Must string

	// list: the value is a comma-separated list, and the bounds are those of an element.
	list     bool
	pattern  *regexp.Regexp // nil: not bounded
	longest  int            // in characters; 0: not bounded
	from, to *float64       // least and greatest number; nil: not bounded
}

// Template has the parameters of template.yaml, in the order of the template's
// groups.
type Template []Parameter

// ReadTemplate reads the parameters of a CloudFormation template that is a file:
// their types, defaults and bounds. A template without parameters is an error.
func ReadTemplate(path string) (Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template's parameters: %w", err)
	}
	var doc struct {
		Metadata struct {
			Interface struct {
				Groups []struct {
					Label      struct{ Default string } `yaml:"Label"`
					Parameters []string                 `yaml:"Parameters"`
				} `yaml:"ParameterGroups"`
			} `yaml:"AWS::CloudFormation::Interface"`
		} `yaml:"Metadata"`
		Parameters map[string]parameter `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the parameters of %s: %w", path, err)
	}
	var all Template
	for _, group := range doc.Metadata.Interface.Groups {
		for _, name := range group.Parameters {
			p, err := doc.Parameters[name].named(name, group.Label.Default)
			if err != nil {
				return nil, fmt.Errorf("read the parameters of %s: %s: %w", path, name, err)
			}
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no parameters: name the product's template", path)
	}
	return all, nil
}

// parameter is a parameter as it is written in the template.
type parameter struct {
	Type        string   `yaml:"Type"`
	Description string   `yaml:"Description"`
	Default     *string  `yaml:"Default"`
	Allowed     []string `yaml:"AllowedValues"`
	Pattern     string   `yaml:"AllowedPattern"`
	Longest     int      `yaml:"MaxLength"`
	From        *float64 `yaml:"MinValue"`
	To          *float64 `yaml:"MaxValue"`
	Must        string   `yaml:"ConstraintDescription"`
}

// named returns the parameter under its name and the heading of its group.
func (p parameter) named(name, group string) (Parameter, error) {
	out := Parameter{
		Name: name, Description: p.Description, Group: group, Required: p.Default == nil, Allowed: p.Allowed, Must: p.Must,
		list: p.Type == "CommaDelimitedList", longest: p.Longest, from: p.From, to: p.To,
	}
	if p.Type == "" {
		return out, errors.New("there is no such parameter, or it has no type")
	}
	if p.Default != nil {
		out.Default = *p.Default
	}
	var err error
	if p.Pattern != "" {
		out.pattern, err = regexp.Compile(p.Pattern)
	}
	return out, err
}

// Check returns an error that says what is wrong with a value; nil: CloudFormation
// accepts it.
func (p *Parameter) Check(value string) error {
	elements := []string{value}
	if p.list {
		elements = strings.Split(value, ",")
	}
	for _, element := range elements {
		if !p.takes(element) {
			if value == "" && p.Required {
				return fmt.Errorf("%s has no value: %s", p.Name, p.Description)
			}
			return fmt.Errorf("%s %s, not %q", p.Name, p.Must, element)
		}
	}
	return nil
}

// takes reports whether a value, or an element of a list, is within the bounds.
func (p *Parameter) takes(value string) bool {
	switch {
	case len(p.Allowed) > 0:
		return slices.Contains(p.Allowed, value)
	case p.longest > 0 && len([]rune(value)) > p.longest, p.pattern != nil && !p.pattern.MatchString(value):
		return false
	case p.from == nil || p.to == nil:
		return true
	}
	n, err := strconv.ParseFloat(value, 64)
	return err == nil && n >= *p.from && n <= *p.to
}

// find returns a parameter by its name. The error for an unknown name has the right
// one, if only case, hyphens, underscores or spaces differ.
func (t Template) find(name string) (*Parameter, error) {
	i := slices.IndexFunc(t, func(p Parameter) bool { return p.Name == name })
	if i >= 0 {
		return &t[i], nil
	}
	for i := range t {
		if strings.EqualFold(t[i].Name, strings.NewReplacer("_", "", "-", "", " ", "").Replace(name)) {
			return nil, fmt.Errorf("there is no parameter %q: it is called %s", name, t[i].Name)
		}
	}
	return nil, fmt.Errorf("there is no parameter %q: the template's are listed in the file that `settings new` makes", name)
}
