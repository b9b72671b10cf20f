package appliance

import (
	"sync"
	"time"
)

// analysis is what is known about a system's last scan at one moment.
type analysis struct {
	// ended is when the last finished scan ended, to the millisecond; zero if
	// none has finished since the appliance started with saved documents.
	ended time.Time
	// running says that a newer scan is under way.
	running bool
}

// scans keeps the life cycle of every system's scan. Nothing runs in the
// background: a scan is over when somebody looks after its time has passed.
type scans struct {
	now    func() time.Time
	length time.Duration

	mu    sync.Mutex
	state map[string]*scan
}

type scan struct {
	ended   time.Time
	started time.Time // zero: none is running
}

func newScans(now func() time.Time, length time.Duration) *scans {
	return &scans{now: now, length: length, state: map[string]*scan{}}
}

// connect makes systems known. Their last scans ended one after the other, a
// second apart, as a nightly schedule does it; zero says "as saved".
func (s *scans) connect(ids []string, ended time.Time) {
	for i, id := range ids {
		known := &scan{}
		if !ended.IsZero() {
			known.ended = stamp(ended.Add(time.Duration(i) * time.Second))
		}
		s.state[id] = known
	}
}

// start begins a scan, or leaves the running one alone, and says whether the
// system is known.
func (s *scans) start(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.state[id]
	if !ok {
		return false
	}
	now := s.now()
	s.settle(known, now)
	if known.started.IsZero() {
		known.started = now
	}
	return true
}

// snapshot gives all systems at one moment, so that a document agrees with
// itself however long it takes to send.
func (s *scans) snapshot() map[string]analysis {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	analyses := make(map[string]analysis, len(s.state))
	for id, known := range s.state {
		s.settle(known, now)
		analyses[id] = analysis{ended: known.ended, running: !known.started.IsZero()}
	}
	return analyses
}

// settle ends a scan whose time has passed. The timestamp always moves, even
// when two scans end within one millisecond.
func (s *scans) settle(known *scan, now time.Time) {
	if known.started.IsZero() || now.Before(known.started.Add(s.length)) {
		return
	}
	ended := stamp(known.started.Add(s.length))
	if !ended.After(known.ended) {
		ended = known.ended.Add(time.Millisecond)
	}
	known.ended, known.started = ended, time.Time{}
}

// stamp reduces a time to what a v1 timestamp can say.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
