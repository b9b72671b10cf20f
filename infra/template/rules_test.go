package template

import "slices"

// deployment has the parameters that an operator chooses; the other parameters have their
// defaults.
type deployment struct {
	parameters node
	given      map[string][]string
}

// allowed reports whether a rule of the template accepts the deployment.
func (d deployment) allowed(rule node) bool {
	if !d.holds(rule.at("RuleCondition")) {
		return true
	}
	for _, a := range rule.at("Assertions").list() {
		if !d.holds(a.at("Assert")) {
			return false
		}
	}
	return true
}

// holds reports whether a condition of a rule is true. It knows those of CloudFormation's
// rule functions that the template uses.
func (d deployment) holds(condition node) bool {
	for _, function := range condition.names() {
		args := condition.at(function).list()
		switch {
		case function == "Fn::Not" && len(args) == 1:
			return !d.holds(args[0])
		case function == "Fn::And" && len(args) > 1:
			return !slices.ContainsFunc(args, func(a node) bool { return !d.holds(a) })
		case function == "Fn::Equals" && len(args) == 2:
			return slices.Equal(d.values(args[0]), d.values(args[1]))
		case function == "Fn::Contains" && len(args) == 2:
			return slices.Contains(d.values(args[0]), d.values(args[1])[0])
		case function == "Fn::EachMemberEquals" && len(args) == 2:
			want := d.values(args[1])[0]
			return !slices.ContainsFunc(d.values(args[0]), func(s string) bool { return s != want })
		}
		condition.wrong("%s is not a function of rules that is known here", function)
	}
	return false
}

// values returns the texts of a value, or of the parameter that it refers to.
func (d deployment) values(value node) []string {
	if !value.has("Ref") {
		return value.texts()
	}
	name := value.at("Ref").text()
	if v, ok := d.given[name]; ok {
		return v
	}
	if name == "AWS::Region" {
		return []string{"eu-central-1"}
	}
	return []string{d.parameters.at(name, "Default").text()}
}
