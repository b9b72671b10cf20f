package receiver_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/simulate/receiver"
)

// sdkRequired is the environment variable that says that the client is installed. If it
// is set, the test fails where it would otherwise be skipped.
const sdkRequired = "RUNECAST_INGEST_SDK"

// sdk is Dynatrace's published client of the query service, unmodified, in a
// process of node.
type sdk struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// outcome is what the client made of a request.
type outcome struct {
	Answer struct {
		State        string  `json:"state"`
		RequestToken string  `json:"requestToken"`
		Progress     float64 `json:"progress"`
		Result       struct {
			Records  []map[string]any `json:"records"`
			Types    []any            `json:"types"`
			Metadata struct {
				Grail map[string]any `json:"grail"`
			} `json:"metadata"`
		} `json:"result"`
	} `json:"answer"`
	Error   string         `json:"error"`
	Message string         `json:"message"`
	Status  int            `json:"status"`
	Body    map[string]any `json:"body"`
}

func startSDK(t *testing.T, address, token string) *sdk {
	t.Helper()
	folder, err := filepath.Abs("../../../out/sdk")
	if err != nil {
		t.Fatal(err)
	}
	leftOut := func(why string) {
		if os.Getenv(sdkRequired) != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if _, err := exec.LookPath("node"); err != nil {
		leftOut("there is no node: Dynatrace's client of the query service cannot be tried")
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules/@dynatrace-sdk/client-query")); err != nil {
		leftOut("Dynatrace's client of the query service is not installed: make sdk")
	}
	ours, err := os.ReadFile("testdata/sdk/contract.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := os.ReadFile(filepath.Join(folder, "contract.mjs")); err != nil || !bytes.Equal(ours, copied) {
		leftOut("out/sdk is of another version: make sdk")
	}
	node := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "contract.mjs"), address, token)
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	node.Stderr = os.Stderr
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = node.Wait()
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	return &sdk{t, in, scanner}
}

// do lets the client make a request.
func (s *sdk) do(step, query string) outcome {
	s.t.Helper()
	line, err := json.Marshal(map[string]string{"do": step, "query": query})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		s.t.Fatal(err)
	}
	if !s.out.Scan() {
		s.t.Fatalf("the client has ended: %v", s.out.Err())
	}
	var o outcome
	if err := json.Unmarshal(s.out.Bytes(), &o); err != nil {
		s.t.Fatalf("%s: %v", s.out.Text(), err)
	}
	return o
}

// Dynatrace's own client executes and polls the product's query at the simulated
// service, reads records and types from it, cancels, and knows its errors for
// what they are.
func TestPublishedClientOfTheQueryService(t *testing.T) {
	t.Parallel()
	r := receiver.New(receiver.Options{Token: token, Querying: receiver.Querying{Token: platformToken}})
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	now := time.Now()
	post(t, server.URL+receiver.Path, strings.NewReader(`[
		{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING","scan.id":"s1","finding.id":"f1","compliance.result.status.level":"FAILED"},
		{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING","scan.id":"s1","finding.id":"f2","compliance.result.status.level":"FAILED"},
		{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING","scan.id":"s1","finding.id":"f3"},
		{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_FINDING","scan.id":"other","finding.id":"f4"},
		{"event.kind":"SECURITY_EVENT","event.type":"COMPLIANCE_SCAN_COMPLETED","scan.id":"s1"}]`), nil)
	query := (&grail.Scans{IDs: []string{"s1", "s2"}, From: now.Add(-time.Minute), To: now.Add(time.Minute), Bucket: grail.Bucket}).Query()
	client := startSDK(t, server.URL, platformToken)

	text := map[string]any{"type": "string"}
	types := []any{map[string]any{"indexRange": []any{0., 2.}, "mappings": map[string]any{"scan.id": text, "event.type": text, "status": text, "rows": map[string]any{"type": "long"}}}}
	records := []map[string]any{
		{"scan.id": "s1", "event.type": "COMPLIANCE_FINDING", "status": "FAILED", "rows": "2"},
		{"scan.id": "s1", "event.type": "COMPLIANCE_FINDING", "status": "MANUAL", "rows": "1"},
		{"scan.id": "s1", "event.type": "COMPLIANCE_SCAN_COMPLETED", "status": "MANUAL", "rows": "1"},
	}
	found := func(o outcome) {
		t.Helper()
		a := o.Answer
		if a.State != "SUCCEEDED" || a.Progress != 100 || o.Error != "" || a.Result.Metadata.Grail["scannedRecords"] != 5. || a.Result.Metadata.Grail["analysisTimeframe"] == nil {
			t.Fatalf("%+v", o)
		}
		if d := cmp.Diff(records, a.Result.Records); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(types, a.Result.Types); d != "" {
			t.Error(d)
		}
	}
	found(client.do("execute", query))
	found(client.do("poll", ""))
	found(client.do("cancel", ""))
	if o := client.do("poll", ""); o.Status != http.StatusGone {
		t.Errorf("a query that was cancelled: %+v", o)
	}

	r.SetQuerying(receiver.Querying{Token: platformToken, Takes: 300 * time.Millisecond})
	o := client.do("execute", query)
	if o.Answer.State != "RUNNING" || o.Answer.RequestToken == "" || o.Error != "" {
		t.Fatalf("a query that takes its time: %+v", o)
	}
	for o.Answer.State == "RUNNING" {
		o = client.do("poll", "")
	}
	found(o)
	r.SetQuerying(receiver.Querying{Token: platformToken, Takes: time.Hour})
	client.do("execute", query)
	if o := client.do("cancel", ""); o.Error != "" || o.Answer.State != "" {
		t.Errorf("a running query is cancelled: %+v", o)
	}

	r.SetQuerying(receiver.Querying{Token: platformToken})
	if o := client.do("execute", "fetch logs"); o.Error != "ErrorEnvelopeError" && o.Status != http.StatusBadRequest || !strings.Contains(o.Message, "PARSE_ERROR") {
		t.Errorf("a query that is not understood: %+v", o)
	}
	r.SetQuerying(receiver.Querying{Token: platformToken, Forbidden: true})
	if o := client.do("execute", query); o.Error != "InsufficientPermission" || o.Status != http.StatusForbidden || !strings.Contains(o.Message, "storage:security.events:read") {
		t.Errorf("a right that is missing: %+v", o)
	}
	if o := startSDK(t, server.URL, token).do("execute", query); o.Status != http.StatusUnauthorized {
		t.Errorf("an access token: %+v", o)
	}
}
