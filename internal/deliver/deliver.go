// Package deliver delivers raw objects to Dynatrace: one object, one
// transaction. It promises that all findings of a scan carry one scan id, that
// the scan event, which makes them visible, goes out only when every finding is
// accounted for: accepted, skipped or in quarantine; that an older scan never
// replaces a newer one; and that each delivery's state is in the archive for
// whoever comes next.
//
// PROTOCOL.md has the eight steps, whose numbers are used here, the rules and
// what breaks without them: 1 read the state, 2 read the register, 3 take the
// lease, 4 stream, 5 release, 6 commit point, 7 scan event, 8 complete.
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
	// Metrics takes figures for CloudWatch; nil: none.
	Metrics *telemetry.Metrics
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// NewID returns random UUIDs: scan ids and lease owners.
	NewID func() string
	// Notices takes a notice of each scan whose delivery completes; nil: none is sent.
	Notices Publisher
	// KeepInView is called before the first write of a delivery, unless the
	// caller remembers the object: whatever ends the invocation, a sweep must
	// find it. again says that what had ended is sent again. Nil: nobody sweeps.
	KeepInView func(ctx context.Context, info archive.RawInfo, again bool) error
}

// Deliverer delivers raw objects. It is safe for concurrent use.
type Deliverer struct {
	o      Options
	mapper *mapping.Mapper
	// buffers serve one invocation at a time, as Lambda has it, and so do the slots of
	// requests in flight.
	buffers  *openpipeline.Buffers
	slots    chan struct{}
	catalogs *catalogs
}

// New makes a deliverer.
func New(o Options) *Deliverer {
	return &Deliverer{
		o: o, mapper: mapping.New(o.Settings.Mapping), catalogs: &catalogs{archive: o.Archive, log: o.Log},
		buffers: openpipeline.NewBuffers(o.Settings.SendConcurrency+1, o.Settings.MaxBatchBytes), // in flight, and one being packed
		slots:   make(chan struct{}, o.Settings.SendConcurrency),
	}
}

// DryRun returns a deliverer that does what d does, but sends to an endpoint
// that accepts everything and writes to an archive that keeps nothing: what it
// says was sent is what d would send. It neither logs nor counts, and sends no notice.
func (d *Deliverer) DryRun() *Deliverer {
	dry := *d
	dry.o.Sender, dry.o.Archive, dry.o.KeepInView, dry.o.Notices = discard{}, d.o.Archive.ReadOnly(), nil, nil
	dry.o.Log, dry.o.Metrics = slog.New(slog.DiscardHandler), nil
	return &dry
}

// Window is the time of one invocation: no POST starts after Soft, no POST
// runs after Hard, and what is left until the deadline is for saving.
type Window struct{ Soft, Hard, Deadline time.Time }

// WindowOf reserves min(60 s, a quarter) of the time that is left. Without a
// deadline there are 15 minutes, Lambda's most.
func WindowOf(ctx context.Context, now time.Time) Window {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = now.Add(15 * time.Minute)
	}
	margin := min(time.Minute, deadline.Sub(now)/4)
	return Window{Soft: deadline.Add(-margin), Hard: deadline.Add(-margin / 4), Deadline: deadline}
}

// States of an outcome beside those of a delivery document.
const (
	// StateBusy: another invocation delivers it.
	StateBusy = "busy"
	// StateLeft: it is left to the sweep; see Request.Newer.
	StateLeft = "left to the sweep"
	// StatePaced: it keeps to a pace, and was left to another call; see Request.LeavePaced.
	StatePaced = "paced"
	// StateOlder: it was to be sent again, but a newer scan is committed.
	StateOlder = "older"
)

// Outcome is how a delivery ended in this invocation.
type Outcome struct {
	// State is the delivery document's, one of those above, or pending: there was
	// no time to begin.
	State string
	// Scan has the figures of all scans in the object, of all invocations.
	Scan archive.Scan
	// System is the name of the system, if the object holds one scan.
	System string
	// Reason explains the state to a person; empty: there is nothing to explain.
	Reason string
	// EndpointDown: no other object can be delivered either, until a person has
	// mended what the error says.
	EndpointDown bool
	// RefusedWhole: all of the object was refused. Whether the endpoint is to
	// blame for it, or the object, another object can show.
	RefusedWhole bool
	// Parts are the scans in the object; none if nothing was to be done.
	Parts []PartOutcome

	reason reason
}

// PartOutcome is what this invocation did for one scan of the object.
type PartOutcome struct {
	System archive.System
	// Older: nothing is to be sent, since a newer scan is committed.
	Older bool
	Sent  Sent
	// Rows are the findings in the scan; nil: it was not mapped.
	Rows map[mapping.Row]int64
}

// Ended reports whether a trigger has nothing left to do with the object.
func (o *Outcome) Ended() bool { return archive.Final(o.State) }

// Deliver delivers the current version of a raw object, and sends again what had
// ended if that is requested. What the object itself is to blame for is no error
// but an outcome; an error is for the caller to try again, and has a class.
// Without time left in the invocation's window nothing is begun.
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
