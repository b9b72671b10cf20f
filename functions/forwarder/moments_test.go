package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
)

// age makes the generation of an object's delivery older without waiting: it writes the
// document again with an earlier time, as passTime does with the lease.
func (s *site) age(key string, by time.Duration) {
	s.Helper()
	doc := s.delivery(key)
	doc.Value.BegunAt = doc.Value.BegunAt.Add(-by)
	if err := store.Save(s.Context(), s.store, &doc); err != nil {
		s.Fatal(err)
	}
}

// answering answers the bodies that hold a text with a status, as long as the status is
// not 0.
func answering(status *atomic.Int64, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || status.Load() == 0 || !bytes.Contains(body, []byte(text)) {
			return false
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(int(status.Load()))
		return true
	}
}

// TestOldGenerationIsNotFinished: a generation that is some hours old is finished; one
// that is some days old is not, and another is begun.
func TestOldGenerationIsNotFinished(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	scan := analyse(t, 700, 1)
	for name, text := range map[string]string{"rows are left": "", "the scan event is left": securityevent.TypeCompleted} {
		for age, generation := range map[time.Duration]int{5 * time.Hour: 1, 60 * time.Hour: 2} {
			t.Run(name+", "+age.String(), func(t *testing.T) {
				t.Parallel()
				var status atomic.Int64
				status.Store(http.StatusTooManyRequests)
				s := newSite(t, server, answering(&status, text))
				s.archive(scan)
				p := s.deploy(nil)
				if a := p.must(s.created(scan.key)); a.Pending != 1 {
					t.Fatalf("%+v", a)
				}
				s.shows(nil)
				status.Store(0)
				s.age(scan.key, age)
				if a := p.must(sweep); a.Complete != 1 {
					t.Fatalf("%+v", a)
				}
				if d := s.delivery(scan.key).Value; d.Generation != generation {
					t.Errorf("completed in generation %d, want %d", d.Generation, generation)
				}
				s.shows(scan)
			})
		}
	}
}

// TestRefusedScansChangeNothing: after two scans whose scan events were refused, no scan
// older than the shown one is shown, and a newer one is.
func TestRefusedScansChangeNothing(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	first, second, third := analyse(t, 300, 1), analyse(t, 460, 2), analyse(t, 380, 3)
	for name, c := range map[string]struct {
		shown, refused, then *analysis
		want                 string
	}{
		"an older one is forced": {third, first, second, archive.DeliverySuperseded},
		"a newer one":            {first, third, second, archive.DeliveryComplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var status atomic.Int64
			s := newSite(t, server, answering(&status, securityevent.TypeCompleted))
			p := s.deploy(nil)
			s.archive(c.shown)
			p.must(s.created(c.shown.key))
			s.shows(c.shown)
			for _, a := range []*analysis{first, second, third} {
				if a != c.shown {
					s.archive(a)
				}
			}
			status.Store(http.StatusBadRequest)
			for range 2 {
				if a := p.must(fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, c.refused.key)); a.Failed != 1 {
					t.Fatalf("%+v", a)
				}
				s.shows(c.shown)
			}
			status.Store(0)
			p.must(sweep) // a trigger would leave it to that where a newer one lies in the archive
			if d := s.delivery(c.then.key).Value; d.State != c.want {
				t.Errorf("%s, want %s", d.State, c.want)
			}
			if c.want == archive.DeliveryComplete {
				s.shows(c.then)
			} else {
				s.shows(c.shown)
			}
		})
	}
}

// TestUploadWhileARunGoesOn: a saved scan of the day before, uploaded between the start
// and the end of a run, does not replace the scan of the run.
func TestUploadWhileARunGoesOn(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	for _, runFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("run first=%t", runFirst), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, server, nil)
			p := s.deploy(nil)
			old, today := analyse(t, 300, 1), analyse(t, 460, 1)
			old.element.Scan.Timestamp = time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
			today.Scan.CompletedAt = time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
			const key = "raw/manual/saved.json"
			s.upload(key, saved(t, old))
			s.archive(today)
			keys := []string{key, today.key}
			if runFirst {
				keys = []string{today.key, key}
			}
			for _, k := range keys {
				if a := p.must(s.created(k)); a.Pending+a.Failed > 0 {
					t.Errorf("%s: %+v", k, a)
				}
			}
			if got := s.register(today.System.ID).RawKey; got != today.key {
				t.Errorf("%s is committed", got)
			}
			s.shows(today)
		})
	}
}
