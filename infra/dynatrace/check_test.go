package dynatrace

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// scope is the set of fields that a command of DQL sees.
type scope map[string]bool

func (s scope) add(names ...string) {
	for _, n := range names {
		s[n] = true
	}
}

// checker follows the fields through a query: which there are at first, which a command
// adds, and which it keeps.
type checker struct {
	sent    map[string]scope // fields by event type
	summary schemaNode       // of scan.result.summary_json
	faults  []string
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// check returns the fields of a query's result, and records faults.
func (c *checker) check(query string) scope {
	tokens, err := lex(query)
	if err != nil {
		c.fault("%v", err)
		return nil
	}
	return c.pipeline(tokens)
}

func (c *checker) pipeline(tokens []token) scope {
	var s scope
	for i, command := range split(tokens, "|") {
		name, args := at(command, 0).text, command[min(1, len(command)):]
		if (name == "fetch") != (i == 0) {
			c.fault("a query begins with fetch, and fetch begins a query: %q", name)
			return s
		}
		s = c.command(name, args, s)
	}
	return s
}

func (c *checker) command(name string, args []token, s scope) scope {
	switch name {
	case "fetch":
		return c.fetch(args)
	case "join":
		return c.join(args, s)
	case "filter":
		s = c.narrowed(args, s)
		c.expressions(args, s)
	case "sort", "dedup", "limit":
		c.expressions(args, s)
	case "parse":
		c.expressions(args[:1], s)
		s.add(exports(at(args, 2).text)...)
	case "fieldsAdd":
		c.expressions(args, s)
		s.add(assigned(args)...)
	case "fields":
		c.expressions(args, s)
		s = outputs(args)
	case "summarize", "makeTimeseries":
		c.expressions(args, s)
		by := outputs(parameter(args, "by"))
		s = maps.Clone(by)
		s.add(assigned(args)...)
	default:
		c.fault("%q is no command that these queries use", name)
	}
	return s
}

// bucketField is a field that Dynatrace adds to every event.
const bucketField = "dt.system.bucket"

func (c *checker) fetch(args []token) scope {
	if at(args, 0).text != "security.events" {
		c.fault("fetch %s", at(args, 0).text)
	}
	c.expressions(args[1:], scope{})
	s := scope{bucketField: true}
	for _, fields := range c.sent {
		maps.Copy(s, fields)
	}
	return s
}

// narrowed returns the fields of the one event type that a filter asks for.
func (c *checker) narrowed(args []token, s scope) scope {
	for i, t := range args {
		if t.text != "event.type" || !at(args, i+1).is("==") {
			continue
		}
		fields, ok := c.sent[at(args, i+2).text]
		if !ok {
			c.fault("no event is of type %q", at(args, i+2).text)
			continue
		}
		s = maps.Clone(fields)
		s.add(bucketField)
	}
	return s
}

func (c *checker) join(args []token, left scope) scope {
	inner, rest := bracketed(args)
	right := c.pipeline(inner)
	joined := maps.Clone(left)
	for _, item := range split(rest, ",") {
		list, _ := bracketed(item[min(2, len(item)):])
		switch name := at(item, 0).text; name {
		case "": // what is before the first comma
		case "on":
			c.expressions(list, left)
			c.expressions(list, right)
		case "kind":
			c.known("kind of join", at(item, 2).text, []string{"inner", "leftOuter"})
		case "fields":
			c.expressions(list, right)
			maps.Copy(joined, outputs(list))
		default:
			c.fault("%s is no parameter of join that these queries use", name)
		}
	}
	return joined
}

// expressions checks every name that is read.
func (c *checker) expressions(tokens []token, s scope) {
	functions := []string{
		"avg", "coalesce", "count", "countDistinctExact", "countIf", "floor", "if", "in", "max", "min", "now",
		"sum", "takeFirst", "takeLast", "toDouble", "toLong", "toString",
	}
	parameters := []string{"by", "else", "from", "interval", "sort", "to"}
	words := []string{"and", "or", "not", "asc", "desc"}
	for i, t := range tokens {
		after := at(tokens, i+1)
		switch {
		case !t.isName(), after.is("="): // nothing is read
		case at(tokens, i-1).is("["):
			c.member(tokens, i)
		case after.is("("):
			c.known("function", t.text, append(functions, words...))
		case after.is(":"):
			c.known("parameter", t.text, parameters)
		case t.kind == word && slices.Contains(words, t.text):
		case !s[t.text]:
			c.fault("there is no field %s", t.text)
		}
	}
}

func (c *checker) known(what, name string, names []string) {
	if !slices.Contains(names, name) {
		c.fault("%s is no %s that these queries use", name, what)
	}
}

// member checks summary[a][b] against the schema of the summary.
func (c *checker) member(tokens []token, i int) {
	var path []string
	for ; i > 0 && at(tokens, i-1).is("["); i -= 3 {
		path = append([]string{tokens[i].text}, path...)
		if at(tokens, i-2).kind == word {
			break
		}
	}
	if !c.summary.has(path) {
		c.fault("the summary has no member %q", path)
	}
}

// assigned returns the names before an equals sign.
func assigned(tokens []token) []string {
	var names []string
	for i, t := range tokens {
		if t.isName() && at(tokens, i+1).is("=") {
			names = append(names, t.text)
		}
	}
	return names
}

// outputs returns the fields that a list makes: the assigned names and the plain names.
func outputs(list []token) scope {
	s := scope{}
	for _, item := range split(list, ",") {
		if at(item, 0).isName() {
			s.add(item[0].text)
		}
	}
	return s
}

// parameter returns the list of a named parameter, as by:{a, b}.
func parameter(tokens []token, name string) []token {
	for i, t := range tokens {
		if t.text == name && at(tokens, i+1).is(":") {
			inside, _ := bracketed(tokens[i+2:])
			return inside
		}
	}
	return nil
}

// exports returns the names that a pattern of parse assigns to: JSON:name.
func exports(pattern string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`[A-Z]+:(\w+)`).FindAllStringSubmatch(pattern, -1) {
		names = append(names, m[1])
	}
	return names
}
