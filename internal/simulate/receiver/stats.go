package receiver

import "runecast-ingest/internal/dashboard"

// maxExamples bounds Stats.Examples.
const maxExamples = 20

// Stats is what the receiver saw.
type Stats struct {
	// Requests is the number of HTTP requests, Intercepted of those that Intercept
	// answered.
	Requests, Intercepted int
	// Accepted is the number of events that got a 202 and were not stale, Events
	// the same by event.type ("" if an event has none).
	Accepted int
	Events   map[string]int
	// Bytes is the size of the accepted bodies.
	Bytes int64
	// Refused is the number of refused requests by HTTP status.
	Refused map[int]int
	// Stale events got a 202 and were dropped, being over 24 h old. Future
	// events were set back to 10 minutes ahead.
	Stale, Future int
	// Parameters is the number of query parameters of accepted requests; each
	// would overwrite a field of every event.
	Parameters int
	// DuplicateEvents had the event.id of an earlier event, DuplicateFindings the
	// finding.id and scan.id of an earlier finding. RepeatedScans are scan events with
	// the scan.id and object.id of an earlier one; they do no harm.
	DuplicateEvents, DuplicateFindings, RepeatedScans int
	// ShapeErrors is the number of faults in accepted events that would make
	// the dashboard wrong; Examples describes the first of them.
	ShapeErrors int
	// Queries is the number of executed queries, Cancelled of those cancelled.
	Queries, Cancelled int
	Examples           []string
}

func (r *Receiver) countRequest(intercepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Requests++
	if intercepted {
		r.stats.Intercepted++
	}
}

func (r *Receiver) countRefusal(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Refused[status]++
}

func (r *Receiver) accept(b batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Accepted += len(b.events)
	r.stats.Bytes += b.bytes
	r.stats.Stale += b.stale
	r.stats.Future += b.future
	r.stats.Parameters += b.parameters
	r.stats.ShapeErrors += b.shapeErrors
	r.stats.Examples = append(r.stats.Examples, b.examples[:min(len(b.examples), maxExamples-len(r.stats.Examples))]...)
	for i := range b.events {
		r.texts.Share(&b.events[i])
		r.count(&b.events[i])
	}
	r.keep(&b)
	r.raw = append(r.raw, b.raw[:min(len(b.raw), r.options.KeepRaw-len(r.raw))]...)
}

func (r *Receiver) count(e *dashboard.Event) {
	r.stats.Events[e.Type.String()]++
	if e.Type == dashboard.TypeScanCompleted {
		if repeated(r.commits, scanSystem{e.ScanID, e.ObjectID}) {
			r.stats.RepeatedScans++
		}
		return
	}
	if !e.ID.Null() && repeated(r.ids, e.ID) {
		r.stats.DuplicateEvents++
	}
	if !e.FindingID.Null() && repeated(r.findings, scanFinding{e.ScanID, e.FindingID}) {
		r.stats.DuplicateFindings++
	}
}

// repeated reports whether the key was in the set already, and adds it.
func repeated[K comparable](seen map[K]struct{}, key K) bool {
	_, there := seen[key]
	seen[key] = struct{}{}
	return there
}
