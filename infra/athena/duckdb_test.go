package athena

import (
	"os"
	"strings"
	"testing"
)

// The queries for DuckDB are those for Athena: word for word where both understand them,
// else with the same columns. That they run was tried by hand, with DuckDB 1.5.6 over an
// archive of the local stack.
func TestDuckDBAsksTheSame(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile("duckdb.sql")
	if err != nil {
		t.Fatal(err)
	}
	text := string(ours)
	_, view, queries := statements(t)
	if len(queries) != 5 {
		t.Fatalf("%d questions", len(queries))
	}
	for i, q := range queries {
		same := strings.Contains(text, strings.TrimSpace(q))
		if unlike := i == 2 || i == 4; same == unlike { // they unnest, and ask for sizes, in words of their own
			t.Errorf("question %d is the same: %v\n%s", i+1, same, q)
		}
	}
	for _, name := range viewColumns(view) {
		if !strings.Contains(text, name) {
			t.Errorf("the view has no %s", name)
		}
	}
	for _, path := range table(t).paths() {
		if name := lastOf(path); !strings.Contains(text, name) {
			t.Errorf("the table has no %s", path)
		}
	}
	if !strings.Contains(text, "hive_partitioning = false") {
		t.Error("the folder run= hides the document's member run")
	}
}
