// Package forward takes the invocations of the forwarder: events about new raw
// objects, the sweep, the replay, and the verification, which asks Grail what has
// arrived. It promises that a raw object is delivered even if no event about it
// arrives, that an answer says which objects are to be tried again, and that a scan
// is sent again only on request.
package forward

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// Options of a forwarder. What is not said to be optional must be set.
type Options struct {
	// Settings are those of every delivery.
	Settings deliver.Settings
	// Archive is the bucket with the raw objects and the state documents.
	Archive *store.Store
	// Sender posts events to Dynatrace.
	Sender deliver.Sender
	Log    *slog.Logger
	// Metrics takes figures for CloudWatch; nil: none.
	Metrics *telemetry.Metrics
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// NewID returns random UUIDs: scan ids and lease owners.
	NewID func() string
	// Notices takes a notice of each scan whose delivery completes; nil: none is sent.
	Notices deliver.Publisher
	// Grail counts the rows that have arrived; nil: no query service is known, and
	// arrivals stay unknown.
	Grail Counter
	// GrailBucket is the only bucket of Grail that queries read; empty: they read all.
	GrailBucket string
	// ResendMissing sends a scan again, once, if rows of it have not arrived after
	// arrival.LastLook.
	ResendMissing bool
	// Check answers {"action":"check"} and is given the payload; nil: the action is not known.
	Check func(context.Context, jsontext.Value) (any, error)
}

// Forwarder delivers raw objects. It is safe for concurrent use.
type Forwarder struct {
	o         Options
	deliverer *deliver.Deliverer
}

// New makes a forwarder. It connects to nothing yet.
func New(o Options) *Forwarder {
	f := &Forwarder{o: o}
	f.deliverer = deliver.New(deliver.Options{
		Settings: o.Settings, Archive: o.Archive, Sender: o.Sender, Log: o.Log, Metrics: o.Metrics,
		Now: o.Now, Sleep: o.Sleep, NewID: o.NewID, Notices: o.Notices, KeepInView: f.keepInView,
	})
	return f
}
