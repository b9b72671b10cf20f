package athena

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// column is a column of the table, or a member of one.
type column struct {
	name    string
	members []column // in order; empty for a text
}

// find returns the column that a dotted path leads to. As in Athena, case does not
// matter.
func (c column) find(path string) (column, bool) {
	first, rest, more := strings.Cut(path, ".")
	for _, m := range c.members {
		switch {
		case !strings.EqualFold(m.name, first):
		case more:
			return m.find(rest)
		default:
			return m, true
		}
	}
	return column{}, false
}

// paths returns the dotted paths of all members that are texts.
func (c column) paths() []string {
	var paths []string
	for _, m := range c.members {
		if len(m.members) == 0 {
			paths = append(paths, m.name)
		}
		for _, p := range m.paths() {
			paths = append(paths, m.name+"."+p)
		}
	}
	return paths
}

// names returns the names of the members, in order.
func (c column) names() []string {
	var names []string
	for _, m := range c.members {
		names = append(names, m.name)
	}
	return names
}

// parseColumns reads the columns of CREATE TABLE up to the closing bracket.
func parseColumns(t *testing.T, definition string) column {
	t.Helper()
	tokens := regexp.MustCompile(`\w+|[<>,:()]`).FindAllString(definition, -1)
	if len(tokens) == 0 || tokens[0] != "(" {
		t.Fatalf("no columns: %.40q", definition)
	}
	p := &columnParser{tokens: tokens[1:]}
	table := column{members: p.list(")", "")}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return table
}

type columnParser struct {
	tokens []string
	err    error
}

func (p *columnParser) next() string {
	if len(p.tokens) == 0 {
		p.err = fmt.Errorf("the columns do not end")
		return ""
	}
	first := p.tokens[0]
	p.tokens = p.tokens[1:]
	return first
}

// list reads name, sign and type, separated by commas, up to the end.
func (p *columnParser) list(end, sign string) []column {
	var columns []column
	for p.err == nil {
		c := column{name: p.next()}
		if sign != "" {
			p.expect(sign)
		}
		c.members = p.kind()
		columns = append(columns, c)
		if s := p.next(); s == end {
			return columns
		} else if s != "," {
			p.err = fmt.Errorf("%s: %q instead of a comma", c.name, s)
		}
	}
	return columns
}

func (p *columnParser) kind() []column {
	switch kind := p.next(); kind {
	case "struct":
		p.expect("<")
		return p.list(">", ":")
	case "array":
		p.expect("<")
		members := p.kind()
		p.expect(">")
		return members
	case "string", "bigint":
	default:
		p.err = fmt.Errorf("type %q", kind)
	}
	return nil
}

func (p *columnParser) expect(sign string) {
	if s := p.next(); s != sign && p.err == nil {
		p.err = fmt.Errorf("%q instead of %q", s, sign)
	}
}

// statements returns the statements of the file, without comments: the table, the view
// and the queries.
func statements(t *testing.T) (table, view string, queries []string) {
	t.Helper()
	content, err := os.ReadFile("archive.sql")
	if err != nil {
		t.Fatal(err)
	}
	bare := regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(string(content), "")
	var all []string
	for s := range strings.SplitSeq(bare, ";") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	if len(all) < 3 || !strings.HasPrefix(all[0], "CREATE EXTERNAL TABLE") || !strings.HasPrefix(all[1], "CREATE OR REPLACE VIEW") {
		t.Fatalf("%d statements, which do not begin with the table and the view", len(all))
	}
	return all[0], all[1], all[2:]
}

// unknown returns the names in a statement that are neither SQL, nor a column,
// nor declared in the statement itself.
func unknown(statement string, table column, given []string) []string {
	bare := regexp.MustCompile(`'[^']*'`).ReplaceAllString(statement, "''")
	declared := slices.Clone(given)
	for _, form := range []string{`\bAS (\w+)`, `(?:WITH|,)\s+(\w+) AS \(`} {
		for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(bare, -1) {
			declared = append(declared, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`AS \w+ \(([\w, ]+)\)`).FindAllStringSubmatch(bare, -1) {
		declared = append(declared, strings.Split(m[1], ", ")...)
	}
	var found []string
	for _, name := range regexp.MustCompile(`"[^"]+"|\b[A-Za-z_][\w.]*`).FindAllString(bare, -1) {
		first, rest, dotted := strings.Cut(name, ".")
		_, isColumn := table.find(name)
		switch {
		case isColumn, slices.Contains(declared, name), slices.Contains(sqlWords(), strings.ToUpper(name)):
		case dotted && first == "r" && (has(table, rest) || slices.Contains(given, rest)):
		case dotted && slices.Contains([]string{"i", "o"}, first) && slices.Contains(declared, lastOf(rest)):
		default:
			found = append(found, name)
		}
	}
	return found
}

func has(table column, path string) bool {
	_, ok := table.find(path)
	return ok
}

func lastOf(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// sqlWords returns the words and functions of SQL that the file uses, and Athena's own
// column with the size of the object.
func sqlWords() []string {
	return strings.Fields(`ALL AND AS ASC BETWEEN BIGINT BOOL_OR BY CASE COALESCE COUNT COUNT_IF CREATE CROSS DESC DISTINCT E0 E6 E9 ELSE END
		FLOOR FROM FROM_ISO8601_TIMESTAMP GROUP IN IS JOIN LAG MAX MIN NOT NULL ON OR ORDER OVER PARTITION REPLACE SELECT SUM THEN
		TRY_CAST UNION UNNEST UPPER VIEW WHEN WHERE WITH "$FILE_SIZE" RUNECAST_RAW RUNECAST_RULES`)
}
