package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/lambda"
)

// The rig checks each line that a function writes. These tests make a function write lines
// of each kind: for each payload, and about failures that the runtime or a library logs.

func TestLinesOfEachPayload(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, ScanTime: time.Nanosecond, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{s3: startS3(t), appliance: a, env: []string{"LOG_LEVEL=DEBUG"}})
	payloads, err := filepath.Glob("../../events/collector-*.json")
	if err != nil || len(payloads) < 9 {
		t.Fatalf("payloads: %q %v", payloads, err)
	}
	for _, path := range payloads {
		payload, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.invoke(string(payload)).Err(); err != nil && !strings.Contains(path, "start-systems") { // it names systems that are not here
			t.Errorf("%s: %v", path, err)
		}
	}
	_ = s.function.Close() // ends the log
	for _, said := range []string{`"message":"system archived"`, `"message":"run ended"`, `"message":"check token"`, `"_aws":`} {
		if !strings.Contains(s.said.String(), said) {
			t.Errorf("no line holds %s", said)
		}
	}
}

func TestLinesOfFailures(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Token: "another"})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{s3: startS3(t), appliance: a})
	for payload, says := range map[string]string{
		`{"action":"start"}`: "401", `{"action":"nonsense"}`: "nonsense", `{"systems":3}`: "payload", `[`: "unexpected", `"x"`: "payload",
	} {
		if err := s.invoke(payload).Err(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", payload, err, says)
		}
	}
	_ = s.function.Close() // ends the log
	log := s.said.String()
	if n := strings.Count(log, `"level":"ERROR","message":"invocation failed"`); n != 5 {
		t.Errorf("%d lines tell of 5 failed invocations", n)
	}
	if n := strings.Count(log, `"requestId":`); n < 5 {
		t.Errorf("%d lines name their invocation", n)
	}
}

// TestLinesOfAWriteThatCameTwice: an upload is completed, and the function dies before it
// has the answer. The next invocation uploads the object again and gets 412, which says
// that the object exists. The upload library prints that, too.
func TestLinesOfAWriteThatCameTwice(t *testing.T) {
	t.Parallel()
	stream := &stream{block: noise(1 << 20), size: 7 << 20}
	sc := scene{start: latest, appliance: stream.scene}
	s := sc.open(t, startS3(t), gate.Point{N: 2, Of: "S3 POST ", After: true}) // it is begun, it is completed
	s.crash(sc)
	s.checkArchived(sc, 1)
	_ = s.function.Close() // ends the log
	if log := s.said.String(); !strings.Contains(log, `"level":"INFO","message":"printed by a library","text":"failed to complete multipart upload`) {
		t.Error("no upload was refused")
	}
}

// TestLinesOfAStartThatFails: settings that cannot be used, and a process that
// ends before it serves.
func TestLinesOfAStartThatFails(t *testing.T) {
	t.Parallel()
	good := newSite(t, options{s3: startS3(t)}).env
	for name, c := range map[string]struct {
		env  []string
		says string
	}{
		"settings":       {nil, "ARCHIVE_BUCKET"},
		"AWS's settings": {append(good, "AWS_CA_BUNDLE=/nowhere.pem"), "/nowhere.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said lines
			f, err := lambda.Start(lambda.Options{Binary: binary, Name: "collector", Env: c.env, Log: testLog{t, &said}})
			if err != nil {
				t.Fatal(err)
			}
			if r, err := f.Invoke(t.Context(), []byte(`{}`)); err != nil || r.Err() == nil {
				t.Errorf("it answers %s (%v)", r.Payload, err)
			}
			_ = f.Close() // ends the log
			if log := said.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, c.says) {
				t.Errorf("the log %s does not say %q", log, c.says)
			}
		})
	}
}
