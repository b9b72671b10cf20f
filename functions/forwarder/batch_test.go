package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// task is the invocation that S3 Batch Operations sends for one object, as its
// user guide shows it (Invoke AWS Lambda function).
func (h *history) task(version, arguments, encodedKey string) string {
	bucket := fmt.Sprintf(`"s3BucketArn":"arn:aws:s3:::%s"`, h.bucket)
	if version == "2.0" {
		bucket = fmt.Sprintf(`"s3Bucket":%q`, h.bucket)
	}
	return fmt.Sprintf(`{"invocationSchemaVersion":%q,"invocationId":"YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",`+
		`"job":{"id":"f3cc4f60-61f6-4a2b-8a21-d07600c373ce"%s},"tasks":[{"taskId":"dGFza2lkZ29lc2hlcmUK","s3Key":%q,"s3VersionId":null,%s}]}`,
		version, arguments, encodedKey, bucket)
}

// again is the user arguments of a job that replays.
const again = `,"userArguments":{"action":"replay"}`

// runsTask sends a task, and returns the result code and the text.
func (h *history) runsTask(payload string) string {
	h.Helper()
	var answer struct {
		Version string `json:"invocationSchemaVersion"`
		Missing string `json:"treatMissingKeysAs"`
		Results []struct {
			Task string `json:"taskId"`
			Code string `json:"resultCode"`
			Says string `json:"resultString"`
		} `json:"results"`
	}
	r := h.process.invoke(payload)
	if err := r.Err(); err != nil {
		h.Fatalf("%s: %v", payload, err)
	}
	if err := json.Unmarshal(r.Payload, &answer); err != nil || len(answer.Results) != 1 {
		h.Fatalf("%s answered %s: %v", payload, r.Payload, err)
	}
	if answer.Missing != "TemporaryFailure" || !strings.Contains(payload, fmt.Sprintf(`"invocationSchemaVersion":%q`, answer.Version)) || answer.Results[0].Task != "dGFza2lkZ29lc2hlcmUK" {
		h.Errorf("%s answered %s", payload, r.Payload)
	}
	return answer.Results[0].Code + " " + answer.Results[0].Says
}

// percent encodes a key with %20 for a space, where url.QueryEscape writes a plus.
func percent(key string) string { return strings.ReplaceAll(url.QueryEscape(key), "+", "%20") }

// TestBatchOperations delivers and replays by tasks of S3 Batch Operations:
// those of both versions, with keys that have to be encoded.
func TestBatchOperations(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.busy()
	for _, step := range []struct{ name, payload, result string }{
		{"an event was lost", h.task("1.0", "", url.QueryEscape(h.undelivered().key)), "Succeeded complete"},
		{"nothing to do", h.task("1.0", "", percent(h.undelivered().key)), "Succeeded complete"},
		{"replay", h.task("2.0", again, url.QueryEscape(h.runs[3][2].key)), "Succeeded complete"},
		{"replay of an older one", h.task("2.0", again, url.QueryEscape(h.runs[1][2].key)), "Succeeded older"},
		{"missing", h.task("2.0", again, "raw/v1/missing.json.gz"), "PermanentFailure raw/v1/missing.json.gz: there is no such raw object"},
		{"not encoded", h.task("2.0", again, "raw/100%"), "PermanentFailure the key is not encoded"},
		{"not raw", h.task("2.0", again, "delivery/x.json"), "PermanentFailure payload: key"},
		{"another bucket", strings.ReplaceAll(h.task("2.0", again, "raw/x"), h.bucket, "elsewhere"), "PermanentFailure payload: bucket"},
	} {
		if got := h.runsTask(step.payload); !strings.HasPrefix(got, step.result) {
			t.Errorf("%s: %s, want %s", step.name, got, step.result)
		}
	}
	h.showsAll()
	h.oddKeys()
	h.late()
}

// busy: while another invocation delivers the object, the job is told to try again.
func (h *history) busy() {
	h.Helper()
	doc := h.delivery(h.undelivered().key)
	doc.Value.RawKey, doc.Value.State = h.undelivered().key, archive.DeliverySending
	doc.Value.Lease = &archive.Lease{Owner: "another", Until: time.Now().Add(time.Hour)}
	if err := store.Save(h.Context(), h.store, &doc); err != nil {
		h.Fatal(err)
	}
	for _, arguments := range []string{"", again} {
		if got := h.runsTask(h.task("2.0", arguments, url.QueryEscape(h.undelivered().key))); !strings.HasPrefix(got, "TemporaryFailure busy") {
			h.Errorf("beside another invocation: %s", got)
		}
	}
	h.showsAll(h.runs[2][7])
	h.passTime(h.undelivered().key)
}

// oddKeys: keys of documents that people upload are decoded, whichever way a space is
// encoded.
func (h *history) oddKeys() {
	h.Helper()
	for i, name := range []string{"a b.json", "a+b.json", "100% of (it).json", "Übersicht/日本 №1.json", "a%20b%2Bc.json", "a=b&c?d#e.json"} {
		key := "raw/manual/" + name
		a := h.next(i, 600, 50)
		h.add(a)
		h.upload(key, saved(h, a))
		version := []string{"1.0", "2.0"}[i%2]
		if got := h.runsTask(h.task(version, "", percent(key))); got != "Succeeded complete" {
			h.Errorf("%s: %s", key, got)
		}
		h.showsAll()
		if got := h.runsTask(h.task("2.0", again, url.QueryEscape(key))); got != "Succeeded complete" || h.delivery(key).Value.Generation != 2 {
			h.Errorf("%s again: %s, generation %d", key, got, h.delivery(key).Value.Generation)
		}
		h.showsAll()
	}
}

// late: an older analysis that comes last is superseded, and one without any result fails.
func (h *history) late() {
	h.Helper()
	left := h.runs[1][1]
	h.archive(left)
	if got := h.runsTask(h.task("2.0", "", url.QueryEscape(left.key))); got != "Succeeded superseded" {
		h.Errorf("an older one: %s", got)
	}
	h.upload("raw/manual/broken.json", []byte(`{"results":[]}`))
	for _, arguments := range []string{"", again} {
		if got := h.runsTask(h.task("2.0", arguments, "raw/manual/broken.json")); !strings.HasPrefix(got, "PermanentFailure ") || !strings.Contains(got, "no system") {
			h.Errorf("a broken document: %s", got)
		}
	}
	h.showsAll()
}
