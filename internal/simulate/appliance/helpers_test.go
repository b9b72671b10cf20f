package appliance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/appliance"
)

// The documents of the appliance, with types that share nothing with its own.
type resultsDocument struct {
	Results []systemResult `json:"results"`
}

type systemResult struct {
	UID        string `json:"uid"`
	Name       string `json:"name"`
	ScanStatus struct {
		Status    string `json:"status"`
		Timestamp any    `json:"timestamp"` // text, or a number in saved documents
	} `json:"scanStatus"`
	Issues []issue `json:"issues"`
}

type issue struct {
	ID        any                        `json:"id"`
	DisplayID string                     `json:"issueDisplayId"`
	AppliesTo string                     `json:"appliesTo"`
	Severity  string                     `json:"severity"`
	Type      string                     `json:"type"`
	Title     *string                    `json:"title"`
	URL       string                     `json:"url"`
	Products  []struct{ Name string }    `json:"products"`
	Status    string                     `json:"status"`
	Count     int                        `json:"affectedObjectsCount"`
	Objects   []object                   `json:"affectedObjects"`
	Extra     map[string]json.RawMessage `json:"profileDetails"`
}

type object struct {
	VCUID  string  `json:"vcUid"`
	MOID   string  `json:"moid"`
	Name   string  `json:"name"`
	Type   *string `json:"type"`
	Status string  `json:"status"` // API v2 only
	Values []struct {
		Description string `json:"description"`
		Value       string `json:"value"`
	} `json:"resultValues"`
}

// compliant reports whether the default mapping sends issues of this profile.
func (i issue) compliant() bool { return i.Type != "KB" && i.Type != "BP" && i.Type != "VUL" }

// rows is how many findings the default mapping sends for an issue.
func (i issue) rows() int {
	switch i.Status {
	case "PASS", "M_PASS":
		return 1
	case "FAIL", "M_FAIL", "MANUAL":
		if len(i.Objects) == 0 || len(i.Objects) > i.Count {
			return 1
		}
		return len(i.Objects)
	}
	return 0
}

func newAppliance(t testing.TB, o appliance.Options) *appliance.Appliance {
	t.Helper()
	a, err := appliance.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func written(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode[T any](t testing.TB, document []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatalf("%v in %.200s", err, document)
	}
	return value
}

func results(t testing.TB, a *appliance.Appliance) resultsDocument {
	t.Helper()
	return decode[resultsDocument](t, written(t, a.WriteResults))
}

const (
	adminToken    = "7546e68b-0000-4000-8000-000000000001"
	readOnlyToken = "7546e68b-0000-4000-8000-000000000002"
)

// call makes one request as the administrator.
func call(t testing.TB, a http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	return callAs(t, a, method, path, adminToken)
}

func callAs(t testing.TB, a http.Handler, method, path, authorization string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	a.ServeHTTP(answer, request)
	return answer
}

// clock is a time that only moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func saveFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
