package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/lambda"
)

// These tests are of faults that an earlier collector had: each gives the input, and
// checks the right result. A test looks only at S3 and the appliance, so that it can be
// run with another binary, too (binaryVariable).

// estate is an appliance of API v1 with some vCenters. The triggered analyses finish one
// by one, each time that somebody asks for the status of the scans.
type estate struct {
	ids, names []string

	mu        sync.Mutex
	triggered map[string]bool
	finished  int // of the first systems
	downloads int
}

// ServeHTTP answers what a run asks for.
func (e *estate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	id, trigger := strings.CutPrefix(r.URL.Path, "/rc2/api/v1/scan/")
	switch {
	case trigger && r.Method == http.MethodPost:
		e.triggered[id] = true
		w.WriteHeader(http.StatusAccepted)
	case r.URL.Path == "/rc2/api/v1/vcenters":
		var all []string
		for i, id := range e.ids {
			all = append(all, fmt.Sprintf(`{"uid":%q,"address":%q}`, id, e.names[i]))
		}
		_, _ = io.WriteString(w, `{"vcenters":[`+strings.Join(all, ",")+`]}`)
	case r.URL.Path == "/rc2/api/v1/issues":
		_, _ = io.WriteString(w, `{"issues":[]}`)
	case r.URL.Path == "/rc2/api/v1/results":
		if r.URL.Query().Get("onlyDetectedIssues") == "true" {
			e.finished += min(1, len(e.triggered)-e.finished)
		} else if len(e.triggered) > 0 {
			e.downloads++
		}
		_, _ = io.WriteString(w, e.results())
	default:
		http.NotFound(w, r)
	}
}

// downloaded returns how often the document of all results was downloaded since a system
// was triggered.
func (e *estate) downloaded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.downloads
}

// results is the document of all systems.
func (e *estate) results() string {
	var all []string
	for i, id := range e.ids {
		ended := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
		if i < e.finished {
			ended = ended.Add(12 * time.Hour)
		}
		all = append(all, fmt.Sprintf(`{"uid":%q,"scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":%q},"issues":[%s]}`, id, ended.Format(time.RFC3339),
			`{"id":"1","issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"T","status":"PASS","affectedObjectsCount":0,"affectedObjects":[]}`))
	}
	return `{"results":[` + strings.Join(all, ",") + `]}`
}

// Two systems may have the same shortened name and id, and so the same raw key. Then one
// is archived, and the other fails. An earlier collector found the object of the first,
// took it for the second's, and reported both as archived.
func TestSystemsOfOneKey(t *testing.T) {
	t.Parallel()
	a := &estate{names: []string{"vc a.example", "vc-a.example"}}
	ids := map[string]string{} // by key
	for i := 0; a.ids == nil; i++ {
		id := fmt.Sprint("uid-", i)
		key := archive.RawKey(time.Time{}, "r", id, a.names[0])
		if first, there := ids[key]; there {
			a.ids = []string{first, id}
		}
		ids[key] = id
	}
	s := newSite(t, options{s3: startS3(t), appliance: a})
	answer := s.must(latest)
	if n := len(s.objects(archive.RawPrefix)); n != 1 || answer.Archived != 1 || answer.Failed != 1 || !strings.Contains(answer.Failures[0].Reason, a.ids[0]) {
		t.Errorf("%d objects, and the answer %+v", n, answer)
	}
}

// A run that may take longer than it is to the next start is refused. An earlier
// collector took it, and one system that hung then cost all others the runs of the
// next nights.
func TestRunLongerThanTheSchedulesPeriod(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, ScanTime: time.Nanosecond, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{s3: startS3(t), appliance: a, env: []string{"SCAN_TIMEOUT=96h", "SCHEDULE=cron(0 2 * * ? *)"}})
	if err := s.invoke(nightly).Err(); err == nil || !strings.Contains(err.Error(), "SCAN_TIMEOUT") {
		t.Errorf("a run of up to four days under a nightly schedule: %v", err)
	}
	r := s.invoke(`{"action":"check"}`)
	if text := string(r.Payload); r.Err() != nil || !strings.Contains(text, "96h0m0s is longer than the 24h0m0s between two starts of the schedule") {
		t.Errorf("the check says %s (%v)", text, r.Err())
	}
}

// The ids of systems are those of one version of the API. A run in which this version does
// not answer fails, with the cure. An earlier collector chose the version anew in each
// run, and then archived the same systems under other ids, as other systems.
func TestVersionOfTheAPIIsKept(t *testing.T) {
	t.Parallel()
	var down atomic.Bool // API v2 is not there
	a, err := appliance.New(appliance.Options{
		Seed: 7, Findings: 300, ScanTime: time.Nanosecond, Token: token, API: appliance.APIBoth,
		Intercept: func(w http.ResponseWriter, r *http.Request) bool {
			gone := down.Load() && strings.HasPrefix(r.URL.Path, "/rca/")
			if gone {
				http.NotFound(w, r)
			}
			return gone
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{s3: startS3(t), appliance: a, env: []string{"RUNECAST_API=auto"}})
	first := s.must(`{"action":"start","mode":"latest"}`)
	if first.State != archive.RunDone || first.Archived == 0 {
		t.Fatalf("%+v", first)
	}
	down.Store(true)
	err = s.invoke(`{"action":"start","mode":"latest"}`).Err()
	if err == nil || !strings.Contains(err.Error(), "RUNECAST_API=v1") {
		t.Errorf("API v2 is not there for a night: %v", err)
	}
	down.Store(false)
	if answer := s.must(`{"action":"start","mode":"latest"}`); answer.Failed > 0 || answer.Unchanged != first.Archived {
		t.Errorf("it is there again: %+v", answer)
	}
	if n := len(s.objects(archive.RawPrefix)); n != first.Archived {
		t.Errorf("%d objects of %d systems", n, first.Archived)
	}
}

// API v1 has one document with the results of all systems. It is downloaded when the first
// system has finished and when all have, not for each system. An earlier collector
// downloaded it whenever a system had finished.
func TestDownloadsOfAllResultsAreFew(t *testing.T) {
	t.Parallel()
	a := &estate{triggered: map[string]bool{}}
	const systems = 4
	for i := range systems {
		a.ids, a.names = append(a.ids, fmt.Sprint("uid-", i)), append(a.names, fmt.Sprintf("vc%d.example", i))
	}
	s := newSite(t, options{s3: startS3(t), appliance: a})
	answer := s.must(nightly)
	if answer.State != archive.RunDone || answer.Archived != systems || a.downloaded() != 2 {
		t.Errorf("%d downloads of all results for %d systems, which finished one by one: %+v", a.downloaded(), systems, answer)
	}
}

// The gzip header of a raw object has no time. The library that an earlier collector used
// wrote the year 2042 into each.
func TestCompressedObjectsAreNotDated(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{s3: startS3(t), appliance: &estate{ids: []string{"uid-1"}, names: []string{"vc1.example"}}})
	s.must(latest)
	for _, prefix := range []string{archive.RawPrefix, archive.CatalogPrefix} {
		keys := s.objects(prefix)
		if len(keys) != 1 {
			t.Errorf("%d objects under %s", len(keys), prefix)
		}
		for key := range keys {
			if head := s.download(key)[:10]; !bytes.Equal(head[:4], []byte{0x1f, 0x8b, 8, 0}) || !bytes.Equal(head[4:8], make([]byte, 4)) {
				t.Errorf("%s begins with % x: want gzip without flags and with time 0 (RFC 1952)", key, head)
			}
		}
	}
}

// Each line of the log is always one JSON object without duplicate members. With an
// earlier collector the runtime printed each returned error with a date in front of it,
// and the upload library printed a line of text when S3 refused an upload because the
// object exists.
func TestEachLineOfTheLogIsJSON(t *testing.T) {
	t.Parallel()
	stream := &stream{block: noise(1 << 20), size: 7 << 20}
	sc := scene{start: latest, appliance: stream.scene}
	s := sc.open(t, startS3(t), gate.Point{N: 2, Of: "S3 POST ", After: true}) // the upload is begun, it is completed
	s.crash(sc)
	if err := s.invoke(`{"action":"nonsense"}`).Err(); err == nil {
		t.Error("it was taken")
	}
	_ = s.function.Close() // ends the log
	for line := range bytes.Lines([]byte(s.said.String())) {
		if err := lambda.CheckLine(line); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	for _, says := range []string{"nonsense", "failed to complete multipart upload"} {
		if !strings.Contains(s.said.String(), says) {
			t.Errorf("no line holds %q", says)
		}
	}
}
