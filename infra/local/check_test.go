package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/simulate/lambda"
)

// ask invokes a function with a sample payload of a check.
func ask(t *testing.T, f *lambda.Function, sample string) (r preflight.Report) {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join("..", "..", "events", sample))
	if err != nil {
		t.Fatal(err)
	}
	result, err := f.Invoke(t.Context(), payload)
	if err == nil {
		err = result.Err()
	}
	if err == nil {
		err = json.Unmarshal(result.Payload, &r)
	}
	if err != nil {
		t.Fatalf("%s: %v", result.Payload, err)
	}
	return r
}

// The forwarder as it is deployed checks its way through TLS and a real S3. Its
// test event changes nothing that the dashboard shows.
func TestForwarderCheck(t *testing.T) {
	t.Parallel()
	s, err := startStack(t.Context(), small(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for sample, events := range map[string]int{"forwarder-check.json": 0, "forwarder-check-test-event.json": 1} {
		before := s.receiver.Stats().Accepted
		r := ask(t, s.forwarder, sample)
		for _, row := range r.Checks {
			asked := row.Check != "test event" || events == 1
			if row.State == preflight.Failed || asked && row.State == preflight.Skipped {
				t.Errorf("%s: %+v", sample, row)
			}
		}
		if sent := s.receiver.Stats().Accepted - before; !r.OK || sent != events {
			t.Errorf("%s: %d events, %+v", sample, sent, r)
		}
	}
	if tiles := s.receiver.Tiles(); tiles.Configurations != 0 || len(tiles.Systems) != 0 {
		t.Errorf("the dashboard shows %+v", tiles)
	}
}

// With a platform token everything works. The check says what it cannot find out about
// such a token; its test event proves that the token works.
func TestPlatformToken(t *testing.T) {
	t.Parallel()
	o := small(t)
	o.platformToken = true
	if text, err := playSmall(t, o); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	s, err := startStack(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	r := ask(t, s.forwarder, "forwarder-check-test-event.json")
	for name, state := range map[string]string{"secret": preflight.OK, "token": preflight.Skipped, "scope": preflight.Skipped, "test event": preflight.OK} {
		if row, found := r.Of(name); !found || row.State != state || (row.Cure == "") != (state == preflight.OK) {
			t.Errorf("%s: %+v, want %s", name, row, state)
		}
	}
	if !r.OK {
		t.Errorf("%+v", r)
	}
}

// A forwarder whose settings cannot be used still answers check.
func TestForwarderWithoutSettings(t *testing.T) {
	t.Parallel()
	o := small(t)
	f, err := lambda.Start(lambda.Options{Binary: filepath.Join(o.bin, "forwarder"), Name: "forwarder", Env: []string{"OPENPIPELINE_URL=http://a.example"}, Log: o.stdout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	r := ask(t, f, "forwarder-check.json")
	for _, name := range []string{"ARCHIVE_BUCKET", "OPENPIPELINE_URL", "OPENPIPELINE_SECRET_ID"} {
		if !slices.ContainsFunc(r.Checks, func(row preflight.Row) bool {
			return strings.HasPrefix(row.Detail, name+":") && row.State == preflight.Failed && row.Cure != ""
		}) {
			t.Errorf("%s is not told: %+v", name, r)
		}
	}
	if result, err := f.Invoke(t.Context(), []byte(`{"action":"sweep"}`)); err != nil || result.Err() == nil || !strings.Contains(string(result.Payload), "ARCHIVE_BUCKET") {
		t.Errorf("a sweep gives %s, %v", result.Payload, err)
	}
}
