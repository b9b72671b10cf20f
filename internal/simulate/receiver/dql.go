package receiver

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"runecast-ingest/internal/dashboard"
)

// dql is a query of the one form that is understood: it reads security.events of a
// time, filters them by fields, and counts them by groups. Every other query is
// refused, so that no query finds what Grail would not.
type dql struct {
	from, to time.Time
	filters  []dqlFilter
	count    string // the name of the field with the number of rows; "": no summarize yet
	by       []dqlBy
}

// dqlFilter keeps the rows whose field has one of these values.
type dqlFilter struct {
	field  string
	values []string
}

// dqlBy is a field by which rows are grouped. Its value is that of the first of
// fields that is not null, else the text byElse, or null if that is "".
type dqlBy struct {
	name   string
	fields []string
	byElse string
}

const (
	quotedText = `"([^"\\]*)"`
	fieldName  = `[a-z][A-Za-z_.]*`
)

var (
	dqlFetch     = regexp.MustCompile(`^fetch security\.events((?:, (?:from|to):` + quotedText + `)*)$`)
	dqlTime      = regexp.MustCompile(`(from|to):` + quotedText)
	dqlEquals    = regexp.MustCompile(`^filter (` + fieldName + `) == ` + quotedText + `$`)
	dqlIn        = regexp.MustCompile(`^filter in\((` + fieldName + `), \{(.*)\}\)$`)
	dqlSummarize = regexp.MustCompile(`^summarize \{ (` + fieldName + `) = count\(\) \}, by:\{(.*)\}$`)
	dqlCoalesce  = regexp.MustCompile(`^(` + fieldName + `) = coalesce\(((?:` + fieldName + `, )+)` + quotedText + `\)$`)
	dqlField     = regexp.MustCompile(`^` + fieldName + `$`)
	dqlText      = regexp.MustCompile(`^` + quotedText + `$`)
	dqlItem      = regexp.MustCompile(`[^,(]+(?:\([^)]*\))?`)
)

// defaultTimeframe is the time before its end that a query without from reads in Grail.
const defaultTimeframe = 2 * time.Hour

// parseDQL reads a query. It fails on every query that is not of the form of dql.
func parseDQL(text string) (dql, error) {
	var q dql
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines = append(lines, strings.TrimPrefix(line, "| "))
		}
	}
	for i, line := range lines {
		var err error
		switch {
		case i == 0:
			err = q.fetch(line)
		case q.count != "":
			err = fmt.Errorf("nothing may follow the command summarize: %q", line)
		case strings.HasPrefix(line, "filter "):
			err = q.filter(line)
		default:
			err = q.summarize(line)
		}
		if err != nil {
			return q, err
		}
	}
	if q.count == "" {
		return q, fmt.Errorf("the query does not end with the command summarize")
	}
	return q, nil
}

func (q *dql) fetch(line string) error {
	m := dqlFetch.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("the command is not understood: %q", line)
	}
	for _, t := range dqlTime.FindAllStringSubmatch(m[1], -1) {
		at, err := time.Parse(time.RFC3339, t[2])
		if err != nil {
			return fmt.Errorf("the time is not understood: %q", t[2])
		}
		if t[1] == "from" {
			q.from = at
		} else {
			q.to = at
		}
	}
	return nil
}

func (q *dql) filter(line string) error {
	if m := dqlEquals.FindStringSubmatch(line); m != nil {
		q.filters = append(q.filters, dqlFilter{m[1], []string{m[2]}})
		return nil
	}
	m := dqlIn.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("the filter is not understood: %q", line)
	}
	f := dqlFilter{field: m[1]}
	for text := range strings.SplitSeq(m[2], ", ") {
		value := dqlText.FindStringSubmatch(text)
		if value == nil {
			return fmt.Errorf("the list of a filter is not understood: %q", text)
		}
		f.values = append(f.values, value[1])
	}
	q.filters = append(q.filters, f)
	return nil
}

func (q *dql) summarize(line string) error {
	m := dqlSummarize.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("the command is not understood: %q", line)
	}
	q.count = m[1]
	for _, item := range dqlItem.FindAllString(m[2], -1) {
		item = strings.TrimSpace(item)
		if c := dqlCoalesce.FindStringSubmatch(item); c != nil {
			q.by = append(q.by, dqlBy{c[1], strings.Split(strings.TrimSuffix(c[2], ", "), ", "), c[3]})
			continue
		}
		if !dqlField.MatchString(item) {
			return fmt.Errorf("what is grouped by is not understood: %q", item)
		}
		q.by = append(q.by, dqlBy{name: item, fields: []string{item}})
	}
	return nil
}

// dqlFound is what a query found.
type dqlFound struct {
	from, to time.Time
	groups   []dqlGroup
	// scanned is the number of rows in the time and the bucket of the query, bytes
	// their size.
	scanned, bytes int64
}

type dqlGroup struct {
	values []dashboard.Text
	rows   int64
}

// ingestBucket is where the built-in ingest puts events.
const ingestBucket = "default_securityevents"

// run filters, groups and counts rows.
func (q *dql) run(rows iter.Seq[*row], now time.Time) dqlFound {
	out := dqlFound{from: q.from, to: q.to}
	if out.to.IsZero() {
		out.to = now
	}
	if out.from.IsZero() {
		out.from = out.to.Add(-defaultTimeframe)
	}
	index := map[string]int{}
	for r := range rows {
		at := r.event.Timestamp.Time
		if at.Before(out.from) || !at.Before(out.to) || !q.reads(ingestBucket) {
			continue
		}
		out.scanned++
		out.bytes += int64(r.bytes)
		if !q.matches(r) {
			continue
		}
		values := make([]dashboard.Text, len(q.by))
		var key strings.Builder
		for i, by := range q.by {
			values[i] = by.of(r)
			key.WriteString(strconv.Quote(string(values[i])))
		}
		i, known := index[key.String()]
		if !known {
			i = len(out.groups)
			index[key.String()] = i
			out.groups = append(out.groups, dqlGroup{values: values})
		}
		out.groups[i].rows++
	}
	return out
}

// reads reports whether a query looks into a bucket.
func (q *dql) reads(bucket string) bool {
	for _, f := range q.filters {
		if f.field == "dt.system.bucket" && !slices.Contains(f.values, bucket) {
			return false
		}
	}
	return true
}

func (q *dql) matches(r *row) bool {
	for _, f := range q.filters {
		if value := r.field(f.field); value.Null() || !slices.Contains(f.values, value.String()) {
			return false
		}
	}
	return true
}

// of returns the value by which a row is grouped.
func (b *dqlBy) of(r *row) dashboard.Text {
	for _, name := range b.fields {
		if value := r.field(name); !value.Null() {
			return value
		}
	}
	if b.byElse == "" {
		return ""
	}
	return dashboard.NewText(b.byElse)
}
