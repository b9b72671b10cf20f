// Package status tells an operator the state of the archive: which scans are delivered,
// open or failed, which events Dynatrace refused, and which scan of each system the
// dashboard shows. It promises to write nothing, to answer before the deadline, with a
// cursor if it did not come to the end, and to use memory in proportion to the number of
// systems, not of objects.
package status

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// Reader reads the state of one archive. It is safe for concurrent use.
type Reader struct {
	archive *store.Store
	now     func() time.Time
}

// New makes a reader; now is the wall clock.
func New(store *store.Store, now func() time.Time) *Reader {
	return &Reader{archive: store, now: now}
}

// committed returns what a register says of the scan that the dashboard shows, with its
// age in hours, rounded to a tenth.
func committed(r *archive.Register, now time.Time) *payload.CommittedScan {
	c := &payload.CommittedScan{Run: r.Order.Run, ScanID: r.ScanID, Generation: r.Generation, CompletedAt: r.CompletedAt, CommittedAt: r.CommittedAt, RawKey: r.RawKey, Unlicensed: r.Unlicensed}
	from := c.CompletedAt
	if from.IsZero() {
		from = c.CommittedAt
	}
	c.AgeHours = math.Round(max(0, now.Sub(from).Hours())*10) / 10
	return c
}

// Status sums up the deliveries of a window. It takes two calls of S3 per thousand
// objects, one per object, one per system, and one for the sweep document. A request
// that cannot be followed is a fault of class reject.
func (r *Reader) Status(ctx context.Context, req payload.StatusRequest) (payload.StatusAnswer, error) {
	w, err := r.walk(ctx, req)
	if err != nil {
		return payload.StatusAnswer{}, err
	}
	t, err := w.look(ctx, func(a *payload.Attention) bool {
		return a.State == archive.DeliveryFailed || a.State == archive.DeliveryPending || a.Quarantined > 0 || a.Arrival != ""
	})
	if err != nil {
		return payload.StatusAnswer{}, err
	}
	rep := payload.StatusAnswer{
		Since: w.scope.Since, Until: w.scope.Until, Objects: t.objects, ScanCounts: t.total, Earlier: t.earlier,
		Systems: t.sorted(), Attention: t.listed(), AttentionOmitted: t.omitted,
	}
	if !t.waiting.IsZero() {
		rep.OldestPending = &payload.OldestPending{Time: t.waiting, Seconds: int64(t.now.Sub(t.waiting).Seconds())}
	}
	if rep.Cursor, err = w.cursor(); err == nil {
		rep.Next = advice(&rep, w.scope.Asked.System)
	}
	return rep, err
}

// look reads the registers, then the delivery documents of the walk's objects, and sums
// them up. notable chooses the scans that are listed.
func (w *walk) look(ctx context.Context, notable func(*payload.Attention) bool) (*tally, error) {
	registers, err := w.r.archive.Registers(ctx)
	if err != nil {
		return nil, err
	}
	systems := store.DirectoryOf(registers)
	var system *archive.Named
	if asked := w.scope.Asked.System; asked != "" {
		system = systems.Named(asked)
	}
	t := newTally(systems, system, w.r.now(), notable)
	if t.sweep, err = w.r.sweep(ctx); err != nil {
		return nil, err
	}
	for o, err := range w.r.archive.Deliveries(ctx, w.objects(ctx, system)) {
		if err != nil {
			return nil, err
		}
		t.add(o)
	}
	if !w.begun {
		if err := w.earlier(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err // the last reads were cut off, and prove nothing about the documents
	}
	for _, c := range registers {
		if c.Err != nil {
			t.notice(payload.Attention{Key: c.Key, State: stateUnreadable, Reason: c.Err.Error()}, t.now)
		}
	}
	t.cut()
	return t, nil
}

// stateUnreadable is the state of a commit register that cannot be read.
const stateUnreadable = "unreadable"

// cursor returns where a later request goes on; empty: all was seen.
func (w *walk) cursor() (string, error) {
	if !w.more {
		return "", nil
	}
	return w.scope.cursor()
}

// advice returns what a person is to do now, about the worst finding first.
func advice(r *payload.StatusAnswer, system string) string {
	more := ""
	if r.Cursor != "" {
		more = `; these are not all objects: the same with "next" set to the cursor goes on, and its figures add to these`
	}
	switch {
	case len(r.Systems) == 0 && r.Objects == 0 && system != "" && r.Cursor == "":
		return "check the name: no system is known by it in this window"
	case r.Objects == 0 && r.Cursor == "":
		return `nothing was archived in this window: ask the collector with {"action":"status"}, or look further back with "since"`
	case len(r.Attention) > 0 && r.Attention[0].State == stateUnreadable:
		return "mend the commit registers in attention first: their systems cannot be delivered" + more
	case r.Failed > 0:
		return `mend what the reasons in attention say, then {"action":"replay","state":"failed"}` + more
	case r.Pending+r.Earlier > 0:
		return `wait for the sweep, or send {"action":"sweep"}; a reason in attention that names a cure needs you first` + more
	case slices.ContainsFunc(r.Attention, func(a payload.Attention) bool { return a.Arrival != "" }):
		return "rows are missing in Dynatrace, or there too often: the reasons in attention say what is done about it" + more
	case r.Quarantined > 0:
		return `{"action":"quarantine"} shows what was refused, and why` + more
	case more != "":
		return "nothing to do so far" + more
	}
	partly := 0
	for _, s := range r.Systems {
		if s.Committed != nil && s.Committed.Unlicensed > 0 {
			partly++
		}
	}
	if partly > 0 {
		return fmt.Sprintf("all is delivered; of %d of these systems a part is UNLICENSED in the appliance, so their posture is over the rest: see committed.unlicensed", partly)
	}
	return "nothing: all is delivered"
}
