package main

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
)

// TestTokenRotatedRightAfterTheStart: the token is rotated after the function has read the
// secret and before its first request. When the appliance refuses the token, the function
// reads the secret again, and the run succeeds. If the secret was read just before and is
// not read again, no message says that it was.
func TestTokenRotatedRightAfterTheStart(t *testing.T) {
	t.Parallel()
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, ScanTime: time.Nanosecond, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	var s *site
	var rotate sync.Once
	var closed atomic.Bool
	s = newSite(t, options{s3: startS3(t), appliance: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rotate.Do(func() { s.setToken(token) })
		if closed.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.ServeHTTP(w, r)
	})})
	s.setToken("token-before")
	if answer := s.must(latest); answer.State != archive.RunDone || answer.Failed > 0 {
		t.Errorf("%+v", answer)
	}

	closed.Store(true)
	err = s.invoke(`{"action":"start","mode":"latest","force":true}`).Err()
	if err == nil || !strings.Contains(err.Error(), "the secret was not read again") || strings.Contains(err.Error(), "holds no other") {
		t.Errorf("the secret was read a moment ago for a refusal and is not read again; the error is %v", err)
	}
	if reads := len(s.gate.Passed("secret ")); reads != 2 {
		t.Errorf("the secret was read %d times, want at the start and at the first refusal", reads)
	}
}
