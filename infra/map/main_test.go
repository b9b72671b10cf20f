package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

func saved(t *testing.T, name string, write func(io.Writer) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var b bytes.Buffer
	if strings.HasSuffix(name, ".gz") {
		w := gzip.NewWriter(&b)
		if err := write(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	} else if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Files may lie anywhere, as for a user with a space in the name of the home.
func TestMakeTakesNamesWithSpaces(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "make", "-n", "-f", "-", "replay-local",
		"FILE=my files/results.json", "REPORT=my files/report.html", "CATALOG=my files/issues.json", "SYSTEM=my cluster")
	command.Stdin = bytes.NewReader(makefile)
	got, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	const want = "-report 'my files/report.html' -system 'my cluster' -catalog 'my files/issues.json' 'my files/results.json'"
	if !strings.Contains(string(got), want) {
		t.Errorf("make runs %s", got)
	}
}

// A saved answer of an appliance gives the events that its dashboard needs.
func TestSavedResults(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 3, Findings: 600})
	if err != nil {
		t.Fatal(err)
	}
	results := saved(t, "results.json.gz", a.WriteResults)
	catalog := saved(t, "issues.json", a.WriteIssues)
	var out bytes.Buffer
	if err := (&replay{system: "saved", catalog: catalog}).run([]string{results}, &out); err != nil {
		t.Fatal(err)
	}
	var events []dashboard.Event
	for line := range bytes.Lines(out.Bytes()) {
		e, err := dashboard.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	var document bytes.Buffer
	if err := a.WriteResults(&document); err != nil {
		t.Fatal(err)
	}
	systems := a.Systems()
	for i, s := range systems {
		if s.Type == "VCENTER" { // their names are in another answer, /vcenters
			systems[i].Name = s.ID
		}
	}
	want, err := expect.Tiles(&document, systems)
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range dashboard.Compute(events).Diff(want) {
		t.Error(difference)
	}
	if !strings.Contains(out.String(), "STIG ID") {
		t.Error("the catalogue was not used")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	file := saved(t, "latest.json", func(w io.Writer) error {
		_, err := io.WriteString(w, `{"createdTs":1793584800000,"scannedIssues":[{"issue":{"issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"<script>alert(1)</script>"},"status":"FAIL"}]}`)
		return err
	})
	report := filepath.Join(t.TempDir(), "report.html")
	var out bytes.Buffer
	if err := (&replay{system: "vc<9>", report: report}).run([]string{file}, &out); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CIS-1", "vc&lt;9&gt;", "&lt;script&gt;alert(1)"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report lacks %s", want)
		}
	}
	if strings.Contains(string(html), "<script>") || out.Len() > 0 {
		t.Error("a title became markup, or events went out beside the report")
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"none":      {nil, "name one file"},
		"missing":   {[]string{"/nowhere/x.json"}, "no such file"},
		"html":      {[]string{saved(t, "x", func(w io.Writer) error { _, err := io.WriteString(w, "<html>"); return err })}, "not valid JSON"},
		"something": {[]string{saved(t, "x", func(w io.Writer) error { _, err := io.WriteString(w, `{"a":1}`); return err })}, "schema"},
	} {
		err := (&replay{system: "s"}).run(c.args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
