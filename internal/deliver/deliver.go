// Package deliver delivers raw objects to Dynatrace: one object, one
// transaction. It promises that all findings of a scan carry one scan id, that
// the scan event, which makes them visible, goes out only when every finding is
// accounted for: accepted, skipped or in quarantine; that an older scan never
// replaces a newer one; and that each delivery's state is in the archive for
// the next invocation.
//
// PROTOCOL.md describes the eight steps, the rules, and what breaks without each
// rule. Comments name the steps by their numbers: 1 read the state, 2 read the
// register, 3 take the lease, 4 stream, 5 release, 6 commit point, 7 scan event,
// 8 complete.
//
// A trigger is whatever calls the forwarder about an object without asking to send it
// again: an S3 event, a message in a queue, or the sweep. Only a replay request
// sends again what has ended.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// Publisher sends notices of committed scans to people; see eventbus.Bus.Publish.
type Publisher interface {
	Publish(ctx context.Context, notices []notice.Committed) (failed int, err error)
}

// Options of a deliverer.
type Options struct {
	Settings Settings
	Archive  *store.Store
	Sender   Sender
	Log      *slog.Logger
	// Metrics takes figures for CloudWatch; nil: no metrics are written.
	Metrics *telemetry.Metrics
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// NewID returns random UUIDs: scan ids and lease owners.
	NewID func() string
	// Notices takes a notice of each scan whose delivery completes; nil: none is sent.
	Notices Publisher
	// KeepInView notes the object for the sweep. It is called before the first write
	// of a delivery, unless the caller remembers the object: a sweep must find the
	// object however the invocation ends. again: the delivery had ended, and a replay
	// sends the object again. An error ends the delivery before that write. Nil: nobody
	// sweeps.
	KeepInView func(ctx context.Context, info archive.RawInfo, again bool) error
}

// Deliverer delivers raw objects. It is safe for concurrent use.
type Deliverer struct {
	o      Options
	mapper *mapping.Mapper
	// buffers hold the bodies of batches: one for each request in flight, and one for
	// the batch that is being packed. All deliveries of an invocation share them.
	buffers *openpipeline.Buffers
	// slots holds one element for each request in flight.
	slots    chan struct{}
	catalogs *catalogs
}

// New returns a deliverer. Options without "nil" in their comment are required.
func New(o Options) *Deliverer {
	return &Deliverer{
		o: o, mapper: mapping.New(o.Settings.Mapping), catalogs: &catalogs{archive: o.Archive, log: o.Log},
		buffers: openpipeline.NewBuffers(o.Settings.SendConcurrency+1, o.Settings.MaxBatchBytes), // in flight, and one being packed
		slots:   make(chan struct{}, o.Settings.SendConcurrency),
	}
}

// DryRun returns a deliverer that does what d does, but sends to an endpoint
// that accepts everything and writes to an archive that keeps nothing. Its outcomes
// name as sent what d would send. It writes no logs and no metrics, and sends no notices.
func (d *Deliverer) DryRun() *Deliverer {
	dry := *d
	dry.o.Sender, dry.o.Archive, dry.o.KeepInView, dry.o.Notices = discard{}, d.o.Archive.ReadOnly(), nil, nil
	dry.o.Log, dry.o.Metrics = slog.New(slog.DiscardHandler), nil
	return &dry
}

// Window is the time of one invocation: no POST starts after Soft, no POST
// runs after Hard, and the time from Hard to Deadline is for saving the state.
type Window struct{ Soft, Hard, Deadline time.Time }

// WindowOf returns the window of an invocation. Soft lies before the deadline by 60
// seconds or a quarter of the time that is left, whichever is less; Hard lies before it
// by a quarter of that margin. A context without a deadline has 15 minutes, the most
// that Lambda allows.
func WindowOf(ctx context.Context, now time.Time) Window {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = now.Add(15 * time.Minute)
	}
	margin := min(time.Minute, deadline.Sub(now)/4)
	return Window{Soft: deadline.Add(-margin), Hard: deadline.Add(-margin / 4), Deadline: deadline}
}

// States of an outcome that a delivery document does not have.
const (
	// StateBusy: another invocation delivers the object.
	StateBusy = "busy"
	// StateLeft: the object is left to the sweep; see Request.Newer.
	StateLeft = "left to the sweep"
	// StatePaced: the delivery keeps to a pace, and is left to another call; see
	// Request.LeavePaced.
	StatePaced = "paced"
	// StateOlder: a replay asked for the object, but a newer scan is committed.
	StateOlder = "older"
)

// Outcome is how a delivery ended in this invocation.
type Outcome struct {
	// State is the state in the delivery document, one of the states above, or
	// archive.DeliveryPending: there was no time to begin.
	State string
	// Scan has the figures of all scans in the object together, over all invocations.
	Scan archive.Scan
	// System is the name of the system, if the object holds one scan.
	System string
	// Reason explains the state to a person; empty: there is nothing to explain.
	Reason string
	// EndpointDown: no other object can be delivered either, until a person has
	// mended what the error says.
	EndpointDown bool
	// RefusedWhole: Dynatrace refused every event of the object. If it accepts another
	// object, this object is to blame; else the endpoint is.
	RefusedWhole bool
	// Parts are the scans in the object; empty if there was nothing to do.
	Parts []PartOutcome

	reason reason
}

// PartOutcome is what this invocation did for one scan of the object.
type PartOutcome struct {
	System archive.System
	// Older: nothing of this scan is sent by this invocation, as where a newer scan is
	// committed.
	Older bool
	Sent  Sent
	// Rows are the numbers of findings in the scan; nil: the scan was not mapped.
	Rows map[mapping.Row]int64
}

// Ended reports whether a trigger has nothing left to do with the object.
func (o *Outcome) Ended() bool { return archive.Final(o.State) }

// Deliver delivers the current version of a raw object. If the delivery has ended, it
// is sent again only on request. A failure that the object itself causes is an outcome
// with the state failed, not an error. An error has a class, and the caller tries again.
// After win.Soft nothing is begun: the state is then archive.DeliveryPending.
func (d *Deliverer) Deliver(ctx context.Context, key string, win Window, r Request) (Outcome, error) {
	began := d.o.Now()
	if !began.Before(win.Soft) {
		return Outcome{State: archive.DeliveryPending, Reason: "no time was left for it in this invocation", reason: becauseTime}, nil
	}
	one := &delivery{Deliverer: d, key: key, win: win, request: r, batchBytes: d.o.Settings.MaxBatchBytes}
	one.send = counting(limited(timely(traced(d.o.Sender, win.Soft), d.o.Now), d.slots), &one.counter)
	var out Outcome
	err := telemetry.Trace(ctx, "deliver", func(ctx context.Context) (err error) {
		out, err = one.run(ctx)
		return err
	}, "key", key)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRace) {
		out, err = Outcome{State: StateBusy, Reason: "another invocation delivers it", reason: becauseTakenOver}, nil
	}
	one.observe(ctx, out, err, d.o.Now().Sub(began))
	return out, err
}
