package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/lambda"
)

// The deployed binary answers check and capture with a real S3 and TLS, and check also
// with settings that cannot be used.
func TestPreflight(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{s3: startS3(t), appliance: a})
	check := func(f *lambda.Function) (r preflight.Report) {
		t.Helper()
		result, err := f.Invoke(t.Context(), []byte(`{"action":"check"}`))
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
	for _, row := range check(s.function).Checks {
		if row.State == preflight.Failed {
			t.Errorf("%+v", row)
		}
	}
	if r := s.invoke(`{"action":"capture"}`); r.Err() != nil || !strings.Contains(string(r.Payload), `"affectedObjectsCount":"number ×`) {
		t.Errorf("%.300s: %v", r.Payload, r.Err())
	}

	broken, err := lambda.Start(lambda.Options{Binary: binary, Name: "collector", Env: []string{"RUNECAST_URL=http://rc.example"}, Log: testLog{t, new(lines)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broken.Close() })
	told := map[string]bool{}
	for _, row := range check(broken).Checks {
		name, _, _ := strings.Cut(row.Detail, ":")
		told[name] = row.State == preflight.Failed && row.Cure != ""
	}
	if !told["RUNECAST_URL"] || !told["ARCHIVE_BUCKET"] || !told["RUNECAST_SECRET_ID"] {
		t.Errorf("told of the settings: %v", told)
	}
	if r, err := broken.Invoke(t.Context(), []byte(`{}`)); err != nil || r.Err() == nil || !strings.Contains(string(r.Payload), "ARCHIVE_BUCKET") {
		t.Errorf("a start gives %s, %v", r.Payload, err)
	}
}
