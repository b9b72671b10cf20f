package deliver

import "runecast-ingest/internal/mapping"

// Settings are what a delivery obeys.
type Settings struct {
	// Delivery decides what becomes of a generation in doubt.
	Delivery Guarantee
	// MaxBatchBytes bounds a request's body; at least 60,000.
	MaxBatchBytes int
	// MaxQuarantine is the share of a scan's events, 0 to 1, that may be refused before it is not committed.
	MaxQuarantine float64
	// SendConcurrency is the number of requests in flight; 1 to 64.
	SendConcurrency int
	// Mapping says which events are made of a result.
	Mapping mapping.Settings
}

// Guarantee is what holds for events that may or may not have been accepted.
type Guarantee string

const (
	// ExactlyOnce begins a new generation: nothing is counted twice.
	ExactlyOnce Guarantee = "exactly-once"
	// AtLeastOnce goes on with the generation, whose rows may be there twice; the
	// delivery document then says duplicatesPossible.
	AtLeastOnce Guarantee = "at-least-once"
)
