package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The package time of the Go version in use can be moved, and another one is
// refused rather than taken for one that was moved.
func TestMoving(t *testing.T) {
	t.Parallel()
	root, err := goEnv(t.Context(), "GOROOT")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, "src", "time", "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := moving(source, `/a "folder"/seconds`)
	if err != nil || !strings.Contains(string(moved), "runtimeNow()\n\tsec += secondsAhead\n") || !strings.Contains(string(moved), `readFile("/a \"folder\"/seconds")`) {
		t.Errorf("%v", err)
	}
	if pretty, err := format.Source(moved); err != nil || string(pretty) != string(moved) {
		t.Errorf("what was made is no tidy Go: %v", err)
	}
	for name, other := range map[string]string{"none": "package time\n", "two": string(source) + string(source)} {
		if _, err := moving([]byte(other), "f"); err == nil || !strings.Contains(err.Error(), "adapt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
