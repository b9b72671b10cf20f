package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/payload"
)

// outcomes has the payload files of events/ and what their answers show, in the
// order in which they are sent after a first run. "fails: " begins the outcome of a
// payload that the function refuses.
func outcomes() [][2]string {
	return [][2]string{
		{"collector-check", "ok true"},
		{"collector-capture", ""},
		{"collector-latest", "unchanged 8"},
		{"collector-start", "archived 8"},
		{"collector-start-systems", `fails: no system is named "prod-aws"`},
		{"collector-scheduled", "state done"},
		{"collector-tick", "state idle"},
		{"collector-status", "runs:"},
		{"collector-cancel", "state idle"},
		{"forwarder-check", "ok true"},
		{"forwarder-check-test-event", "test event ok"},
		{"forwarder-s3", "superseded 1"},
		{"forwarder-eventbridge", "superseded 1"},
		{"forwarder-failed", "superseded 1"},
		{"forwarder-sqs", ""},
		{"forwarder-s3-test-event", "objects 0"},
		{"forwarder-batch-1", "Succeeded superseded"},
		{"forwarder-batch-2", "Succeeded older"},
		{"forwarder-replay", "selected 2"},
		{"forwarder-replay-run", "older 1"},
		{"forwarder-replay-force", "complete 1"},
		{"forwarder-replay-dry-run", "rehearsal.cost"},
		{"forwarder-replay-failed", "selected 0"},
		{"forwarder-status", "systems:"},
		{"forwarder-quarantine", "quarantined 0"},
		{"forwarder-sweep", "complete 8"}, // the scheduled run is older than that of collector-start, so triggers left it to the sweep
		{"forwarder-verify", "storage:security.events:read"},
		{"forwarder-verify-key", "storage:security.events:read"},
	}
}

func TestEveryPayloadFile(t *testing.T) {
	t.Parallel()
	sendEveryPayloadFile(t, newRig(t))
}

func sendEveryPayloadFile(t *testing.T, r *rig) {
	t.Helper()
	env := r.environment()
	if out, failed := r.shell(env, "runecast-ingest first-run"); failed {
		t.Fatal(out)
	}
	r.putSample()
	r.settle()
	var sent []string
	for _, o := range outcomes() {
		file, want := o[0]+".json", o[1]
		sent = append(sent, file)
		function, _, _ := strings.Cut(file, "-")
		out, failed := r.shell(env, "runecast-ingest invoke "+function+" events/"+file)
		want, fails := strings.CutPrefix(want, "fails: ")
		if failed != fails || !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%s failed: %t, wanted %q:\n%s", file, failed, want, out)
		}
		r.settle()
	}
	slices.Sort(sent)
	if files := slices.Sorted(maps.Keys(samples(t))); !slices.Equal(files, sent) {
		t.Errorf("events/ has %v, the test sends %v", files, sent)
	}
}

// putSample archives the object that the payload files name: an older analysis
// of vc1.example.
func (r *rig) putSample() {
	r.Helper()
	r.putOlder("raw/v1/dt=2026-11-22/run="+newestRun+"/vc1.example-2ebce7c4.json.gz", newestRun, time.Date(2020, 1, 1, 2, 0, 0, 0, time.UTC))
}

// putOlder archives the first analysis of vc1.example under another key, with the
// id and the time of another run.
func (r *rig) putOlder(key, run string, startedAt time.Time) {
	r.Helper()
	original := r.raw()[slices.IndexFunc(r.raw(), func(key string) bool { return strings.Contains(key, "/vc1.example-") })]
	stored, err := os.Open(filepath.Join(r.dir, bucketName, filepath.FromSlash(original)))
	if err != nil {
		r.Fatal(err)
	}
	defer stored.Close()
	plain, err := gzip.NewReader(stored)
	if err != nil {
		r.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		r.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(strings.TrimPrefix(strings.Split(original, "/")[3], "run=")), []byte(run))
	text = regexp.MustCompile(`"startedAt":"[^"]*"`).ReplaceAll(text, []byte(`"startedAt":"`+startedAt.Format(time.RFC3339)+`"`))
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(r.s3.URL()), Region: r.s3.Region(), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(r.s3.AccessKey(), r.s3.SecretKey(), ""),
	})
	if _, err := client.PutObject(r.Context(), &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: &key, Body: bytes.NewReader(text)}); err != nil {
		r.Fatal(err)
	}
}

// samples returns the action of each file of events/; "" for an event of AWS, and
// for a start without an action.
func samples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	actions := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var asked payload.Action
		if err := json.Unmarshal(text, &asked); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		actions[filepath.Base(file)] = asked.Action
	}
	return actions
}

// Every action of a function has a payload file, and functions/README.md names all
// files.
func TestEveryActionHasAFile(t *testing.T) {
	t.Parallel()
	payloads := read(t, "functions/README.md")
	has := map[string]bool{}
	for file, action := range samples(t) {
		function, _, _ := strings.Cut(file, "-")
		has[function+" "+action] = true
		if !strings.Contains(payloads, "`"+strings.TrimSuffix(file, ".json")+"`") {
			t.Errorf("functions/README.md does not name events/%s", file)
		}
	}
	for function, actions := range map[string][]string{collector: payload.OfCollector(), forwarder: payload.OfForwarder()} {
		for _, action := range actions {
			if !has[function+" "+action] {
				t.Errorf("no file of events/ has the %s's action %s", function, action)
			}
			if !strings.Contains(payloads, `{"action":"`+action+`"`) && action != "start" {
				t.Errorf("functions/README.md does not have the %s's action %s", function, action)
			}
		}
	}
}
