package deliver

import "runecast-ingest/internal/mapping"

// Settings are the settings that a delivery obeys.
type Settings struct {
	// Delivery decides what becomes of a generation in doubt.
	Delivery Guarantee
	// MaxBatchBytes bounds a request's body, in bytes; at least 60,000.
	MaxBatchBytes int
	// MaxQuarantine is the share of a scan's events, 0 to 1, that may be refused. A scan of
	// which more is refused is not committed; a few events may be refused in any case.
	MaxQuarantine float64
	// SendConcurrency is the number of requests in flight; 1 to 64.
	SendConcurrency int
	// Mapping says which events are made of a result.
	Mapping mapping.Settings
}

// Guarantee decides what happens after doubt: when findings may have been accepted.
type Guarantee string

const (
	// ExactlyOnce begins a new generation after doubt: no finding is counted twice.
	ExactlyOnce Guarantee = "exactly-once"
	// AtLeastOnce sends the batch in doubt again in the same generation, whose rows may
	// then be there twice; the delivery document then says duplicatesPossible.
	AtLeastOnce Guarantee = "at-least-once"
)
