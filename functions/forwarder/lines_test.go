package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"runecast-ingest/internal/simulate/lambda"
)

// The rig checks each line that a function writes. These tests make a function write lines
// of each kind: for each payload, and about failures that the runtime or a library logs.

// payloads returns the files of events/ for the forwarder, about this object of
// this bucket.
func payloads(t *testing.T, bucket, key string) map[string]string {
	t.Helper()
	const (
		anyBucket = "runecast-ingest-123456789012-eu-central-1"
		anyKey    = "raw/v1/dt=2026-11-22/run=20261122T020000Z-4f3a/vc1.example-2ebce7c4.json.gz"
	)
	paths, err := filepath.Glob("../../events/forwarder-*.json")
	if err != nil || len(paths) < 17 {
		t.Fatalf("payloads: %q %v", paths, err)
	}
	about := strings.NewReplacer(anyBucket, bucket, anyKey, key, strings.ReplaceAll(anyKey, "=", "%3D"), url.QueryEscape(key))
	all := map[string]string{}
	for _, path := range paths {
		payload, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = about.Replace(string(payload))
	}
	return all
}

func TestLinesOfEachPayload(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	scan := analyse(t, 300, 1)
	s.archive(scan)
	p := s.deploy(nil, "LOG_LEVEL=DEBUG")
	for name, payload := range payloads(t, s.bucket, scan.key) {
		if err := p.invoke(payload).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.shows(scan)
	_ = p.function.Close() // ends the log
	for _, said := range []string{`"message":"delivery ended"`, `"message":"check test event"`, `"_aws":`} {
		if !strings.Contains(s.said.String(), said) {
			t.Errorf("no line holds %s", said)
		}
	}
}

func TestLinesOfFailures(t *testing.T) {
	t.Parallel()
	var code atomic.Int64
	s := newSite(t, startS3(t), func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(int(code.Load()))
		return true
	})
	scan := analyse(t, 300, 1)
	s.archive(scan)
	p := s.deploy(nil, "LOG_LEVEL=DEBUG")
	all := payloads(t, s.bucket, scan.key)
	failed := 0
	for _, status := range []int64{401, 403, 404, 400} {
		code.Store(status)
		for _, name := range []string{"forwarder-sqs.json", "forwarder-batch-2.json", "forwarder-s3.json", "forwarder-sweep.json", "forwarder-replay-force.json"} {
			if p.invoke(all[name]).Err() != nil {
				failed++
			}
		}
	}
	for _, payload := range []string{`{"action":"nonsense"}`, `{"Records":3}`, `[`, `"x"`, s.created("elsewhere/x")} {
		if p.invoke(payload).Err() == nil {
			t.Errorf("%s was taken", payload)
		}
		failed++
	}
	_ = p.function.Close() // ends the log
	log := s.said.String()
	if n := strings.Count(log, `"level":"ERROR","message":"invocation failed"`); n != failed || failed < 10 {
		t.Errorf("%d lines tell of %d failed invocations", n, failed)
	}
	if !strings.Contains(log, `"message":"message given back to the queue"`) {
		t.Error("no message was given back to the queue")
	}
}

// TestLinesOfAStartThatFails: a process that ends before it serves. For settings
// that cannot be used see TestSettingsThatCannotBeUsed.
func TestLinesOfAStartThatFails(t *testing.T) {
	t.Parallel()
	var said lines
	f, err := lambda.Start(lambda.Options{Binary: binary, Name: "forwarder", Log: testLog{t, &said}, Env: []string{
		"ARCHIVE_BUCKET=b", "OPENPIPELINE_URL=https://x.example", "OPENPIPELINE_SECRET_ID=s", "AWS_CA_BUNDLE=/nowhere.pem",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := f.Invoke(t.Context(), []byte(sweep)); err != nil || r.Err() == nil {
		t.Errorf("it answers %s (%v)", r.Payload, err)
	}
	_ = f.Close() // ends the log
	if log := said.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "/nowhere.pem") {
		t.Errorf("the log %s does not say why", log)
	}
}
