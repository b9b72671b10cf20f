package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

// weaknesses is how many vulnerabilities a weak scan has: four requests of them.
const weaknesses = 200

// archiveWeak archives a scan of one passed rule, and of vulnerabilities.
func (s *site) archiveWeak() (key string) {
	s.Helper()
	return s.archiveRules("weak", "weak", 0, append(rules("VUL", "FAIL", weaknesses), rules("CIS", "PASS", 1)...))
}

// rules returns so many rules of a profile, all with one status.
func rules(profile, status string, n int) (issues []string) {
	for i := range n {
		issues = append(issues, fmt.Sprintf(`{"issueDisplayId":"%s-%d","type":%[1]q,"severity":"Major","title":"T","status":%[3]q}`, profile, i, status))
	}
	return issues
}

// archiveRules archives an analysis with these rules, made some minutes after an hour ago.
func (s *site) archiveRules(system, name string, minute int, issues []string) (key string) {
	s.Helper()
	started := time.Now().UTC().Truncate(time.Second).Add(-time.Hour + time.Duration(minute)*time.Minute)
	run := started.Format("20060102T150405Z") + "-4f3a"
	key = archive.RawKey(started, run, system, name)
	_, err := s.store.PutRaw(s.Context(), key, func(w io.Writer) error {
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: run, StartedAt: started}, System: archive.System{ID: system, Name: name + ".example", Type: "VCENTER"},
			Scan: archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: started.Format(time.RFC3339)},
		}.WriteHead(w)
		if err == nil {
			_, err = io.WriteString(w, `{"issues":[`+strings.Join(issues, ",")+`]}}`)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return key
}

// killing lets the receiver take a request with vulnerabilities, and kills the forwarder
// before it has the answer; deadly decides at which requests it does so.
type killing struct {
	site    *site
	victim  *process
	deadly  func(n int) bool
	seen    int
	passing bool
}

func (k *killing) intercept(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if k.passing || err != nil || !bytes.Contains(body, []byte(`"`+securityevent.TypeVulnerability+`"`)) {
		return false
	}
	if k.seen++; !k.deadly(k.seen) {
		return false
	}
	k.passing = true
	k.site.receiver.ServeHTTP(w, r)
	k.passing = false
	k.victim.function.Current().Kill()
	panic(http.ErrAbortHandler)
}

// arrived counts how often each vulnerability came.
func (s *site) arrived() map[string]int {
	came := map[string]int{}
	for _, e := range s.receiver.Events() {
		if e.Type == securityevent.TypeVulnerability {
			came[e.FindingID.String()]++
		}
	}
	return came
}

// After a SIGKILL while vulnerabilities are sent, at most the request in flight is
// repeated, and the scan event is not.
func TestKillAmongVulnerabilities(t *testing.T) {
	t.Parallel()
	k := &killing{deadly: func(n int) bool { return n == 2 }}
	s := newSite(t, startS3(t), k.intercept)
	k.site = s
	key := s.archiveWeak()
	k.victim = s.deploy(nil, "INCLUDE_TYPES=VUL")
	k.victim.invoke(s.created(key))
	sent := 0
	for _, n := range s.arrived() {
		sent += n
	}
	s.passTime(key)
	k.victim.must(sweep)
	twice := 0
	came := s.arrived()
	for _, n := range came {
		twice += n - 1
	}
	d := s.delivery(key).Value
	if d.State != archive.DeliveryComplete || d.Generation != 1 || d.Mapped != weaknesses+2 || d.Accepted != d.Mapped || !d.DuplicatesPossible {
		t.Errorf("%+v", d)
	}
	if len(came) != weaknesses || twice > sent/2+1 {
		t.Errorf("%d vulnerabilities came, %d of them twice; %d were sent when the forwarder was killed", len(came), twice, sent)
	}
	if n := s.receiver.Stats().Events[securityevent.TypeCompleted]; n != 1 {
		t.Errorf("%d scan events", n)
	}
}

// If every invocation is killed while it sends vulnerabilities, the delivery fails after
// five, with the reason, and the scan stays shown.
func TestKillsAmongVulnerabilitiesEnd(t *testing.T) {
	t.Parallel()
	k := &killing{deadly: func(int) bool { return true }}
	s := newSite(t, startS3(t), k.intercept)
	k.site = s
	key := s.archiveWeak()
	k.victim = s.deploy(nil, "INCLUDE_TYPES=VUL")
	for range 12 {
		k.victim.invoke(s.created(key))
		s.passTime(key)
	}
	d := s.delivery(key).Value
	if d.State != archive.DeliveryFailed || d.Lease != nil || k.seen != 5 || !strings.Contains(d.Reason, "5 invocations in a row") {
		t.Errorf("%d requests with vulnerabilities, %+v", k.seen, d)
	}
	if tiles := s.receiver.Tiles(); len(tiles.Systems) != 1 || tiles.Systems[0].Posture() != 100 {
		t.Errorf("%+v", tiles.Systems)
	}
}
