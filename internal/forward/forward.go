// Package forward is the doors through which raw objects come to be delivered:
// the triggers, the sweep and the replay; and the one through which Grail is asked
// what has arrived. It promises that every raw object is
// delivered that no trigger brings, that an answer says what is to be tried
// again, and that nothing is sent again that nobody asked for.
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

// Options of a forwarder.
type Options struct {
	Settings deliver.Settings
	Archive  *store.Store
	Sender   deliver.Sender
	Log      *slog.Logger
	// Metrics takes figures for CloudWatch; nil: none.
	Metrics *telemetry.Metrics
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// NewID returns random UUIDs: scan ids and lease owners.
	NewID func() string
	// Notices takes a notice of each scan whose delivery completes; nil: none is sent.
	Notices deliver.Publisher
	// Grail counts the rows that have arrived; nil: nobody can.
	Grail Counter
	// GrailBucket is the only bucket that is asked for; empty: all.
	GrailBucket string
	// ResendMissing sends a scan again, once, whose rows have not arrived.
	ResendMissing bool
	// Check answers {"action":"check"}, whose payload it is given; nil: the action is not known.
	Check func(context.Context, jsontext.Value) (any, error)
}

// Forwarder delivers raw objects. It is safe for concurrent use.
type Forwarder struct {
	o         Options
	deliverer *deliver.Deliverer
}

// New makes a forwarder.
func New(o Options) *Forwarder {
	f := &Forwarder{o: o}
	f.deliverer = deliver.New(deliver.Options{
		Settings: o.Settings, Archive: o.Archive, Sender: o.Sender, Log: o.Log, Metrics: o.Metrics,
		Now: o.Now, Sleep: o.Sleep, NewID: o.NewID, Notices: o.Notices, KeepInView: f.keepInView,
	})
	return f
}
