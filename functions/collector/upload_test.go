package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
)

// TestFailedUpload: the appliance breaks off, or stops sending, when S3 already has parts
// of an upload. No part stays in S3, and the run goes on when the appliance works again.
func TestFailedUpload(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		accident func(*http.Request)
		timeout  time.Duration
		says     string // of the first invocation; empty: it ends well, in time
	}{
		"connection cut": {func(*http.Request) { panic(http.ErrAbortHandler) }, time.Minute, "cut"},
		"silence":        {func(r *http.Request) { <-r.Context().Done() }, 8 * time.Second, ""},
	}
	store, block := startS3(t), noise(1<<20)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const size = 9 << 20
			var well atomic.Bool
			a := &stream{block: block, size: size, interrupt: func(r *http.Request, written int64) {
				if written > size*8/9 && !well.Load() {
					c.accident(r)
				}
			}}
			s := &trial{
				newSite(t, options{s3: store, appliance: a, timeout: c.timeout}),
				func() map[string]jsontext.Value { return map[string]jsontext.Value{streamID: a.element(t)} },
			}
			r := s.invoke(latest)
			if err := r.Err(); (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("the first invocation: %v, want %q", err, c.says)
			} else if err != nil {
				t.Log(err)
			}
			begun, aborted := len(s.gate.Passed("?uploads=")), len(s.gate.Passed("DELETE "))
			if begun == 0 || begun != aborted {
				t.Errorf("%d uploads were begun, %d aborted: %q", begun, aborted, s.gate.Passed("upload"))
			}
			if left, raw := s.uploads(), s.objects(archive.RawPrefix); left > 0 || len(raw) > 0 {
				t.Errorf("%d uploads are left, and %v", left, raw)
			}
			if active := s.active().Value; active.State != archive.RunRunning || active.Lease != nil {
				t.Errorf("the run is left as %q with lease %v", active.State, active.Lease)
			}
			well.Store(true)
			s.must(tick)
			s.checkArchived(scene{}, 0)
		})
	}
}

// TestOneEndlessText: results with a single text over 16 MiB, which would not fit into the
// memory, are refused. No part of the system's results is archived.
func TestOneEndlessText(t *testing.T) {
	t.Parallel()
	a := &stream{block: []byte(`{"moid":"vm-1","name":"` + strings.Repeat("x", 17<<20) + `"}`), size: 1}
	s := &trial{newSite(t, options{s3: startS3(t), appliance: a}), nil}
	answer := s.must(latest)
	if answer.State != archive.RunFailed || answer.Failed != 1 || !strings.Contains(answer.Failures[0].Reason, "a single text over 16 MiB") {
		t.Errorf("%+v", answer)
	}
	t.Logf("%s: %s (peak memory %d MiB)", answer.Failures[0].System, answer.Failures[0].Reason, s.function.MaxMemory()>>20)
	if raw, left := s.objects(archive.RawPrefix), s.uploads(); len(raw) > 0 || left > 0 {
		t.Errorf("archived all the same: %v, %d uploads are open", raw, left)
	}
	if s.must(tick).State != archive.RunIdle {
		t.Error("the run goes on")
	}
}
