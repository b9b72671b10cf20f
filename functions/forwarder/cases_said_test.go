package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/lambda"
)

// If a scan has only statuses that are not known, the reason names them. An earlier
// forwarder advised to enable security profiles.
func TestUnknownStatusesAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "BROKEN", 3))
	s.deploy(nil).invoke(s.created(key))
	if d := s.endsAs(key, archive.DeliveryFailed); !strings.Contains(d.Reason, "BROKEN") {
		t.Errorf("the reason does not name the word: %s", d.Reason)
	}
}

// A saved scan of API v2 is delivered with its time in any form that the collector reads.
// An earlier forwarder knew fewer forms, and said of documents with others that they have
// no results.
func TestTimesOfSavedScans(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	for name, created := range map[string]string{
		"no zone": `"2026-11-22T02:00:00"`, "no zone, and a fraction": `"2026-11-22T02:00:00.123"`, "an exponent": `1.7637768E12`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, server, nil)
			const key = "raw/manual/vc9.example/latest.json"
			s.put(key, `{"createdTs":`+created+`,"configScanResultSummary":{},"scannedIssues":[{"issue":{"issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"T"},"status":"FAIL","affectedObjectsCount":1}]}`)
			s.deploy(nil).must(s.created(key))
			s.endsAs(key, archive.DeliveryComplete)
		})
	}
}

// Each line of the log is always one JSON object without duplicate members. With an
// earlier forwarder the runtime printed each returned error with a date in front of it,
// and the line about a message that was given back to the queue had two members called
// message.
func TestEachLineOfTheLogIsJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
	p := s.deploy(nil)
	for _, payload := range []string{
		`{"action":"nonsense"}`, s.created(key),
		fmt.Sprintf(`{"Records":[{"messageId":"m-1","eventSource":"aws:sqs","body":%q}]}`, s.created(key)),
	} {
		p.invoke(payload)
	}
	_ = p.function.Close() // ends the log
	count := 0
	for line := range bytes.Lines([]byte(s.said.String())) {
		count++
		if err := lambda.CheckLine(line); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	if text := s.said.String(); count < 3 || !strings.Contains(text, "message given back to the queue") || !strings.Contains(text, "nonsense") {
		t.Errorf("the log lacks lines of the three failures:\n%s", text)
	}
}
