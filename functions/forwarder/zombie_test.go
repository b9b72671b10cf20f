package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/lambda"
)

// zombie is a forwarder that is frozen (SIGSTOP) at a point of its gate, while others go
// on.
type zombie struct {
	*process
	frozen, thawed chan struct{}
	result         chan lambda.Result
}

func (s *site) zombie(at gate.Point) *zombie {
	s.Helper()
	z := &zombie{frozen: make(chan struct{}), thawed: make(chan struct{}), result: make(chan lambda.Result, 1)}
	z.process = s.deploy(func(p *process) bool {
		p.function.Current().Stop()
		close(z.frozen)
		select {
		case <-z.thawed:
			return true
		case <-p.Context().Done(): // the test has failed
			return false
		}
	})
	z.gate.Set(at)
	return z
}

// freeze invokes the function and returns when it stands still.
func (z *zombie) freeze(payload string) {
	z.Helper()
	go func() {
		r, err := z.function.Invoke(z.Context(), []byte(payload))
		if err == nil { // else the test has ended
			z.result <- r
		}
	}()
	select {
	case <-z.frozen:
	case r := <-z.result:
		z.Fatalf("it did not come so far: %s", r.Payload)
	}
}

// thaw lets the function go on, and returns how its invocation ended.
func (z *zombie) thaw() lambda.Result {
	z.function.Current().Continue()
	close(z.thawed)
	return <-z.result
}

// TestZombies freezes a forwarder in the middle of a delivery until its lease has ended
// and a sweep has delivered the same scan, or a newer one as well. When it is thawed, it
// must notice that it is late: it changes no document, sends the scan event of no scan
// that is not committed, and the dashboard still shows each row of the newest scan once.
func TestZombies(t *testing.T) {
	t.Parallel()
	store := startS3(t)
	oldest, scan, newer := analyse(t, 300, 1), analyse(t, 700, 2), analyse(t, 500, 3)
	clean := newSite(t, store, nil)
	clean.archive(scan)
	whole := clean.deploy(nil)
	whole.must(clean.created(scan.key))
	announcement := len(whole.gate.Passed("ingest ")) // the last of all requests there
	if announcement < 4 {
		t.Fatalf("only %d requests to Dynatrace", announcement)
	}
	points := map[string]struct {
		at         gate.Point
		generation int // of the one that takes over
	}{
		"taking the lease":          {gate.Point{N: 1, Of: "S3 PUT"}, 1},
		"the lease taken":           {gate.Point{N: 1, Of: "S3 PUT", After: true}, 2},
		"sending a batch":           {gate.Point{N: 2, Of: "ingest "}, 2},
		"a batch sent":              {gate.Point{N: 2, Of: "ingest ", After: true}, 2},
		"before all":                {gate.Point{N: 1, Of: "/systems/"}, 1},
		"before the commit":         {gate.Point{N: 2, Of: "/systems/"}, 2},
		"committing":                {gate.Point{N: 2, Of: "S3 PUT"}, 2},
		"committed":                 {gate.Point{N: 2, Of: "S3 PUT", After: true}, 1},
		"announcing":                {gate.Point{N: announcement, Of: "ingest "}, 1},
		"announced":                 {gate.Point{N: announcement, Of: "ingest ", After: true}, 1},
		"marking the scan complete": {gate.Point{N: 3, Of: "S3 PUT"}, 1},
	}
	for name, p := range points {
		for _, overtaken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, overtaken=%t", name, overtaken), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, store, nil)
				s.archive(oldest)
				s.deploy(nil).must(s.created(oldest.key))
				s.archive(scan)
				committed := []string{s.register(scan.System.ID).ScanID}

				z := s.zombie(p.at)
				z.freeze(s.created(scan.key))
				t.Logf("frozen at %s", z.gate.Met())
				committed = append(committed, s.register(scan.System.ID).ScanID)
				s.showsOneOf(oldest, scan)
				s.passTime(scan.key)
				shown := scan
				if overtaken {
					s.archive(newer)
					shown = newer
				}
				if a := s.deploy(nil).must(sweep); a.Pending+a.Failed > 0 {
					t.Errorf("the sweep answers %+v", a)
				}
				s.shows(shown)
				if overtaken {
					s.checkComplete(newer, 1)
				} else {
					s.checkComplete(scan, p.generation)
				}
				before := s.documents(scan)
				committed = append(committed, s.register(scan.System.ID).ScanID)

				if a := s.answer(z.thaw()); a.Pending != 1 || !strings.Contains(fmt.Sprint(a.Reasons), "another invocation") {
					t.Errorf("the zombie answers %+v", a)
				}
				if after := s.documents(scan); after != before {
					t.Errorf("the zombie wrote: %v, then %v", before, after)
				}
				for _, id := range s.committed() {
					if !slices.Contains(committed, id) {
						t.Errorf("scan %s was announced without a commit", id)
					}
				}
				s.shows(shown)
			})
		}
	}
}

// documents returns the last write to each document that a delivery changes.
func (s *site) documents(a *analysis) [2]string {
	s.Helper()
	return [2]string{s.delivery(a.key).Value.WriteID, s.register(a.System.ID).WriteID}
}

// showsOneOf expects the dashboard to show the one scan or the other, not both.
func (s *site) showsOneOf(before, after *analysis) {
	s.Helper()
	if len(s.committed()) > 1 {
		s.shows(after)
	} else {
		s.shows(before)
	}
}

// TestKilledAgainAndAgain: a delivery whose invocation is killed five times in a row at
// the same point, as one that takes too much memory is, fails with the reason, and the old
// posture stays. A delivery past the commit point is never given up.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	const deaths = 5
	store := startS3(t)
	older, scan := analyse(t, 300, 1), analyse(t, 700, 2)
	for name, c := range map[string]struct {
		at    gate.Point
		shown *analysis
		state string
	}{
		"while sending":   {gate.Point{N: 2, Of: "ingest "}, older, archive.DeliveryFailed},
		"when announcing": {gate.Point{N: 2, Of: "S3 PUT", After: true}, scan, archive.DeliveryComplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, store, nil)
			s.archive(older)
			s.deploy(nil).must(s.created(older.key))
			s.archive(scan)
			victim := s.deploy(func(p *process) bool { p.function.Current().Kill(); return false })
			for n := range deaths {
				at := c.at
				if n > 0 && c.state == archive.DeliveryComplete { // committed: the next request to Dynatrace is the announcement
					at = gate.Point{N: 1, Of: "ingest "}
				}
				victim.gate.Set(at)
				if r := victim.invoke(sweep); victim.gate.Met() == "" {
					t.Fatalf("death %d: it did not come so far: %s", n+1, r.Payload)
				}
				s.shows(older)
				s.passTime(scan.key)
			}
			next := s.deploy(nil)
			a := next.must(sweep)
			d := s.delivery(scan.key).Value
			if a.Pending > 0 || a.Objects != 1 || d.State != c.state || d.Lease != nil {
				t.Errorf("the sweep answers %+v, the delivery is left as %+v", a, d)
			}
			if failed := c.state == archive.DeliveryFailed; failed != strings.Contains(d.Reason, fmt.Sprintf("%d invocations in a row ended", deaths)) {
				t.Errorf("the reason is %q", d.Reason)
			}
			s.shows(c.shown)
			if a := next.must(sweep); a.Objects > 0 {
				t.Errorf("a second sweep answers %+v", a)
			}
			if r := s.register(scan.System.ID); r.RawKey != c.shown.key {
				t.Errorf("committed is %s, shown should be %s", r.RawKey, c.shown.key)
			}
		})
	}
}
