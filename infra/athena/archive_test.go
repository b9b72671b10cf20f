// Package athena holds the checks of the SQL for the archive in Amazon Athena. They
// promise that the table reads the folder to which the collector writes, has the
// members of its documents as columns, and that queries name no other columns.
package athena

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
)

func table(t *testing.T) column {
	t.Helper()
	definition, _, _ := statements(t)
	return parseColumns(t, definition[strings.Index(definition, "("):])
}

// envelopePaths returns the dotted names that a struct has in JSON.
func envelopePaths(kind reflect.Type) []string {
	var paths []string
	for field := range kind.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() != reflect.Struct || field.Type == reflect.TypeFor[time.Time]() {
			paths = append(paths, name)
			continue
		}
		for _, p := range envelopePaths(field.Type) {
			paths = append(paths, name+"."+p)
		}
	}
	return paths
}

// occurring adds the dotted names of a JSON value to a set; an array adds the names of
// its elements.
func occurring(into map[string]bool, prefix string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			into[prefix+name] = true
			occurring(into, prefix+name+".", member)
		}
	case []any:
		for _, element := range v {
			occurring(into, prefix, element)
		}
	}
}

func TestColumnsAreWritten(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/mapping/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no raw objects: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if err := json.Unmarshal(content, &document); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		occurring(seen, "", document)
	}
	reader, err := os.ReadFile("../../internal/runecast/objects.go")
	if err != nil {
		t.Fatal(err)
	}
	isRead := func(path string) bool { // of an object; only some appliances send a verdict with it
		return strings.Contains(path, ".affectedObjects.") && strings.Contains(string(reader), `case "`+lastOf(path)+`"`)
	}
	envelope := envelopePaths(reflect.TypeFor[archive.Envelope]())
	for _, path := range table(t).paths() {
		inResult := strings.HasPrefix(path, "result.")
		if inResult && !seen[path] && !isRead(path) {
			t.Errorf("no raw object has %s, and nobody reads it", path)
		}
		if !inResult && !slices.Contains(envelope, path) {
			t.Errorf("the envelope has no %s", path)
		}
	}
}

func TestTableIsWhereTheCollectorWrites(t *testing.T) {
	t.Parallel()
	definition, _, _ := statements(t)
	property := func(form string) string {
		m := regexp.MustCompile(form).FindStringSubmatch(definition)
		if m == nil {
			t.Fatalf("the table has no %s", form)
		}
		return m[1]
	}
	day := time.Date(2026, 3, 9, 23, 59, 0, 0, time.UTC)
	object := "s3://BUCKET/" + archive.RawKey(day, "20260309T235900Z-4f3a", "id", "vc1.example")
	if format := property(`'projection.dt.format' = '([^']+)'`); format != "yyyy-MM-dd" {
		t.Errorf("dt is %q", format)
	}
	folder := strings.ReplaceAll(property(`'storage.location.template' = '([^']+)'`), "${dt}", "2026-03-09")
	if rest, ok := strings.CutPrefix(object, folder); !ok || !strings.HasPrefix(rest, "run=") {
		t.Errorf("%s is not in %s", object, folder)
	}
	if location := property(`LOCATION '([^']+)'`); !strings.HasPrefix(folder, location) {
		t.Errorf("%s is not in %s", folder, location)
	}
}

// OpenX reads a document from one line: the collector adds no line end to what the
// appliance sends, whatever characters the names of systems have.
func TestEnvelopeIsOneLine(t *testing.T) {
	t.Parallel()
	var head bytes.Buffer
	if err := (archive.Envelope{System: archive.System{Name: "two\nlines\r\u2028"}}).WriteHead(&head); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(head.String(), "\r\n") {
		t.Errorf("more than one line: %q", head.String())
	}
}

// The columns of an unnested array are in the table's order: Athena assigns them by
// position, not by name.
func TestUnnestedColumnsAreInOrder(t *testing.T) {
	t.Parallel()
	_, view, queries := statements(t)
	columns := table(t)
	form := regexp.MustCompile(`UNNEST\((?:r\.)?([\w.]+)\) AS \w+ \(([\w, ]+)\)`)
	found := form.FindAllStringSubmatch(view+strings.Join(queries, "\n"), -1)
	if len(found) != 3 {
		t.Fatalf("%d arrays are unnested", len(found))
	}
	for _, m := range found {
		path := m[1]
		if path == "objects" { // the view's name for both
			path = "result.issues.affectedObjects"
		}
		array, ok := columns.find(path)
		if !ok {
			t.Errorf("there is no %s", path)
		}
		if diff := cmp.Diff(array.names(), strings.Split(m[2], ", ")); diff != "" {
			t.Errorf("%s: - members, + names:\n%s", m[1], diff)
		}
	}
	inner, _ := columns.find("result.scannedIssues.affectedObjects")
	outer, _ := columns.find("result.issues.affectedObjects")
	if diff := cmp.Diff(outer.names(), inner.names()); diff != "" {
		t.Errorf("the union of both generations needs one type: - v1, + v2:\n%s", diff)
	}
}

// viewColumns returns the columns that the view selects.
func viewColumns(view string) []string {
	selected, _, _ := strings.Cut(view, "FROM (")
	_, selected, _ = strings.Cut(selected, "SELECT")
	plain, _, _ := strings.Cut(selected, "CASE")
	return append(regexp.MustCompile(`\w+`).FindAllString(plain, -1), "verdict")
}

func TestQueriesNameExistingColumns(t *testing.T) {
	t.Parallel()
	_, view, queries := statements(t)
	columns := table(t)
	if len(queries) != 5 {
		t.Errorf("%d queries", len(queries))
	}
	if names := unknown(view, columns, []string{"dt"}); len(names) > 0 {
		t.Errorf("the view names %q", names)
	}
	for i, q := range queries {
		if names := readable(q, view, columns); len(names) > 0 {
			t.Errorf("query %d names %q", i+1, names)
		}
		if !strings.Contains(q, "WHERE dt ") {
			t.Errorf("query %d reads the whole archive", i+1)
		}
	}
}

// readable returns the names in a query that neither the view nor the table has,
// whichever it reads from.
func readable(query, view string, columns column) []string {
	if strings.Contains(query, "runecast_rules") {
		return unknown(query, column{}, viewColumns(view))
	}
	return unknown(query, columns, []string{"dt"})
}

func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ right, wrong, name string }{
		"a misspelt column of the view":     {"profile NOT IN", "profil NOT IN", "profil"},
		"a column of the table, not a view": {"bool_or(verdict = 'MANUAL')", "bool_or(result = 'MANUAL')", "result"},
		"a misspelt name of the query":      {"count_if(has_failed)", "count_if(has_faild)", "has_faild"},
		"a misspelt member of an object":    {"o.moid, min", "o.moide, min", "o.moide"},
		"a misspelt member of the envelope": {"appliance.version AS", "appliance.versions AS", "appliance.versions"},
		"a member of another column":        {"count(DISTINCT run.id)", "count(DISTINCT run.name)", "run.name"},
		"a function that does not exist":    {"floor(", "flor(", "flor"},
		"a hidden column that is not there": {`sum("$file_size") / 1e6`, `sum("$filesize") / 1e6`, `"$filesize"`},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, view, queries := statements(t)
			columns := table(t)
			i := slices.IndexFunc(queries, func(q string) bool { return strings.Contains(q, tt.right) })
			if i < 0 {
				t.Fatalf("no query has %q", tt.right)
			}
			wrong := strings.Replace(queries[i], tt.right, tt.wrong, 1)
			if diff := cmp.Diff([]string{tt.name}, readable(wrong, view, columns)); diff != "" {
				t.Errorf("- wrong, + found:\n%s", diff)
			}
		})
	}
}
