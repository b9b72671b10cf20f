package appliance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/appliance"
)

// scanDocument is a latest result of API v2.
type scanDocument struct {
	CreatedTs int64          `json:"createdTs"`
	Summary   map[string]int `json:"configScanResultSummary"`
	Issues    []struct {
		Issue   issue    `json:"issue"`
		Status  string   `json:"status"`
		Count   int      `json:"affectedObjectsCount"`
		Objects []object `json:"affectedObjects"`
	} `json:"scannedIssues"`
}

// flat returns the issues in the form of API v1, without the objects whose status is
// not the issue's own.
func (d scanDocument) flat() []issue {
	list := []issue{}
	for _, scanned := range d.Issues {
		flat := scanned.Issue
		flat.Status, flat.Count = scanned.Status, scanned.Count
		if scanned.Objects != nil {
			flat.Objects = []object{}
		}
		for _, o := range scanned.Objects {
			if o.Status == "" || o.Status == scanned.Status {
				o.Status = ""
				flat.Objects = append(flat.Objects, o)
			}
		}
		list = append(list, flat)
	}
	return list
}

const (
	ecosystemsPath = "/rca/api/v2/rca-instances/1/ecosystems"
	allObjects     = "?includeAllAnalyzedObjects=true"
)

func scansPath(v2ID string) string  { return "/rca/api/v2/ecosystems/" + v2ID + "/config-scans" }
func latestPath(v2ID string) string { return scansPath(v2ID) + "/latest" }

func scanOf(t *testing.T, a *appliance.Appliance, v2ID, query string) scanDocument {
	t.Helper()
	answer := call(t, a, http.MethodGet, latestPath(v2ID)+query)
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Fatalf("latest result of %s: %d %s", v2ID, answer.Code, answer.Body)
	}
	return decode[scanDocument](t, answer.Body.Bytes())
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	const v1, v2 = "/rc2/api/v1/", "/rca/api/v2/"
	tests := map[string]struct {
		method, path string
		want         [4]int // v1, v2, both, mixed
	}{
		"vCenters":             {http.MethodGet, v1 + "vcenters", [4]int{200, 404, 200, 200}},
		"results":              {http.MethodGet, v1 + "results", [4]int{200, 404, 200, 404}},
		"catalogue":            {http.MethodGet, v1 + "issues", [4]int{200, 404, 200, 404}},
		"licences":             {http.MethodGet, v1 + "licenses", [4]int{200, 404, 200, 404}},
		"trigger by v1":        {http.MethodPost, v1 + "scan/{uid}", [4]int{202, 404, 202, 202}},
		"analyzers below /rc2": {http.MethodGet, "/rc2/api/v2/rca-instances?localOnly=false", [4]int{200, 404, 200, 200}},
		"analyzers below /rca": {http.MethodGet, v2 + "rca-instances?localOnly=false", [4]int{404, 200, 200, 200}},
		"systems":              {http.MethodGet, ecosystemsPath, [4]int{404, 200, 200, 200}},
		"another analyzer":     {http.MethodGet, v2 + "rca-instances/2/ecosystems", [4]int{404, 404, 404, 404}},
		"latest result":        {http.MethodGet, latestPath("2772"), [4]int{404, 200, 200, 200}},
		"latest, all objects":  {http.MethodGet, latestPath("2772") + allObjects, [4]int{404, 200, 200, 200}},
		"latest of a v1 uid":   {http.MethodGet, latestPath("{uid}"), [4]int{404, 404, 404, 404}},
		"trigger by v2":        {http.MethodPost, scansPath("2772"), [4]int{404, 202, 202, 405}},
		"trigger of a v1 uid":  {http.MethodPost, scansPath("{uid}"), [4]int{404, 404, 404, 405}},
		"user interface":       {http.MethodGet, "/rc2", [4]int{404, 404, 404, 404}},
	}
	for i, api := range []string{appliance.APIv1, appliance.APIv2, appliance.APIBoth, appliance.APIMixed} {
		a := newAppliance(t, appliance.Options{Findings: 280, API: api, Token: adminToken, ReadOnlyToken: readOnlyToken})
		uid := a.Systems()[0].ID
		for name, tt := range tests {
			t.Run(api+", "+name, func(t *testing.T) {
				t.Parallel()
				path := strings.ReplaceAll(tt.path, "{uid}", uid)
				if got := call(t, a, tt.method, path); got.Code != tt.want[i] {
					t.Errorf("%s %s: %d, want %d: %.200s", tt.method, path, got.Code, tt.want[i], got.Body)
				}
				if got := callAs(t, a, tt.method, path, "wrong").Code; got != http.StatusUnauthorized {
					t.Errorf("with a wrong token: %d, want 401", got)
				}
				if tt.method != http.MethodGet {
					if got := callAs(t, a, tt.method, path, readOnlyToken).Code; got != http.StatusForbidden {
						t.Errorf("with a read-only token: %d, want 403", got)
					}
				}
			})
		}
	}
}

func TestSystemsOfV2(t *testing.T) {
	t.Parallel()
	for _, text := range []bool{false, true} {
		t.Run(fmt.Sprintf("text %t", text), func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t, appliance.Options{Findings: 280, API: appliance.APIMixed, TextIDs: text, Token: adminToken})
			listed := decode[struct {
				Ecosystems []struct {
					ID       any
					ViewName string
				}
			}](t, call(t, a, http.MethodGet, ecosystemsPath).Body.Bytes()).Ecosystems
			systems := a.Systems()
			if len(listed) != len(systems) {
				t.Fatalf("%d ecosystems, %d systems", len(listed), len(systems))
			}
			otherCase := 0
			for i, s := range systems {
				if _, isText := listed[i].ID.(string); isText != text || fmt.Sprint(listed[i].ID) != s.V2ID || listed[i].ViewName != s.ViewName {
					t.Errorf("ecosystem %+v, want %s %s", listed[i], s.V2ID, s.ViewName)
				}
				if s.V2ID == "" || s.ViewName == "" || s.V2ID == s.ID {
					t.Errorf("system %+v", s)
				}
				if s.Name != s.ID && !strings.EqualFold(s.Name, s.ViewName) {
					t.Errorf("v1 calls it %q, v2 %q", s.Name, s.ViewName)
				}
				if s.Type == "VCENTER" && s.Name != s.ViewName {
					otherCase++
				}
			}
			if otherCase != 1 {
				t.Errorf("%d vCenters have a name in another letter case, want 1 of 2", otherCase)
			}
		})
	}
	for _, s := range newAppliance(t, appliance.Options{Findings: 280}).Systems() {
		if s.V2ID != "" || s.ViewName != "" {
			t.Errorf("without API v2: %+v", s)
		}
	}
}

// Both APIs give the same verdicts on the same objects.
func TestV2SaysWhatV1Says(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t, appliance.Options{Seed: seed, Findings: 3_000, API: appliance.APIBoth, Token: adminToken, Now: newClock().Now})
			document := results(t, a)
			passed, mixed := 0, 0
			for i, s := range a.Systems() {
				want := document.Results[i]
				for j := range want.Issues {
					want.Issues[j].Extra = nil
				}
				affected, analysed := scanOf(t, a, s.V2ID, "?includeAllAnalyzedObjects=false"), scanOf(t, a, s.V2ID, allObjects)
				if diff := cmp.Diff(want.Issues, affected.flat()); diff != "" {
					t.Fatalf("%s: affected objects (-v1 +v2):\n%s", s.ViewName, diff)
				}
				p, m := checkAnalysed(t, want.Issues, analysed)
				passed, mixed = passed+p, mixed+m
				if at := time.UnixMilli(affected.CreatedTs).UTC().Format("2006-01-02T15:04:05.000Z"); at != want.ScanStatus.Timestamp {
					t.Errorf("%s: analysed %s, in v1 %s", s.ViewName, at, want.ScanStatus.Timestamp)
				}
				checkSummary(t, affected)
				for query, all := range map[string]bool{"": false, allObjects: true} {
					written := written(t, func(w io.Writer) error { return a.WriteScan(w, s.V2ID, all) })
					if !bytes.Equal(written, call(t, a, http.MethodGet, latestPath(s.V2ID)+query).Body.Bytes()) {
						t.Errorf("%s: WriteScan and latest%s differ", s.ViewName, query)
					}
				}
			}
			if passed < 100 || mixed < 100 {
				t.Errorf("%d objects of passed checks, %d passed objects of failed ones: too few to show anything", passed, mixed)
			}
		})
	}
}

// checkAnalysed fails the test unless a result with all analysed objects has the
// verdicts of v1. It counts the passed objects of checks that passed and of others.
func checkAnalysed(t *testing.T, want []issue, d scanDocument) (passed, mixed int) {
	t.Helper()
	flat := d.flat()
	for i, scanned := range d.Issues {
		seen := map[string]bool{}
		for _, o := range scanned.Objects {
			id := o.VCUID + "/" + o.MOID
			if seen[id] {
				t.Errorf("issue %v lists %s twice", scanned.Issue.ID, id)
			}
			seen[id] = true
			switch {
			case (o.Status == "") != (len(want[i].Objects) > scanned.Count && scanned.Status != "PASS"):
				t.Errorf("issue %v counts %d, and %s has the status %q", scanned.Issue.ID, scanned.Count, id, o.Status)
			case o.Status != "PASS":
			case scanned.Status == "PASS" || scanned.Status == "M_PASS":
				passed++
			default:
				mixed++
			}
		}
		if scanned.Status == "PASS" || scanned.Status == "M_PASS" {
			flat[i].Objects = want[i].Objects // what passed is not in v1's list
		}
	}
	if diff := cmp.Diff(want, flat); diff != "" {
		t.Fatalf("all objects (-v1 +v2):\n%s", diff)
	}
	return passed, mixed
}

func checkSummary(t *testing.T, d scanDocument) {
	t.Helper()
	want := map[string]int{
		"foundCriticalIssuesCount": 0, "foundMajorIssuesCount": 0, "foundMediumIssuesCount": 0, "foundLowIssuesCount": 0,
		"foundVulnerabilitiesCount": 0,
	}
	for _, scanned := range d.Issues {
		if scanned.Status != "FAIL" && scanned.Status != "M_FAIL" {
			continue
		}
		if scanned.Issue.Severity != "Informational" {
			want["found"+scanned.Issue.Severity+"IssuesCount"]++
		}
		if scanned.Issue.Type == "VUL" {
			want["foundVulnerabilitiesCount"]++
		}
	}
	if diff := cmp.Diff(want, d.Summary); diff != "" {
		t.Errorf("summary (-issues +summary):\n%s", diff)
	}
}

func TestV2DocumentsAreHostile(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, API: appliance.APIv2, Token: adminToken})
	early, late := 0, 0
	first := map[string]bool{}
	for _, s := range a.Systems() {
		for _, scanned := range scanOf(t, a, s.V2ID, allObjects).Issues {
			if n := len(scanned.Objects); n > 1 && scanned.Objects[0].Status != scanned.Objects[n-1].Status {
				first[scanned.Objects[0].Status] = true
			}
		}
		document := call(t, a, http.MethodGet, latestPath(s.V2ID)).Body.String()
		switch {
		case strings.HasPrefix(document, `{"createdTs":`):
			early++
		case strings.HasPrefix(document, `{"statistics":{"duration":1e400,"host":"caf\u00e9 \ud800","host":"\/"`) && strings.Contains(document, `},"createdTs":`):
			late++
		default:
			t.Errorf("%s: %.200s", s.ViewName, document)
		}
	}
	if !first["PASS"] || !first["FAIL"] {
		t.Errorf("lists of passed and other objects begin with %v", first)
	}
	if early == 0 || late == 0 {
		t.Errorf("createdTs comes first in %d documents, last in %d; want some of each", early, late)
	}
}

func TestWriteScanOfNothing(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]appliance.Options{"v1": {Findings: 280}, "v2": {Findings: 280, API: appliance.APIv2}, "saved": testdata} {
		for _, id := range []string{"", "1", "VC1.Example"} {
			var b bytes.Buffer
			err := newAppliance(t, options).WriteScan(&b, id, false)
			checkFault(t, err, fmt.Sprintf("no result of a system %q", id))
			if b.Len() > 0 {
				t.Errorf("%s: %d bytes of nothing", name, b.Len())
			}
		}
	}
}

// During a scan v2 shows the result of the scan before, or an unfinished one of the
// running scan that is dated by the scan's start.
func TestV2DuringAScan(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	a := newAppliance(t, appliance.Options{Findings: 280, API: appliance.APIv2, ScanTime: time.Minute, Token: adminToken, Now: time0.Now})
	systems := a.Systems()
	before := map[string]scanDocument{}
	for _, s := range systems {
		before[s.V2ID] = scanOf(t, a, s.V2ID, "")
		answer := call(t, a, http.MethodPost, scansPath(s.V2ID))
		if answer.Code != http.StatusAccepted || answer.Body.Len() != 0 {
			t.Fatalf("trigger: %d %q", answer.Code, answer.Body)
		}
	}
	started := time0.Now().UnixMilli()
	partial := map[string]int{}
	for _, wait := range []time.Duration{0, 20 * time.Second, 39*time.Second + 999*time.Millisecond} {
		time0.advance(wait)
		for _, s := range systems {
			now := scanOf(t, a, s.V2ID, "")
			checkSummary(t, now)
			switch now.CreatedTs {
			case before[s.V2ID].CreatedTs:
				if diff := cmp.Diff(before[s.V2ID], now); diff != "" {
					t.Errorf("%s: the old result changes:\n%s", s.ViewName, diff)
				}
			case started:
				if n, whole := len(now.Issues), len(before[s.V2ID].Issues); n >= whole || wait > 0 && n <= partial[s.V2ID] {
					t.Errorf("%s: %d issues after %d, of %d", s.ViewName, n, partial[s.V2ID], whole)
				}
				partial[s.V2ID] = len(now.Issues)
			default:
				t.Errorf("%s: analysed at %d", s.ViewName, now.CreatedTs)
			}
		}
	}
	time0.advance(time.Millisecond)
	for _, s := range systems {
		want := before[s.V2ID]
		if want.CreatedTs = started; partial[s.V2ID] == 0 {
			want.CreatedTs += time.Minute.Milliseconds()
		}
		if diff := cmp.Diff(want, scanOf(t, a, s.V2ID, "")); diff != "" {
			t.Errorf("%s after its scan (-want +got):\n%s", s.ViewName, diff)
		}
	}
	if len(partial) != 3 || len(systems)-len(partial) != 5 {
		t.Errorf("%d of %d systems show a result that is not whole, want 3 of 8", len(partial), len(systems))
	}
}

// What one API triggers, the other shows.
func TestTriggerByOneReadByTheOther(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(appliance.System) string{
		"v1": func(s appliance.System) string { return scanPath + s.ID },
		"v2": func(s appliance.System) string { return scansPath(s.V2ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			time0 := newClock()
			a := newAppliance(t, appliance.Options{Findings: 280, API: appliance.APIBoth, ScanTime: time.Minute, Token: adminToken, Now: time0.Now})
			s := a.Systems()[0]
			if got := call(t, a, http.MethodPost, path(s)).Code; got != http.StatusAccepted {
				t.Fatalf("trigger: %d", got)
			}
			time0.advance(time.Minute)
			if got := statuses(t, a)[s.ID].Timestamp; got != "2026-11-22T02:01:00.000Z" {
				t.Errorf("v1 shows %s", got)
			}
			if got := scanOf(t, a, s.V2ID, "").CreatedTs; got != time0.Now().UnixMilli() {
				t.Errorf("v2 shows %d", got)
			}
		})
	}
}
