package settings

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// width is the greatest length of a comment's line, in characters.
const width = 120

// New returns the text of a settings file for a stage. It has every parameter of
// the template, with its meaning, bounds and default as comments; parameters in
// values have their value.
func New(stage string, t Template, values Values) []byte {
	var b bytes.Buffer
	for _, line := range wrapped("Settings of the stage " + stage + ". Git ignores this file: keep a copy in a safe place. The next " +
		"`make deploy STAGE=" + stage + "` sets these values. A line that begins with # shows a parameter's default: the deployment sets the default, whatever value the stack " +
		"has now. To choose another value, remove the #. A value is the whole text after the first colon and space, and may hold spaces and commas. Put a value that begins " +
		"with one of * & ! % @ [ { or holds a # in 'single quotes', and write an apostrophe in it twice. A comment needs a line of its own.") {
		b.WriteString("# " + line + "\n")
	}
	group := ""
	for i := range t {
		p := &t[i]
		if p.Group != group {
			group = p.Group
			fmt.Fprintf(&b, "\n# ---- %s %s\n", group, strings.Repeat("-", max(0, width-8-len(group))))
		}
		b.WriteByte('\n')
		for _, line := range append(wrapped(p.Description+"."), wrapped(p.bounds())...) {
			b.WriteString("# " + line + "\n")
		}
		value, chosen := values[p.Name]
		switch {
		case chosen:
			b.WriteString(line(p.Name, value))
		case p.Required:
			b.WriteString(p.Name + ":\n")
		default:
			b.WriteString("#" + line(p.Name, p.Default))
		}
	}
	return b.Bytes()
}

// bounds returns in words what a value must be, and the default.
func (p *Parameter) bounds() string {
	must := strings.ToUpper(p.Must[:1]) + p.Must[1:] + "."
	switch {
	case p.Required:
		return must + " There is no default."
	case p.Default == "":
		return must + " Default: empty."
	}
	return must + " Default: " + p.Default
}

// wrapped returns the lines of a text that is broken between words.
func wrapped(text string) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(text) {
		if current != "" && len(current)+len(word)+3 > width {
			lines, current = append(lines, current), ""
		}
		current = strings.TrimSpace(current + " " + word)
	}
	return append(lines, current)
}

// line returns the YAML that gives a parameter a value: one line, or several.
func line(name, value string) string {
	style := yaml.Style(0)
	if value == "" || !regexp.MustCompile(`^[A-Za-z0-9/]([^#:'"\\\n]|:[^ ])*$`).MatchString(value) {
		style = yaml.SingleQuotedStyle
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		style = yaml.DoubleQuotedStyle
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	_ = e.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{ // of scalars nothing fails
		{Kind: yaml.ScalarNode, Value: name}, {Kind: yaml.ScalarNode, Value: value, Style: style},
	}})
	return b.String()
}

// Set returns the text of a settings file with another value of a parameter. All
// else stays as it was written, comments too. It is an error if the value is
// outside the template's bounds, or if the parameter's line cannot be found.
func Set(text []byte, t Template, name, value string) ([]byte, error) {
	p, err := t.find(name)
	if err == nil {
		err = p.Check(value)
	}
	if err != nil {
		return nil, err
	}
	before, err := Parse(text, t)
	if err != nil {
		return nil, err
	}
	lines := slices.Collect(strings.Lines(string(text)))
	begin, end := place(lines, name)
	out := strings.Join(lines[:begin], "")
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	out += line(name, value) + strings.Join(lines[end:], "")
	// A file in an unusual form may now say something else than was meant: it is refused.
	after, err := Parse([]byte(out), t)
	before[name] = value
	if err != nil || len(after) != len(before) || after[name] != value {
		return nil, fmt.Errorf("the line of %s is not found: change it by hand", name)
	}
	return []byte(out), nil
}

// place returns which lines, from begin up to end, give a parameter its value. If
// there are none, it is the line that shows the default, else an empty range at the
// end.
func place(lines []string, name string) (begin, end int) {
	for _, prefix := range []string{name + ":", "#" + name + ":", "# " + name + ":"} {
		begin = slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
		if begin < 0 {
			continue
		}
		end = begin + 1
		for prefix[0] != '#' && end < len(lines) && strings.ContainsAny(lines[end][:1], " \t-") {
			end++
		}
		return begin, end
	}
	return len(lines), len(lines)
}
