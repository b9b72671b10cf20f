package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/lambda"
)

// TestEndpointThatCannotBeUsed: the invocation fails with a sentence that names
// what to mend, without the token; nothing is shown, and once it is mended the
// same generation goes on.
func TestEndpointThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	const wrong = "dt0c01.WRONG.VERYSECRETINDEED"
	store, scan := startS3(t), analyse(t, 300, 1)
	for name, c := range map[string]struct {
		token string
		env   []string
		says  []string
	}{
		"wrong access token":   {wrong, nil, []string{"401 Unauthorized to the access token", "and the secret ", "put an access token (dt0c01.…)", secretName}},
		"wrong platform token": {"dt0s16.WRONG.VERYSECRETINDEED", nil, []string{"401 Unauthorized to the platform token", "or a platform token (dt0s16.…) with the permission openpipeline:security.events:ingest", secretName}},
		"secret in quotes":     {`"` + wrong + `"`, nil, []string{"the token stands in quotes", "store the token without quotes"}},
		// A label of 64 letters resolves nowhere, and no resolver is asked.
		"wrong host": {token, []string{"OPENPIPELINE_URL=https://" + strings.Repeat("x", 64) + ".example"}, []string{"its name does not resolve", "check the host"}},
		"no secret":  {token, []string{"OPENPIPELINE_SECRET_ID=elsewhere"}, []string{"elsewhere", "has no value of it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, store, nil)
			s.archive(scan)
			s.setToken(c.token)
			p := s.deploy(nil, c.env...)
			for _, payload := range []string{s.created(scan.key), sweep} {
				err := p.invoke(payload).Err()
				if err == nil {
					t.Fatal("it succeeded")
				}
				for _, want := range c.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q lacks %q", err, want)
					}
				}
				if strings.Contains(err.Error(), "VERYSECRET") {
					t.Errorf("it shows the token: %s", err)
				}
				if d := s.delivery(scan.key).Value; d.State != archive.DeliverySending || d.Lease != nil || d.Doubt || d.Reason == "" {
					t.Errorf("the delivery is left as %+v", d)
				}
				s.shows(nil)
			}
			s.setToken(token)
			s.deploy(nil).must(sweep)
			s.shows(scan)
			s.checkComplete(scan, 1)
		})
	}
}

// TestTokenRotatedRightAfterTheStart: the token is rotated after the function has read the
// secret and before its first request. When Dynatrace refuses the token, the function
// reads the secret again, and the delivery succeeds. If the secret was read just before
// and is not read again, no message says that it was.
func TestTokenRotatedRightAfterTheStart(t *testing.T) {
	t.Parallel()
	var s *site
	var rotate sync.Once
	var closed atomic.Bool
	s = newSite(t, startS3(t), func(w http.ResponseWriter, _ *http.Request) bool {
		rotate.Do(func() { s.setToken(token) })
		if closed.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return closed.Load()
	})
	scan := analyse(t, 300, 1)
	s.archive(scan)
	s.setToken("dt0c01.BEFORE.TOKEN")
	p := s.deploy(nil, "SEND_CONCURRENCY=1")
	p.must(s.created(scan.key))
	s.shows(scan)

	closed.Store(true)
	err := p.invoke(fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, scan.key)).Err()
	if err == nil || !strings.Contains(err.Error(), "the secret was not read again") || strings.Contains(err.Error(), "holds no other") {
		t.Errorf("the secret was read a moment ago for a refusal and is not read again; the error is %v", err)
	}
	if reads := len(p.gate.Passed("secret ")); reads != 2 {
		t.Errorf("the secret was read %d times, want at the start and at the first refusal", reads)
	}
}

// TestTokenRotatedToAnotherKind: while a scan is delivered, a platform token replaces the
// access token, which becomes invalid. The delivery goes on with the new token in the same
// generation. Then the token is rotated back.
func TestTokenRotatedToAnotherKind(t *testing.T) {
	t.Parallel()
	const platform = "dt0s16.SIMULATED.PLATFORM"
	var s *site
	var mu sync.Mutex
	requests, next := 0, platform
	schemes := map[string]int{}
	s = newSite(t, startS3(t), func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if requests++; requests == 3 {
			s.setToken(next)
			s.receiver.SetToken(next)
		}
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		schemes[scheme]++
		return false
	})
	scan := analyse(t, 2000, 1)
	s.archive(scan)
	p := s.deploy(nil)
	p.must(s.created(scan.key))
	s.shows(scan)
	s.checkComplete(scan, 1)
	if refused := s.receiver.Stats().Refused[http.StatusUnauthorized]; schemes["Bearer"] < 2 || schemes["Api-Token"] < 3 || refused < 1 || len(schemes) != 2 {
		t.Errorf("sent %v, refused %d", schemes, refused)
	}
	if reads := len(p.gate.Passed("secret ")); reads != 2 {
		t.Errorf("the secret was read %d times, want at the start and at the first refusal", reads)
	}
	mu.Lock()
	requests, next = 0, token
	mu.Unlock()
	s.deploy(nil).must(fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, scan.key))
	s.shows(scan)
}

// TestSettingsThatCannotBeUsed: all faults are named at once.
func TestSettingsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	var log lines
	f, err := lambda.Start(lambda.Options{Binary: binary, Env: []string{"OPENPIPELINE_URL=http://plain.example", "MAX_BATCH_BYTES=1", "EVIDENCE=maybe"}, Log: testLog{t, &log}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Invoke(t.Context(), []byte(sweep))
	if err != nil || r.Err() == nil {
		t.Fatalf("it answers %s (%v)", r.Payload, err)
	}
	_ = f.Close() // ends the log
	said := r.Err().Error() + log.String()
	for _, name := range []string{"OPENPIPELINE_URL", "OPENPIPELINE_SECRET_ID", "ARCHIVE_BUCKET", "MAX_BATCH_BYTES", "EVIDENCE"} {
		if !strings.Contains(said, name) {
			t.Errorf("%s is not named in %s", name, said)
		}
	}
}
