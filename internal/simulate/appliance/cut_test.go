package appliance_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"runecast-ingest/internal/simulate/appliance"
)

// arrived is the part of an answer that a client receives.
type arrived struct {
	status, bytes int // status 0: no answer
	whole         bool
}

func fetch(t *testing.T, server *httptest.Server, method, path string) arrived {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", adminToken)
	request.Header.Set("Accept-Encoding", "identity")
	answer, err := server.Client().Transport.RoundTrip(request)
	if err != nil {
		return arrived{}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return arrived{answer.StatusCode, len(body), err == nil}
}

func TestCutAfter(t *testing.T) {
	t.Parallel()
	const results, latest = "/rc2/api/v1/results", "/rca/api/v2/ecosystems/*/config-scans/latest"
	options := appliance.Options{Findings: 280, API: appliance.APIBoth, Token: adminToken, Now: newClock().Now}
	a := newAppliance(t, options)
	size := len(written(t, a.WriteResults))
	first, second := a.Systems()[0], a.Systems()[1]
	whole := arrived{200, size, true}
	tests := map[string]struct {
		cuts         []appliance.Cut
		method, path string
		want         []arrived // of one request after the other
	}{
		"the second":         {[]appliance.Cut{{Path: results, Call: 2, After: 50_001}}, "GET", results, []arrived{whole, {200, 50_001, false}, whole}},
		"each":               {[]appliance.Cut{{Path: results, After: 1}}, "GET", results, []arrived{{200, 1, false}, {200, 1, false}}},
		"before the answer":  {[]appliance.Cut{{Path: results, Call: 1}}, "GET", results, []arrived{{}, whole}},
		"quiet":              {[]appliance.Cut{{Path: results, Call: 1, After: 70_000, Quiet: true}}, "GET", results, []arrived{{200, 70_000, true}, whole}},
		"quiet, nothing":     {[]appliance.Cut{{Path: results, Quiet: true}}, "GET", results, []arrived{{200, 0, true}}},
		"at its end":         {[]appliance.Cut{{Path: results, After: int64(size)}}, "GET", results, []arrived{{200, size, false}}},
		"beyond its end":     {[]appliance.Cut{{Path: results, After: int64(size) + 1}}, "GET", results, []arrived{{200, size, false}}},
		"one after another":  {[]appliance.Cut{{Path: results, Call: 2, After: 9}, {Path: results, Call: 1, After: 8}}, "GET", results, []arrived{{200, 8, false}, {200, 9, false}, whole}},
		"the first counts":   {[]appliance.Cut{{Path: results, After: 8}, {Path: "/*/api/v1/results", After: 9}}, "GET", results, []arrived{{200, 8, false}}},
		"another path":       {[]appliance.Cut{{Path: "/rc2/api/v1/issues", After: 9}, {Path: "[", After: 9}}, "GET", results, []arrived{whole}},
		"with a query":       {[]appliance.Cut{{Path: results, After: 9}}, "GET", results + "?onlyDetectedIssues=true", []arrived{{200, 9, false}}},
		"pattern":            {[]appliance.Cut{{Path: latest, Call: 1, After: 9}}, "GET", latestPath(first.V2ID), []arrived{{200, 9, false}}},
		"a refusal":          {[]appliance.Cut{{Path: "/rc2/*", After: 9}}, "GET", "/rc2/none", []arrived{{404, 9, false}}},
		"an unheard trigger": {[]appliance.Cut{{Path: scanPath + "*", Call: 1}}, "POST", scanPath + second.ID, []arrived{{}, {202, 0, true}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(appliance.CutAfter(newAppliance(t, options), tt.cuts...))
			defer server.Close()
			for i, want := range tt.want {
				if got := fetch(t, server, tt.method, tt.path); got != want {
					t.Errorf("answer %d: %+v, want %+v", i+1, got, want)
				}
			}
		})
	}
}

// A trigger whose answer is lost has begun a scan all the same.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, appliance.Options{Findings: 280, Token: adminToken, Now: newClock().Now, Faults: appliance.Faults{Conflict: true}})
	path := scanPath + a.Systems()[0].ID
	server := httptest.NewServer(appliance.CutAfter(a, appliance.Cut{Path: path, Call: 1}))
	defer server.Close()
	for i, want := range []arrived{{}, {409, 0, true}} {
		got := fetch(t, server, http.MethodPost, path)
		got.bytes = 0
		if got != want {
			t.Errorf("trigger %d: %+v, want %+v", i+1, got, want)
		}
	}
}

func TestCutsAreCountedOnce(t *testing.T) {
	t.Parallel()
	const n = 16
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	h := appliance.CutAfter(next, appliance.Cut{Path: "/x", Call: n / 2, After: 2, Quiet: true})
	var bodies [n]string
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/x?"+strconv.Itoa(i), nil))
			bodies[i] = answer.Body.String()
		})
	}
	all.Wait()
	counts := map[string]int{}
	for _, body := range bodies {
		counts[body]++
	}
	if counts["whole"] != n-1 || counts["wh"] != 1 {
		t.Errorf("answers %v", counts)
	}
}

// What cannot be sent is an error of the handler, as without a cut.
func TestCutPassesErrors(t *testing.T) {
	t.Parallel()
	var got error
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, got = io.WriteString(w, "x") })
	appliance.CutAfter(next, appliance.Cut{Path: "/x", After: 1, Quiet: true}).ServeHTTP(unwritable{}, httptest.NewRequest(http.MethodGet, "/x", nil))
	if !errors.Is(got, io.ErrClosedPipe) {
		t.Errorf("error %v", got)
	}
}

// unwritable is the connection of a client that is gone.
type unwritable struct{}

func (unwritable) Header() http.Header       { return http.Header{} }
func (unwritable) WriteHeader(int)           {}
func (unwritable) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
