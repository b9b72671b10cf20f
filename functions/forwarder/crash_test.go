package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/s3server"
)

// workers crash functions at the same time.
const workers = 3

// scene is an invocation that is interrupted at each of its requests.
type scene struct {
	// analyses are archived, the newest last.
	analyses []*analysis
	// delivered: they were delivered before, and are sent again now.
	delivered bool
	// refused is a text in the events that Dynatrace refuses; empty: it refuses none.
	refused string
	payload func(*site) string
}

func (sc *scene) newest() *analysis { return sc.analyses[len(sc.analyses)-1] }

// prepare archives the analyses of the scene, and returns the generation under which an
// undisturbed invocation delivers.
func (sc *scene) prepare(s *site) int {
	for _, a := range sc.analyses {
		s.archive(a)
		if sc.delivered {
			s.deploy(nil).must(s.created(a.key))
		}
	}
	if sc.delivered {
		return 2
	}
	return 1
}

// TestCrashes kills the deployed forwarder with SIGKILL at every request of an invocation:
// before the request is passed on, and after it was answered but before the forwarder has
// the answer. Then the lease ends, and a sweep goes on. At any time the dashboard shows
// all of a scan or nothing of it, and in the end each row once; the scan is in a new
// generation only if rows are in doubt.
func TestCrashes(t *testing.T) {
	t.Parallel()
	store := startS3(t)
	older, newer, refused := analyse(t, 300, 1), analyse(t, 700, 2), analyse(t, 500, 2)
	scenes := map[string]*scene{
		"a scan": {analyses: []*analysis{newer}, payload: func(s *site) string { return s.created(newer.key) }},
		"a sweep of two scans, one with a refused event": {
			analyses: []*analysis{older, refused}, refused: refused.refuse(t), payload: func(*site) string { return sweep },
		},
		"a replay": {analyses: []*analysis{newer}, delivered: true, payload: func(*site) string { return replay("key", newer.key) }},
	}
	for name, sc := range scenes {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after=%t", name, after), func(t *testing.T) {
				t.Parallel()
				sc.crashEverywhere(t, store, after)
			})
		}
	}
}

// tally counts how trials ended.
type tally struct {
	mu       sync.Mutex
	next     int
	outcomes map[string]int
}

func (y *tally) point() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.next++
	return y.next
}

func (y *tally) count(outcome string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.outcomes[outcome]++
}

// crashEverywhere crashes one invocation at its first request, another at its second, and
// so on, until one ends undisturbed.
func (sc *scene) crashEverywhere(t *testing.T, store *s3server.Server, after bool) {
	begin := time.Now()
	y := tally{outcomes: map[string]int{}}
	group := new(errgroup.Group)
	for range workers {
		group.Go(func() error {
			for over := false; !over; {
				over = true // also if the trial is broken off
				at := gate.Point{N: y.point(), After: after}
				t.Run(fmt.Sprintf("%03d", at.N), func(t *testing.T) {
					outcome := sc.crash(t, store, at)
					y.count(outcome)
					over = outcome == undisturbed
				})
			}
			return nil
		})
	}
	_ = group.Wait()
	points := 0
	for outcome, n := range y.outcomes {
		if outcome != undisturbed {
			points += n
		}
	}
	if points < 15 || y.outcomes[undisturbed] != workers {
		t.Errorf("%d points: %v", points, y.outcomes)
	}
	t.Logf("%d crash points in %s: %v", points, time.Since(begin).Round(time.Millisecond), y.outcomes)
}

// These are the ways in which a trial may end.
const (
	undisturbed = "undisturbed"
	begun       = "delivered from the start"
	anew        = "a new generation"
	carriedOn   = "committed before, announced"
	ended       = "complete before"
)

// crash kills an invocation at a point, and lets a sweep finish the delivery.
func (sc *scene) crash(t *testing.T, store *s3server.Server, at gate.Point) (outcome string) {
	s := newSite(t, store, refusing(sc.refused))
	generation := sc.prepare(s)
	before := s.committed()
	victim := s.deploy(func(p *process) bool { p.function.Current().Kill(); return false })
	victim.gate.Set(at)
	r := victim.invoke(sc.payload(s))
	if victim.gate.Met() == "" {
		if a := s.answer(r); a.Pending+a.Failed > 0 {
			t.Errorf("undisturbed: %+v", a)
		}
		sc.check(s, generation, before)
		return undisturbed
	}
	t.Logf("killed at %s", victim.gate.Met())
	s.showsAllOrNothing(sc.newest())
	generation, outcome = s.due(sc.newest())
	next := s.deploy(nil)
	if s.delivery(sc.newest().key).Value.Lease.Live(time.Now()) {
		if a := next.must(s.created(sc.newest().key)); a.Pending != 1 || len(next.gate.Passed("ingest")) > 0 {
			t.Errorf("it went on under a lease that is alive: %+v", a)
		}
	}
	for _, a := range sc.analyses {
		s.passTime(a.key)
	}
	if a := next.must(sweep); a.Pending+a.Failed > 0 {
		t.Errorf("the sweep answers %+v", a)
	}
	sc.check(s, generation, before)
	if a := next.must(sweep); a.Objects > 0 {
		t.Errorf("a second sweep answers %+v", a)
	}
	return outcome
}

// check checks the archive and the dashboard after a trial; before are the ids of the
// scans whose scan events were there when it began.
func (sc *scene) check(s *site, generation int, before []string) {
	s.Helper()
	newest := sc.newest()
	s.shows(newest)
	s.checkComplete(newest, generation)
	for _, a := range sc.analyses[:len(sc.analyses)-1] {
		if d := s.delivery(a.key).Value; d.State != archive.DeliverySuperseded || d.Lease != nil {
			s.Errorf("%s is left as %+v", a.key, d)
		}
	}
	for _, id := range s.committed()[len(before):] {
		if id != s.register(newest.System.ID).ScanID {
			s.Errorf("scan %s was announced, the register names another", id)
		}
	}
}

// showsAllOrNothing expects no scan to be visible in part.
func (s *site) showsAllOrNothing(a *analysis) {
	s.Helper()
	if len(s.committed()) > 0 {
		s.shows(a)
	} else {
		s.shows(nil)
	}
}

// due returns the generation under which the next invocation has to deliver, by the state
// documents that the killed one has left: a new generation only if rows may have been sent
// that are not committed.
func (s *site) due(a *analysis) (generation int, outcome string) {
	s.Helper()
	doc := s.delivery(a.key)
	d := doc.Value
	switch {
	case !doc.Exists():
		return 1, begun
	case d.Final():
		return d.Generation, ended
	case d.ScanID == s.register(a.System.ID).ScanID:
		return d.Generation, carriedOn
	}
	return d.Generation + 1, anew
}

// refusing answers 400 to bodies with a text.
func refusing(text string) func(http.ResponseWriter, *http.Request) bool {
	if text == "" {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte(text)) {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
}
