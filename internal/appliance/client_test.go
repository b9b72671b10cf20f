package appliance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
)

const token = "7546e68b-96bc-406e-8d57-280e1de75670"

// answer is one prepared answer of a stub appliance.
type answer struct {
	code    int
	kind    string // Content-Type; empty: application/json
	header  map[string]string
	body    string
	cut     bool // close the connection after the body, which was announced as longer
	refused bool // close the connection without an answer
}

func (a answer) write(w http.ResponseWriter) {
	if a.refused {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", firstOf(a.kind, "application/json"))
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+100))
	}
	w.WriteHeader(max(a.code, 100))
	_, _ = io.WriteString(w, a.body)
	if a.cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// stub answers each path with its answers in turn, the last one for ever.
type stub struct {
	mu      sync.Mutex
	answers map[string][]answer
	log     []string
	headers []http.Header
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	request := r.Method + " " + r.URL.RequestURI()
	s.log, s.headers = append(s.log, request), append(s.headers, r.Header)
	left := s.answers[request]
	var a answer
	switch len(left) {
	case 0:
		a = answer{code: http.StatusNotFound, kind: "text/html", body: "<html>"}
	case 1:
		a = left[0]
	default:
		a, s.answers[request] = left[0], left[1:]
	}
	s.mu.Unlock()
	a.write(w)
}

// requests returns what was asked for so far, and with which headers.
func (s *stub) requests() ([]string, []http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log), slices.Clone(s.headers)
}

// client returns a client of a stub that does not sleep, and the waits that it would
// have made.
func client(t *testing.T, s *stub, change func(*Options)) (*Client, *[]time.Duration) {
	t.Helper()
	var waits []time.Duration
	return serve(t, s, func(o *Options) {
		o.Sleep = func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}
		if change != nil {
			change(o)
		}
	}), &waits
}

// serve returns a client, of API v1, of a handler.
func serve(t *testing.T, h http.Handler, change func(*Options)) *Client {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = quiet
	srv.Start()
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + "/rca/")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Version: "1.2.3", API: runecast.V1, Settings: endpoint.Settings{
		URL: u, Credentials: &holder{token: token}, Limits: endpoint.Options{AllowLoopback: true},
	}}
	change(&o)
	c := New(o)
	t.Cleanup(c.HangUp)
	return c
}

// holder holds a token, and the token that is read after a refusal.
type holder struct {
	token, next string
	unread      error // why the secret is not read again
	refreshed   int
}

func (h *holder) Get(context.Context) (secret.Credential, error) {
	return secret.Credential{Token: secret.NewValue(h.token)}, nil
}

func (h *holder) Refresh(ctx context.Context, used secret.Credential) (secret.Credential, bool, error) {
	h.refreshed++
	if h.next != "" && h.unread == nil {
		h.token = h.next
	}
	now, err := h.Get(ctx)
	return now, now.Token != used.Token, errors.Join(err, h.unread)
}

const (
	getVCenters = "GET /rc2/api/v1/vcenters"
	getDetected = "GET /rc2/api/v1/results?onlyDetectedIssues=true"
	getResults  = "GET /rc2/api/v1/results"
	getIssues   = "GET /rc2/api/v1/issues"
	getRCA      = "GET /rca/api/v2/rca-instances?localOnly=false"
	getRC2      = "GET /rc2/api/v2/rca-instances?localOnly=false"
)

func ok(body string) []answer { return []answer{{code: 200, body: body}} }

func TestSystems(t *testing.T) {
	t.Parallel()
	issue := func(product, moid string) string {
		return `{"products":[{"name":"` + product + `"}],"affectedObjects":[{"moid":"` + moid + `"}]}`
	}
	s := &stub{answers: map[string][]answer{
		getVCenters: ok(`{"vcenters":[{"uid":"vc1","address":"vc1.example","port":443},{"uid":"new","address":"new.example"},{"uid":12,"address":null}]}`),
		getDetected: ok(`{"results":[
			{"uid":"vc1","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2023-01-11T02:00:41.000Z"},"issues":[` + issue("NSX-T", "") + `]},
			{"uid":"nsx","scanStatus":{"status":"RUNNING","timestamp":1673402441000},"issues":[` + issue("something", "") + `,` + issue("VMware NSX-T", "") + `,` + issue("AWS", "") + `]},
			{"uid":"aws","name":"123456789012","issues":[` + issue("Amazon Web Services", "") + `]},
			{"uid":"arn","displayName":"by object","issues":[` + issue("Storage", "arn:aws:s3:::b") + `]},
			{"uid":"azure","issues":[` + issue("", "/subscriptions/1/x") + `,` + issue("Microsoft Azure", "") + `]},
			{"uid":"az2","issues":[` + issue("", "host-1") + `,` + issue("", "/subscriptions/1/x") + `]},
			{"uid":"gcp","issues":[` + issue("Google Cloud", "") + `]},
			{"uid":"cluster-1","issues":[` + issue("vSphere", "") + `]},
			{"uid":"k8s","issues":[` + issue("OpenShift", "") + `]},
			{"uid":"hor","issues":[` + issue("VMware Horizon", "") + `]},
			{"uid":"vcd","issues":[` + issue("Cloud Director", "") + `]},
			{"uid":"win","issues":[` + issue("Windows Server", "") + `]},
			{"uid":"lin","issues":[` + issue("Linux", "") + `]},
			{"uid":"esx","issues":[` + issue("ESXi", "") + `]},
			{"uid":"12"},
			{"uid":"none","issues":null}]}`),
	}}
	c, _ := client(t, s, nil)
	got, err := c.Systems(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := "2023-01-11T02:00:41Z"
	want := []runecast.System{
		{ID: "vc1", Name: "vc1.example", Type: runecast.TypeVCenter, Scan: scanOf("FINISHED_SUCCESSFULLY", at)},
		{ID: "nsx", Name: "nsx", Type: runecast.TypeNSXT, Scan: scanOf("RUNNING", at)},
		{ID: "aws", Name: "123456789012", Type: runecast.TypeAWS, Scan: runecast.Scan{}},
		{ID: "arn", Name: "by object", Type: runecast.TypeAWS, Scan: runecast.Scan{}},
		{ID: "azure", Name: "azure", Type: runecast.TypeAzure, Scan: runecast.Scan{}},
		{ID: "az2", Name: "az2", Type: runecast.TypeAzure, Scan: runecast.Scan{}},
		{ID: "gcp", Name: "gcp", Type: runecast.TypeGCP, Scan: runecast.Scan{}},
		{ID: "cluster-1", Name: "cluster-1", Type: runecast.TypeKubernetes, Scan: runecast.Scan{}},
		{ID: "k8s", Name: "k8s", Type: runecast.TypeKubernetes, Scan: runecast.Scan{}},
		{ID: "hor", Name: "hor", Type: runecast.TypeHorizon, Scan: runecast.Scan{}},
		{ID: "vcd", Name: "vcd", Type: runecast.TypeVCD, Scan: runecast.Scan{}},
		{ID: "win", Name: "win", Type: runecast.TypeWindows, Scan: runecast.Scan{}},
		{ID: "lin", Name: "lin", Type: runecast.TypeLinux, Scan: runecast.Scan{}},
		{ID: "esx", Name: "esx", Type: runecast.TypeVCenter, Scan: runecast.Scan{}},
		{ID: "12", Name: "12", Type: runecast.TypeVCenter, Scan: runecast.Scan{}},
		{ID: "none", Name: "none", Type: runecast.TypeUnknown, Scan: runecast.Scan{}},
		{ID: "new", Name: "new.example", Type: runecast.TypeVCenter, Scan: runecast.Scan{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, headers := s.requests()
	for _, h := range headers {
		if h.Get("Authorization") != token || h.Get("User-Agent") != "runecast-ingest/1.2.3" || h.Get("Accept") != "application/json" {
			t.Errorf("headers %v", h)
		}
	}
}

func TestStatusesAndResults(t *testing.T) {
	t.Parallel()
	element := `{ "uid":"a","issues":[1e400],"scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"x"}}`
	s := &stub{answers: map[string][]answer{getDetected: ok(`{"results":[` + element + `]}`), getResults: ok(`{"results":[` + element + `]}`)}}
	c, _ := client(t, s, nil)
	got, err := c.Statuses(t.Context(), nil)
	if d := cmp.Diff(map[string]runecast.Scan{"a": scanOf("FINISHED_SUCCESSFULLY", "x")}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	var body bytes.Buffer
	err = c.Results(t.Context(), nil, func(e *runecast.Element) error {
		_, err := e.WriteTo(&body)
		return err
	})
	if err != nil || body.String() != element {
		t.Errorf("got %s, %v", body.String(), err)
	}
}

func TestScanStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string][3]bool{ // succeeded, failed, final
		"FINISHED_SUCCESSFULLY": {true, false, true},
		"finished_successfully": {true, false, true},
		"FAILED":                {false, true, true},
		"FINISHED_WITH_ERRORS":  {false, true, true},
		"Cancelled":             {false, true, true},
		"ABORTED":               {false, true, true},
		"RUNNING":               {},
		"QUEUED":                {},
		"":                      {},
	} {
		s := runecast.Scan{Status: status}
		if got := [3]bool{s.Succeeded(), s.Failed(), s.Final()}; got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer answer
		path   string // template
		sent   string
		class  fault.Class // empty: ok
		says   string
	}{
		"200":             {answer: answer{code: 200}},
		"201":             {answer: answer{code: 201}},
		"202":             {answer: answer{code: 202}},
		"204":             {answer: answer{code: 204}},
		"409":             {answer: answer{code: 409, body: `{"message":"running"}`}},
		"own path":        {answer: answer{code: 202}, path: "/rca/api/v9/{id}/go?now=1", sent: "POST /rca/api/v9/a%2Fb%20c/go?now=1"},
		"read-only token": {answer: answer{code: 403}, class: fault.Auth, says: `mode "latest"`},
		"bad token":       {answer: answer{code: 401}, class: fault.Auth, says: "API Access tokens"},
		"login":           {answer: answer{code: 302, header: map[string]string{"Location": "/rc2/login?s=hush"}}, class: fault.Config, says: "/rc2/login (302)"},
		"unknown system":  {answer: answer{code: 404}, class: fault.Config, says: "RUNECAST_SCAN_PATH"},
		"failing":         {answer: answer{code: 500}, class: fault.Retry, says: "(500)"},
		"not reached":     {answer: answer{code: 502}, class: fault.Retry, says: "(502)"},
		"not an answer":   {answer: answer{refused: true}, class: fault.Retry, says: "cut"},
		"bad request":     {answer: answer{code: 400, body: `{"message":"no such profile"}`}, class: fault.Reject, says: "no such profile"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := firstOf(c.sent, "POST /rc2/api/v1/scan/a%2Fb%20c")
			s := &stub{answers: map[string][]answer{sent: {c.answer}}}
			cl, waits := client(t, s, func(o *Options) { o.ScanPath = c.path })
			err := cl.Trigger(t.Context(), "a/b c")
			if c.class == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v, want %q (%s)", err, c.says, c.class)
			}
			requests, _ := s.requests()
			if d := cmp.Diff([]string{sent}, requests); d != "" || len(*waits) > 0 {
				t.Errorf("a trigger is sent once: %s, waits %v", d, *waits)
			}
		})
	}
}

var quiet = log.New(io.Discard, "", 0)

func scanOf(status, timestamp string) runecast.Scan {
	return runecast.Scan{Status: status, Timestamp: timestamp}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
