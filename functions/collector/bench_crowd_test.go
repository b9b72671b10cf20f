package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// crowd is an appliance of many systems, whose results all have the same size.
type crowd struct {
	systems int
	issues  string
}

func crowdID(i int) string { return fmt.Sprintf("5f1ab8d2-8f3c-4a57-9b6e-%012x", i) }

// ServeHTTP answers what a run in mode latest asks for.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	list := func(head string, element func(id string, i int) string) {
		_, _ = io.WriteString(w, head)
		for i := range c.systems {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = io.WriteString(w, element(crowdID(i), i))
		}
		_, _ = io.WriteString(w, "]}")
	}
	switch r.URL.Path {
	case "/rc2/api/v1/vcenters":
		list(`{"vcenters":[`, func(id string, i int) string { return fmt.Sprintf(`{"uid":%q,"address":"vc%d.example"}`, id, i) })
	case "/rc2/api/v1/issues":
		_, _ = io.WriteString(w, `{"issues":[]}`)
	case "/rc2/api/v1/results":
		list(`{"results":[`, func(id string, _ int) string {
			return `{"uid":"` + id + `","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2026-11-21T14:00:00.000Z"},"issues":[` + c.issues + `]}`
		})
	default:
		http.NotFound(w, r)
	}
}

// BenchmarkManySystems archives what an appliance has of 500 systems, of 100 KB
// each, by the deployed collector: seconds of a run, and its peak memory (VmHWM).
// Each run makes 500 uploads and as many writes of runs/active.json.
func BenchmarkManySystems(b *testing.B) {
	const systems, size = 500, 100_000
	s := newSite(b, options{s3: startS3(b), appliance: &crowd{systems, issueHead + string(machines(size)) + issueTail}, timeout: 15 * time.Minute, direct: true})
	var took time.Duration
	for b.Loop() {
		r := s.invoke(`{"mode":"latest","force":true}`)
		if r.Err() != nil || !strings.Contains(string(r.Payload), fmt.Sprintf(`"archived":%d`, systems)) {
			b.Fatalf("%s", r.Payload)
		}
		took += r.Duration
	}
	b.ReportMetric(took.Seconds()/float64(b.N), "s/run")
	b.ReportMetric(float64(systems*size*b.N)/1e6/took.Seconds(), "MB/s")
	b.ReportMetric(float64(s.function.MaxMemory())/(1<<20), "peak-MiB")
}
