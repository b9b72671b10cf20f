package preflight

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/simulate/appliance"
)

func captured(t *testing.T, change func(*site)) (*site, Recording, string) {
	t.Helper()
	s := newSite(change)
	p := s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := p.Capture(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s.onlyRead(t)
	return s, r, string(out)
}

func TestCapture(t *testing.T) {
	t.Parallel()
	s, r, out := captured(t, func(*site) {})
	want := map[string]string{
		"GET " + pathVCenters:         `"vcenters":["array ×1 of `,
		"GET " + pathResults:          `"affectedObjectsCount":"number ×`,
		"GET " + pathDetected:         `"scanStatus":{"status":"string(17-64) ×`,
		"GET " + pathIssues:           `"issues":["array ×1 of `,
		"GET " + pathLicences:         `"validUntil":"string(17-64) ×1"`,
		"GET " + pathEcosystems:       `"viewName":"string(`,
		"GET " + pathInstances:        `"longApplicationVersion":"string(1-16) ×1"`,
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
	if err := s.served.WriteResults(&doc); err != nil {
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
	if strings.Contains(out, s.token) || strings.Contains(out, s.options.URL.Host) {
		t.Error("the token or the host was captured")
	}
}

func TestCaptureOfRefusals(t *testing.T) {
	t.Parallel()
	_, r, out := captured(t, func(s *site) { s.token = "stale" })
	if c := r.Calls[0]; c.Status != http.StatusUnauthorized || c.Shape == nil || !strings.Contains(out, `"message":"string(`) {
		t.Errorf("the shape of a refusal is missing: %s", out)
	}
	_, r, out = captured(t, func(s *site) { s.answers = html })
	if c := r.Calls[0]; c.ContentType != "text/html" || c.Note != "not JSON" || c.Shape != nil || strings.Contains(out, "log in") {
		t.Errorf("%+v in %s", c, out)
	}
	_, r, out = captured(t, func(s *site) {
		s.cert, s.trust = nil, func(string) string { return string(strangerPEM) }
	})
	if c := r.Calls[0]; c.Status != 0 || c.Note != "no answer (config)" || !strings.Contains(r.Next, `"check"`) || strings.Contains(out, "Runecast") {
		t.Errorf("%+v in %s", c, out)
	}
	_, _, out = captured(t, func(s *site) {
		s.appliance.API = appliance.APIv1
		s.answers = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "secret/name")
			_, _ = w.Write([]byte(`{"rcaInstances":[{"rcaInstanceInfo":{"longApplicationVersion":"hush-hush"}}],"a`))
		}
	})
	if strings.Contains(out, "secret") || strings.Contains(out, "hush") || !strings.Contains(out, "the document is cut") {
		t.Error(out)
	}
}

func TestCaptureWithoutSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if _, err := newSite(func(s *site) { s.getter = unreachable{} }).preflight().Capture(t.Context()); err == nil {
			t.Error("no error")
		}
	})
}
