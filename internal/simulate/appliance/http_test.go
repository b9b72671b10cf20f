package appliance_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/appliance"
)

const scanPath = "/rc2/api/v1/scan/"

func TestAccess(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, ReadOnlyToken: readOnlyToken})
	uid := a.Systems()[0].ID
	const list = "/rc2/api/v1/vcenters"
	tests := map[string]struct {
		method, path, authorization string
		want                        int
	}{
		"bare token":                  {http.MethodGet, list, adminToken, 200},
		"Bearer":                      {http.MethodGet, list, "Bearer " + adminToken, 200},
		"read-only":                   {http.MethodGet, list, readOnlyToken, 200},
		"read-only, Bearer":           {http.MethodGet, list, "Bearer " + readOnlyToken, 200},
		"no token":                    {http.MethodGet, list, "", 401},
		"empty Bearer":                {http.MethodGet, list, "Bearer ", 401},
		"unknown token":               {http.MethodGet, list, "7546e68b", 401},
		"other scheme":                {http.MethodGet, list, "Api-Token " + adminToken, 401},
		"unknown token, unknown path": {http.MethodGet, "/rc2/nothing", "x", 401},
		"unknown path":                {http.MethodGet, "/rc2/nothing", adminToken, 404},
		"API v2 is not there":         {http.MethodGet, "/rca/api/v2/rca-instances/1/ecosystems", adminToken, 404},
		"trigger":                     {http.MethodPost, scanPath + uid, adminToken, 202},
		"trigger, Bearer":             {http.MethodPost, scanPath + uid, "Bearer " + adminToken, 202},
		"trigger, read-only":          {http.MethodPost, scanPath + uid, readOnlyToken, 403},
		"trigger, unknown token":      {http.MethodPost, scanPath + uid, "x", 401},
		"trigger, unknown system":     {http.MethodPost, scanPath + "none", adminToken, 404},
		"trigger by GET":              {http.MethodGet, scanPath + uid, adminToken, 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := callAs(t, a, tt.method, tt.path, tt.authorization)
			if answer.Code != tt.want {
				t.Fatalf("status %d, want %d: %s", answer.Code, tt.want, answer.Body)
			}
			if tt.want >= 400 {
				refused := decode[struct {
					Timestamp, Error, Message, Path string
					Status                          int
				}](t, answer.Body.Bytes())
				if refused.Status != tt.want || refused.Error != http.StatusText(tt.want) || refused.Path != tt.path {
					t.Errorf("error body %s", answer.Body)
				}
				if strings.Contains(answer.Body.String(), adminToken) {
					t.Error("the answer shows a token")
				}
			}
		})
	}
}

func TestNoTokenNoAccess(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280})
	for _, authorization := range []string{"", "Bearer ", adminToken} {
		if got := callAs(t, a, http.MethodGet, "/rc2/api/v1/vcenters", authorization).Code; got != http.StatusUnauthorized {
			t.Errorf("Authorization %q: %d, want 401", authorization, got)
		}
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Now: newClock().Now})
	get := func(path string) []byte {
		answer := call(t, a, http.MethodGet, path)
		if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/json;charset=UTF-8" {
			t.Fatalf("GET %s: %d %s", path, answer.Code, answer.Header())
		}
		return answer.Body.Bytes()
	}

	if !bytes.Equal(get("/rc2/api/v1/results"), written(t, a.WriteResults)) {
		t.Error("/results and WriteResults differ")
	}
	if !bytes.Equal(get("/rc2/api/v1/issues"), written(t, a.WriteIssues)) {
		t.Error("/issues and WriteIssues differ")
	}
	for _, entry := range decode[struct{ Issues []issue }](t, get("/rc2/api/v1/issues?type=KB")).Issues {
		if entry.Type != "KB" {
			t.Errorf("/issues?type=KB gives a %s", entry.Type)
		}
	}
	vcenters := decode[struct {
		VCenters []struct{ UID, Address string }
	}](t, get("/rc2/api/v1/vcenters")).VCenters
	if len(vcenters) != 2 || vcenters[0].UID != a.Systems()[0].ID || vcenters[0].Address != a.Systems()[0].Name {
		t.Errorf("vCenters %v", vcenters)
	}
	licences := decode[struct {
		LicensedHosts int
		Licenses      []struct{ LicensedHosts []struct{ MOID string } }
	}](t, get("/rc2/api/v1/licenses"))
	if licences.LicensedHosts == 0 || len(licences.Licenses[0].LicensedHosts) != licences.LicensedHosts {
		t.Errorf("licences %+v", licences)
	}
	instances := decode[struct {
		Instances []struct {
			Info struct{ InstanceUUID, LongApplicationVersion string } `json:"rcaInstanceInfo"`
		} `json:"rcaInstances"`
	}](t, get("/rc2/api/v2/rca-instances?localOnly=false")).Instances
	if len(instances) != 1 || instances[0].Info.LongApplicationVersion != "6.9.12.0" || instances[0].Info.InstanceUUID == "" {
		t.Errorf("instances %+v", instances)
	}
}

func TestOnlyDetectedIssues(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Now: newClock().Now})
	answer := call(t, a, http.MethodGet, "/rc2/api/v1/results?onlyDetectedIssues=true")
	checkDetected(t, results(t, a), decode[resultsDocument](t, answer.Body.Bytes()))
}

// checkDetected fails the test unless detected is all without checks that found nothing.
func checkDetected(t *testing.T, all, detected resultsDocument) {
	t.Helper()
	kept := 0
	for i := range all.Results {
		var want []issue
		for _, issue := range all.Results[i].Issues {
			switch issue.Status {
			case "FAIL", "M_FAIL", "MANUAL", "UNLICENSED", "PENDING_REVIEW":
				want = append(want, issue)
			}
		}
		kept += len(want)
		if len(want) == 0 {
			want = []issue{}
		}
		all.Results[i].Issues = want
	}
	if kept == 0 {
		t.Error("no issue is left")
	}
	if diff := cmp.Diff(all, detected); diff != "" {
		t.Errorf("detected issues (-want +got):\n%s", diff)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Now: newClock().Now})
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rc2/api/v1/results", nil)
	request.Header.Set("Authorization", adminToken)
	request.Header.Set("Accept-Encoding", "gzip")
	answer := httptest.NewRecorder()
	a.ServeHTTP(answer, request)
	if got := answer.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q", got)
	}
	unpacked, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, written(t, a.WriteResults)) {
		t.Error("the compressed document differs")
	}
}

func TestIntercept(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Intercept: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/rc2/api/v1/issues" {
			return false
		}
		http.Error(w, "down for an update", http.StatusServiceUnavailable)
		return true
	}})
	if got := callAs(t, a, http.MethodGet, "/rc2/api/v1/issues", "").Code; got != http.StatusServiceUnavailable {
		t.Errorf("intercepted call: %d, want 503", got)
	}
	if got := call(t, a, http.MethodGet, "/rc2/api/v1/vcenters").Code; got != http.StatusOK {
		t.Errorf("other call: %d, want 200", got)
	}
}

// A download that breaks off must not look whole.
func TestBrokenDocumentBreaksTheConnection(t *testing.T) {
	t.Parallel()
	document := written(t, newAppliance(t, appliance.Options{}).WriteResults)
	path := saveFile(t, "results.json", document)
	a := newAppliance(t, appliance.Options{ResultsFile: path, Token: adminToken})
	truncate(t, path, int64(len(document)/2))

	server := httptest.NewServer(a)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/rc2/api/v1/results?onlyDetectedIssues=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", adminToken)
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("a cut document of %d bytes arrives as whole (JSON %v)", len(body), json.Valid(body))
	}
}
