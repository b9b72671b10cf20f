package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/expect"
)

// analysis is one scan of a system: the raw object, and what the dashboard has to show
// once it is delivered.
type analysis struct {
	archive.Envelope
	key     string
	catalog []byte
	element element // the parsed raw object, from which expectations are computed
	result  jsontext.Value
	want    dashboard.Tiles
}

// element is one system's part in v1 results.
type element struct {
	UID  string `json:"uid"`
	Scan struct {
		Status    string `json:"status"`
		Timestamp string `json:"timestamp"`
	} `json:"scanStatus"`
	Issues []jsontext.Value `json:"issues"`
}

// analyse makes an analysis of the same system with any number of findings, made some
// minutes after an hour ago.
func analyse(t testing.TB, findings, minute int) *analysis {
	t.Helper()
	all := analyseAll(t, findings, minute)
	return all[slices.IndexFunc(all, func(a *analysis) bool { return a.System.Name == "vc2.example" })]
}

// analyseAll makes the analyses of all systems of such an estate: eight, of
// different types.
func analyseAll(t testing.TB, findings, minute int) []*analysis {
	t.Helper()
	estate, err := appliance.New(appliance.Options{Seed: 7, Findings: findings})
	if err != nil {
		t.Fatal(err)
	}
	var document, catalog bytes.Buffer
	var results struct {
		Elements []element `json:"results"`
	}
	if err := errors.Join(estate.WriteResults(&document), estate.WriteIssues(&catalog)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document.Bytes(), &results, lenient()); err != nil {
		t.Fatal(err)
	}
	started := time.Now().UTC().Truncate(time.Second).Add(-time.Hour + time.Duration(minute)*time.Minute)
	var all []*analysis
	for _, system := range estate.Systems() {
		an := &analysis{catalog: catalog.Bytes(), element: results.Elements[slices.IndexFunc(results.Elements, func(e element) bool { return e.UID == system.ID })]}
		if an.result, err = json.Marshal(an.element, lenient()); err != nil {
			t.Fatal(err)
		}
		an.System = archive.System{ID: system.ID, Name: system.Name, Type: system.Type}
		an.Scan = archive.EnvelopeScan{Status: an.element.Scan.Status, CompletedAt: an.element.Scan.Timestamp}
		an.Run = archive.EnvelopeRun{ID: started.Format("20060102T150405Z") + "-4f3a", StartedAt: started}
		an.key = archive.RawKey(started, an.Run.ID, system.ID, system.Name)
		an.want = an.tiles(t, an.element.Issues)
		all = append(all, an)
	}
	return all
}

// lenient reads and writes JSON as appliances send it.
func lenient() jsontext.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// tiles returns what the dashboard has to show of these issues.
func (a *analysis) tiles(t testing.TB, issues []jsontext.Value) dashboard.Tiles {
	t.Helper()
	part := *a
	part.element.Issues = issues
	return tilesOf(t, &part)
}

// tilesOf returns what the dashboard has to show of these analyses, each of
// another system.
func tilesOf(t testing.TB, analyses ...*analysis) dashboard.Tiles {
	t.Helper()
	var systems []appliance.System
	for _, a := range analyses {
		systems = append(systems, appliance.System{ID: a.System.ID, Name: a.System.Name, Type: a.System.Type})
	}
	tiles, err := expect.Tiles(bytes.NewReader(saved(t, analyses...)), systems)
	if err != nil {
		t.Fatal(err)
	}
	return tiles
}

// saved is the document of these analyses as a person saves it from the appliance.
func saved(t testing.TB, analyses ...*analysis) []byte {
	t.Helper()
	var elements []element
	for _, a := range analyses {
		elements = append(elements, a.element)
	}
	document, err := json.Marshal(map[string][]element{"results": elements}, lenient())
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// refuse chooses a rule with one row, which Dynatrace is to refuse, and returns a text
// that the bodies with it hold. The dashboard is then expected without that rule.
func (a *analysis) refuse(t testing.TB) (refused string) {
	t.Helper()
	rule := a.want.Rules[slices.IndexFunc(a.want.Rules, func(r dashboard.Rule) bool { return r.Rows == dashboard.Rows{Passed: 1} })].ID
	rest := slices.DeleteFunc(slices.Clone(a.element.Issues), func(issue jsontext.Value) bool {
		var i struct {
			ID string `json:"issueDisplayId"`
		}
		err := json.Unmarshal(issue, &i, lenient())
		return err == nil && strings.HasSuffix(rule, i.ID)
	})
	if len(rest) != len(a.element.Issues)-1 {
		t.Fatalf("rule %s is of %d issues", rule, len(a.element.Issues)-len(rest))
	}
	a.element.Issues, a.want = rest, a.tiles(t, rest)
	return fmt.Sprintf(`"compliance.rule.id":%q`, rule)
}

// archive puts an analysis into the archive as the collector does.
func (s *site) archive(a *analysis) {
	s.Helper()
	catalog, err := s.store.PutCatalog(s.Context(), func(w io.Writer) error {
		_, err := w.Write(a.catalog)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	_, err = s.store.PutRaw(s.Context(), a.key, func(w io.Writer) error {
		e := a.Envelope
		e.Catalog = catalog
		if err := e.WriteHead(w); err != nil {
			return err
		}
		_, err := w.Write(append(slices.Clone(a.result), '}'))
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// shows expects the dashboard to show an analysis, each row once; nil: nothing.
func (s *site) shows(a *analysis) {
	s.Helper()
	var want dashboard.Tiles
	if a != nil {
		want = a.want
	}
	if d := s.receiver.Tiles().Diff(want); len(d) > 0 {
		s.Errorf("the dashboard is wrong:\n%s", strings.Join(d, "\n"))
	}
	st := s.receiver.Stats()
	if st.DuplicateFindings+st.ShapeErrors+st.Stale+st.Future+st.Parameters > 0 {
		s.Errorf("%+v", st)
	}
}

// checkComplete expects a delivery to be complete under a generation, its figures to agree
// with what Dynatrace has, and the register to name it.
func (s *site) checkComplete(a *analysis, generation int) {
	s.Helper()
	d := s.delivery(a.key).Value
	if d.State != archive.DeliveryComplete || d.Lease != nil || d.Doubt || d.Reason != "" || d.Expired > 1 || d.Generation != generation {
		s.Errorf("%s is left as %+v, want generation %d", a.key, d, generation)
	}
	if r := s.register(a.System.ID); r.ScanID != d.ScanID || r.Generation != d.Generation || r.RawKey != a.key {
		s.Errorf("the register names %+v, the delivery is %+v", r, d.Scan)
	}
	rows := int64(0)
	for _, e := range s.receiver.Events() {
		if e.Type == dashboard.TypeFinding && e.ScanID.String() == d.ScanID {
			rows++
		}
	}
	quarantined := int64(0)
	for _, err := range s.store.List(s.Context(), fmt.Sprintf("quarantine/%s/g%d/", a.key, generation), "") {
		if err != nil {
			s.Fatal(err)
		}
		quarantined++
	}
	if rows != d.Accepted || quarantined != d.Quarantined || d.Mapped != d.Accepted+d.Quarantined+d.Skipped {
		s.Errorf("%d mapped, %d accepted, %d quarantined, %d skipped; %d rows and %d objects in quarantine", d.Mapped, d.Accepted, d.Quarantined, d.Skipped, rows, quarantined)
	}
}

// committed returns the scan ids of all scan events.
func (s *site) committed() []string {
	var ids []string
	for _, e := range s.receiver.Events() {
		if e.Type == dashboard.TypeScanCompleted {
			ids = append(ids, e.ScanID.String())
		}
	}
	return ids
}
