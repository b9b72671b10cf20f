package mapfile

import (
	"bytes"
	"io"
	"os"
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
	if err := Map(results, Options{System: "saved", Catalog: catalog, Getenv: unset, Events: &out, Notes: t.Output()}); err != nil {
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

// The settings are the forwarder's, and a wrong one is named.
func TestSettings(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 3, Findings: 600})
	if err != nil {
		t.Fatal(err)
	}
	file := saved(t, "results.json", a.WriteResults)
	lines := func(variable, value string) int {
		var out bytes.Buffer
		getenv := func(name string) string { return map[string]string{variable: value}[name] }
		if err := Map(file, Options{System: "s", Getenv: getenv, Events: &out, Notes: t.Output()}); err != nil {
			t.Fatal(err)
		}
		return bytes.Count(out.Bytes(), []byte("\n"))
	}
	if all, severe := lines("", ""), lines("MIN_SEVERITY", "CRITICAL"); severe == 0 || severe >= all {
		t.Errorf("%d events, %d with MIN_SEVERITY=CRITICAL", all, severe)
	}
	wrong := func(string) string { return "sometimes" }
	if err := Map(file, Options{System: "s", Getenv: wrong, Events: io.Discard, Notes: t.Output()}); err == nil || !strings.Contains(err.Error(), "EVIDENCE") {
		t.Errorf("error %v", err)
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
	if err := Map(file, Options{System: "vc<9>", Report: report, Getenv: unset, Events: &out, Notes: t.Output()}); err != nil {
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
	for name, c := range map[string]struct{ file, says string }{
		"missing":   {"/nowhere/x.json", "no such file"},
		"html":      {saved(t, "x", func(w io.Writer) error { _, err := io.WriteString(w, "<html>"); return err }), "is HTML or XML"},
		"something": {saved(t, "x", func(w io.Writer) error { _, err := io.WriteString(w, `{"a":1}`); return err }), "schema"},
	} {
		err := Map(c.file, Options{System: "s", Getenv: unset, Events: io.Discard, Notes: t.Output()})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unset is an environment with nothing in it.
func unset(string) string { return "" }

// The error about a wrong file says which file it is, what is wrong with it, and what to
// take instead.
func TestWrongFilesAreNamed(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"# Title":                         "begins with \"# Title\", not with {: save the whole answer as it comes",
		"":                                "it is empty: save it again",
		`{"event.kind":"SECURITY_EVENT"}`: "neither a raw object, which has a \"schema\", nor results as an appliance answers them: take what it answers to /results",
	} {
		file := saved(t, "x.json", func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		err := Map(file, Options{System: "saved", Getenv: unset, Events: io.Discard, Notes: t.Output()})
		if err == nil || !strings.HasPrefix(err.Error(), file+": ") || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
	results := saved(t, "results.json", func(w io.Writer) error { _, err := io.WriteString(w, `{"results":[]}`); return err })
	for text, says := range map[string]string{"[]": "is a list", "PK\x03\x04": "packed by zip", `{"issues":[`: "cut off"} {
		catalog := saved(t, "issues.json", func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		if err := Map(results, Options{System: "saved", Catalog: catalog, Getenv: unset}); err == nil || !strings.HasPrefix(err.Error(), catalog+": ") || !strings.Contains(err.Error(), says) {
			t.Errorf("catalogue %q: %v", text, err)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if err := Map(nowhere, Options{System: "saved", Getenv: unset}); err == nil || strings.Count(err.Error(), nowhere) != 1 {
		t.Errorf("%v", err)
	}
}

// The note about a scan tells its counts in words.
func TestNoteOfAScan(t *testing.T) {
	t.Parallel()
	var notes strings.Builder
	err := Map("../../internal/mapping/testdata/vcenter.json", Options{System: "saved", Getenv: unset, Events: io.Discard, Notes: &notes})
	if want := "events, 3 skipped, posture 22 %; 1 no_title, 3 not_compliance, "; err != nil || !strings.Contains(notes.String(), want) {
		t.Errorf("%q, %v; want %q", notes.String(), err, want)
	}
}

// A system whose analysis went on when the answer was saved is told of, and does not
// keep the others from being shown.
func TestUnfinishedScanIsToldOf(t *testing.T) {
	t.Parallel()
	const issues = `"issues":[{"id":"1","issueDisplayId":"CIS-1","severity":"Low","type":"CIS","title":"T","status":"PASS"}]`
	file := saved(t, "x.json", func(w io.Writer) error {
		_, err := io.WriteString(w, `{"results":[{"uid":"a","scanStatus":{"status":"RUNNING"},`+issues+`},{"uid":"b","name":"vc-b",`+issues+`}]}`)
		return err
	})
	var notes, events strings.Builder
	err := Map(file, Options{System: "saved", Getenv: unset, Events: &events, Notes: &notes})
	if says := `a: when the document was saved, its analysis had the status "RUNNING"`; err != nil || !strings.Contains(notes.String(), says) || strings.Count(events.String(), "COMPLIANCE_SCAN_COMPLETED") != 1 {
		t.Errorf("%v: %s", err, notes.String())
	}
}
