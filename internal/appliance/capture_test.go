package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/secret"
	simulated "runecast-ingest/internal/simulate/appliance"
)

// captured returns what a client with the token ours captures of a simulated appliance.
// answers, if set, are given instead of the appliance's own.
func captured(t *testing.T, api, ours string, answers http.HandlerFunc) (*simulated.Appliance, Recording, string) {
	t.Helper()
	served, err := simulated.New(simulated.Options{Findings: 500, Token: token, API: api})
	if err != nil {
		t.Fatal(err)
	}
	r, out := capture(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("a %s was sent", r.Method)
		}
		if answers != nil {
			answers(w, r)
			return
		}
		served.ServeHTTP(w, r)
	}), func(o *Options) {
		o.API, o.Version, o.Once, o.Credentials = Auto, "test", true, &holder{token: ours}
	}))
	return served, r, out
}

func capture(t *testing.T, c *Client) (Recording, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := c.Capture(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), c.service.Host()) {
		t.Error("the host was captured")
	}
	return r, string(out)
}

func TestCapture(t *testing.T) {
	t.Parallel()
	served, r, out := captured(t, simulated.APIBoth, token, nil)
	want := map[string]string{
		"GET " + pathVCenters:         `"vcenters":["array ×1 of `,
		"GET " + pathResults:          `"affectedObjectsCount":"number ×`,
		"GET " + pathDetected:         `"scanStatus":{"status":"string(17-64) ×`,
		"GET " + pathIssues:           `"issues":["array ×1 of `,
		"GET " + pathLicences:         `"validUntil":"string(17-64) ×1"`,
		"GET " + pathEcosystems:       `"viewName":"string(`,
		"GET " + pathInfo:             `"longApplicationVersion":"string(1-16) ×1"`,
		"GET " + pathLatest + "false": `"scannedIssues":["array ×1 of `,
	}
	for _, c := range r.Calls {
		if c.Status != http.StatusOK {
			continue
		}
		shape, err := json.Marshal(c.Shape)
		if err != nil || c.ContentType != "application/json" || c.Bytes == 0 || !strings.Contains(string(shape), want[c.Call]) {
			t.Errorf("%+v: %s, %v", c, shape, err)
		}
		delete(want, c.Call)
	}
	if len(want) > 0 || r.Appliance != "6.9.12.0" || r.Collector != "test" || len(out) > 100<<10 {
		t.Errorf("%d bytes, version %q, not captured: %v", len(out), r.Appliance, want)
	}
	var doc bytes.Buffer
	if err := served.WriteResults(&doc); err != nil {
		t.Fatal(err)
	}
	names, values := contents(doc.Bytes())
	for _, c := range r.Calls {
		shape, _ := json.Marshal(c.Shape)
		for _, value := range values {
			if c.Call == "GET "+pathResults && len(value) >= 4 && strings.Contains(string(shape), value) && !partOfName(names, value) {
				t.Errorf("the value %q was captured", value)
			}
		}
	}
	if strings.Contains(out, token) {
		t.Error("the token was captured")
	}
}

func TestCaptureOfRefusals(t *testing.T) {
	t.Parallel()
	_, r, out := captured(t, simulated.APIBoth, "stale", nil)
	if c := r.Calls[0]; c.Status != http.StatusUnauthorized || c.Shape == nil || !strings.Contains(out, `"message":"string(`) {
		t.Errorf("the shape of a refusal is missing: %s", out)
	}
	_, r, out = captured(t, simulated.APIBoth, token, func(w http.ResponseWriter, _ *http.Request) {
		answer{code: 200, kind: "text/html; charset=utf-8", body: "<html>please log in</html>"}.write(w)
	})
	if c := r.Calls[0]; c.ContentType != "text/html" || c.Note != "not JSON" || c.Shape != nil || strings.Contains(out, "log in") {
		t.Errorf("%+v in %s", c, out)
	}
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = quiet
	stranger.StartTLS()
	defer stranger.Close()
	u, err := url.Parse(stranger.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, out = capture(t, New(Options{Once: true, Settings: endpoint.Settings{URL: u, Credentials: &holder{token: token}, Limits: endpoint.Options{AllowLoopback: true}}}))
	if c := r.Calls[0]; c.Status != 0 || c.Note != "no answer (config)" || !strings.Contains(r.Next, `"check"`) || strings.Contains(out, "Acme Co") {
		t.Errorf("%+v in %s", c, out)
	}
	_, _, out = captured(t, simulated.APIv1, token, func(w http.ResponseWriter, _ *http.Request) {
		answer{code: 200, kind: "secret/name", body: `{"rcaInstances":[{"rcaInstanceInfo":{"longApplicationVersion":"hush-hush"}}],"a`}.write(w)
	})
	if strings.Contains(out, "secret") || strings.Contains(out, "hush") || !strings.Contains(out, "the document is cut") {
		t.Error(out)
	}
}

func TestCaptureWithoutSecret(t *testing.T) {
	t.Parallel()
	missing := errors.New("missing")
	c := serve(t, http.NotFoundHandler(), func(o *Options) { o.Credentials = without{missing} })
	if _, err := c.Capture(t.Context()); !errors.Is(err, missing) {
		t.Errorf("error %v", err)
	}
}

// without is a token that cannot be read from its secret.
type without struct{ err error }

func (w without) Get(context.Context) (secret.Credential, error) { return secret.Credential{}, w.err }

func (w without) Refresh(context.Context, secret.Credential) (secret.Credential, bool, error) {
	return secret.Credential{}, false, w.err
}
