package appliance

import (
	"sync"
	"time"
)

// analysis is what is known about a system's last scan at one moment.
type analysis struct {
	// ended is when the last scan ended, to the millisecond; zero if none has
	// ended since the appliance started with saved documents.
	ended time.Time
	// created is the time that API v2 gives to its latest result.
	created time.Time
	// share is how much of API v2's latest result there is already, from 0 to 1.
	share float64
	// running means that a newer scan is under way.
	running bool
	// failed is the status of the last scan if it failed, else "".
	failed string
	// empty means that the results hold no issue, unscanned that the system has no
	// results, gone that it is not connected any more.
	empty, unscanned, gone bool
}

// shown reports whether the system has results.
func (a analysis) shown() bool { return !a.gone && !a.unscanned }

// course is how a system's scans go.
type course struct {
	Quirk
	// startStamped means that a scan is API v2's latest result already while it runs,
	// with the time of its start. It is not public whether that is so in real ones.
	startStamped bool
}

// scans keeps the state of every system's scan. Nothing runs in the background: a
// scan ends at the first look after its time has passed.
type scans struct {
	now    func() time.Time
	length time.Duration

	mu    sync.Mutex
	state map[string]*scan
}

// scan is the state of one system's scans.
type scan struct {
	course
	ended    time.Time // when the last scan ended
	created  time.Time // the time that API v2 gives to the last successful scan
	started  time.Time // when the running scan began; zero: none is running
	begun    time.Time // the time that API v2 gives to the running scan if startStamped
	finished int       // how many scans have ended since the appliance started
	good     int       // how many of these succeeded
}

func newScans(now func() time.Time, length time.Duration) *scans {
	return &scans{now: now, length: length, state: map[string]*scan{}}
}

// connect makes a system known. ended is when its last scan ended; zero leaves the
// timestamp of a saved document as it is.
func (s *scans) connect(id string, ended time.Time, c course) {
	known := &scan{course: c}
	if !ended.IsZero() {
		known.ended = stamp(ended)
		known.created = known.ended
	}
	s.state[id] = known
}

// start begins a scan unless one is running. It reports whether the system is known,
// and whether a scan was running already.
func (s *scans) start(id string) (known, running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.state[id]
	if !ok {
		return false, false
	}
	now := s.now()
	s.settle(k, now)
	switch {
	case k.at(now, s.length).gone:
		return false, false
	case !k.started.IsZero():
		return true, true
	}
	k.started, k.begun = now, k.next(k.created, now)
	return true, false
}

// snapshot returns the state of all systems, by id, at one moment, so that a
// document agrees with itself however long it takes to send.
func (s *scans) snapshot() map[string]analysis {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	analyses := make(map[string]analysis, len(s.state))
	for id, known := range s.state {
		s.settle(known, now)
		analyses[id] = known.at(now, s.length)
	}
	return analyses
}

// settle ends a scan whose time has passed.
func (s *scans) settle(k *scan, now time.Time) {
	if k.started.IsZero() || k.Endless || now.Before(k.started.Add(s.length)) {
		return
	}
	k.ended = k.next(k.ended, k.started.Add(s.length))
	if k.FailsAs == "" {
		k.created = k.ended
		if k.startStamped {
			k.created = k.begun
		}
		k.good++
	}
	k.finished++
	k.started = time.Time{}
}

// next returns the timestamp of t, or a later one if needed to differ from the last
// one and all before it, even when two scans end within one millisecond.
func (k *scan) next(last, t time.Time) time.Time {
	t = stamp(t)
	if t.Equal(last) || k.finished > 0 && t.Before(last) {
		return last.Add(time.Millisecond)
	}
	return t
}

// at returns the analysis as of now, where scans take length. settle must have been
// called with the same time.
func (k *scan) at(now time.Time, length time.Duration) analysis {
	elapsed := now.Sub(k.started)
	a := analysis{
		ended: k.ended, created: k.created, share: 1,
		running:   !k.started.IsZero(),
		empty:     k.Empties && k.good > 0,
		unscanned: k.Unscanned && k.good == 0,
	}
	a.gone = k.Vanishes && (k.finished > 0 || a.running && elapsed >= length/2)
	if k.finished > 0 {
		a.failed = k.FailsAs
	}
	if a.running && k.startStamped && !k.Endless && k.FailsAs == "" {
		a.created = k.begun
		a.share = min(max(0, float64(elapsed)/float64(length)), 1)
	}
	return a
}

// stamp cuts a time to UTC and milliseconds, as a v1 timestamp has it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
