package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The packages of the Go version in use can be moved, and other ones are refused
// rather than taken for some that were moved.
func TestMoving(t *testing.T) {
	t.Parallel()
	root, err := goEnv(t.Context(), "GOROOT")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range moves() {
		source, err := os.ReadFile(filepath.Join(root, "src", m.file))
		if err != nil {
			t.Fatal(err)
		}
		moved, err := m.apply(source, `/a "folder"/seconds`)
		if err != nil || !strings.Contains(string(moved), m.moved) {
			t.Fatalf("%s: %v", m.file, err)
		}
		if has := strings.Contains(string(moved), `readFile("/a \"folder\"/seconds")`); has != (m.file == "time/time.go") {
			t.Errorf("%s: reads the seconds: %t", m.file, has)
		}
		if pretty, err := format.Source(moved); err != nil || string(pretty) != string(moved) {
			t.Errorf("%s: what was made is no tidy Go: %v", m.file, err)
		}
		for name, other := range map[string]string{"none": "package time\n", "two": string(source) + string(source)} {
			if _, err := m.apply([]byte(other), "f"); err == nil || !strings.Contains(err.Error(), "adapt") {
				t.Errorf("%s, %s: %v", m.file, name, err)
			}
		}
	}
}
