package receiver

import (
	"iter"
	"time"

	"runecast-ingest/internal/dashboard"
)

// Indexing says what happens to events between the 202 and a query.
type Indexing struct {
	// Delay is how long an accepted event cannot be found by queries.
	Delay time.Duration
	// Every LoseEvery-th finding is dropped, and every TwiceEvery-th is stored twice;
	// 0: none is.
	LoseEvery, TwiceEvery int
	// LoseScanEvents drops all scan events.
	LoseScanEvents bool
}

// row is an event as a query sees it.
type row struct {
	event *dashboard.Event
	stored
}

// stored is what is kept of an event in addition to what the dashboard reads.
type stored struct {
	// status is compliance.status.
	status dashboard.Text
	bytes  int32 // size of the event's JSON
	// from is the time from which queries find the event.
	from time.Time
}

// field returns a field of an event; null if the event does not have it, or it is
// not kept.
func (r *row) field(name string) dashboard.Text {
	e := r.event
	switch name {
	case "event.type":
		return e.Type
	case "scan.id":
		return e.ScanID
	case "finding.id":
		return e.FindingID
	case "object.id":
		return e.ObjectID
	case "compliance.result.status.level":
		return e.Status
	case "compliance.status":
		return r.status
	case "dt.system.bucket":
		return ingestBucket
	}
	return ""
}

// SetIndexing changes what happens to events that are accepted from now on.
func (r *Receiver) SetIndexing(i Indexing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Indexing = i
}

// SetQuerying changes how the query service behaves.
func (r *Receiver) SetQuerying(q Querying) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Querying = q
}

// keep stores the events of a batch as Indexing says. The receiver is locked.
func (r *Receiver) keep(b *batch) {
	i := &r.options.Indexing
	from := r.options.Now().Add(i.Delay)
	for n := range b.events {
		e, s := &b.events[n], b.stored[n]
		s.from = from
		copies := 1
		switch {
		case e.Type == dashboard.TypeScanCompleted && i.LoseScanEvents:
			copies = 0
		case e.Type == dashboard.TypeFinding:
			r.findingsKept++
			if i.LoseEvery > 0 && r.findingsKept%i.LoseEvery == 0 {
				copies = 0
			} else if i.TwiceEvery > 0 && r.findingsKept%i.TwiceEvery == 0 {
				copies = 2
			}
		}
		for range copies {
			r.events, r.stored = append(r.events, *e), append(r.stored, s)
		}
	}
}

// indexed returns the events that queries find at this time. The receiver is locked.
func (r *Receiver) indexed(now time.Time) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for i := range r.events {
			if one := (row{&r.events[i], r.stored[i]}); !one.from.After(now) && !yield(&one) {
				return
			}
		}
	}
}
