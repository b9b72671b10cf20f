package forward

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/telemetry"
)

// overlap is how far back a sweep looks although all was delivered: an object
// may be created a while after its run started.
const overlap = 48 * time.Hour

// Sweep delivers what triggers have left behind: released deliveries, lost
// events, crashed invocations. It looks from the oldest day that is not
// finished; of each system the newest scan comes first, so that older ones end
// as superseded. It stops at the first error of the endpoint, and where its
// time ends; the next sweep goes on.
func (f *Forwarder) Sweep(ctx context.Context) (Answer, error) {
	a := Answer{Reasons: []string{}}
	state, err := archive.Load[archive.Sweep](ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema)
	if err != nil {
		return a, err
	}
	started := f.o.Now()
	win := windowOf(ctx, started)
	oldest := started.Add(-overlap)
	keys, err := f.undelivered(ctx, state.Value.From)
	if err != nil {
		return a, err
	}
	var failed error
	for _, info := range keys {
		if !f.o.Now().Before(win.soft) {
			a.Pending++
			oldest = earlier(oldest, info)
			continue
		}
		out, err := f.Deliver(ctx, info.Key)
		if _, down := errors.AsType[*endpointError](err); down {
			return a, err // the rest would end the same way
		}
		failed = errors.Join(failed, err)
		a.add(out)
		if !final(out.State) {
			oldest = earlier(oldest, info)
		}
	}
	f.o.Metrics.Put(telemetry.Count("Pending", a.Pending), telemetry.Seconds("OldestPending", pendingFor(started, oldest, a.Pending)))
	state.Value.From, state.Value.UpdatedAt = oldest.UTC().Truncate(24*time.Hour), started.UTC()
	err = archive.Save(ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema, &state)
	if errors.Is(err, archive.ErrConflict) || errors.Is(err, archive.ErrRace) {
		err = nil // another sweep has looked as well
	}
	a.Next = next(a)
	if a.Objects+a.Pending == 0 {
		a.Next = "nothing: all is delivered"
	}
	return a, errors.Join(failed, err)
}

// pendingFor is how long the oldest pending object has waited, to the day.
func pendingFor(now, oldest time.Time, pending int) time.Duration {
	if pending == 0 {
		return 0
	}
	return now.Sub(oldest)
}

// earlier moves a day back to that of an object.
func earlier(oldest time.Time, info archive.RawInfo) time.Time {
	day, ok := archive.AnalysisDay(info.Key)
	if !ok {
		day = info.LastModified
	}
	if day.Before(oldest) {
		return day
	}
	return oldest
}

// undelivered lists the raw objects since a day whose deliveries are not final,
// of every system newest first.
func (f *Forwarder) undelivered(ctx context.Context, from time.Time) ([]archive.RawInfo, error) {
	var open []archive.RawInfo
	look := func(prefix, after string) error {
		for info, err := range f.o.Archive.List(ctx, prefix, after) {
			if err != nil {
				return err
			}
			if strings.HasSuffix(info.Key, "/") || prefix == archive.ManualPrefix && info.LastModified.Before(from) {
				continue // a folder made in the console; an upload of long ago
			}
			done, err := f.delivered(ctx, info)
			if err != nil {
				return err
			}
			if !done {
				open = append(open, info)
			}
		}
		return nil
	}
	after := ""
	if !from.IsZero() {
		after = archive.AnalysesOf(from)
	}
	if err := errors.Join(look(archive.AnalysesPrefix, after), look(archive.ManualPrefix, "")); err != nil {
		return nil, err
	}
	slices.SortStableFunc(open, func(a, b archive.RawInfo) int {
		if c := strings.Compare(path.Base(a.Key), path.Base(b.Key)); c != 0 {
			return c
		}
		return strings.Compare(b.Key, a.Key)
	})
	return open, nil
}

// delivered tells whether the delivery of an object has ended. A document that
// cannot be read is not: Deliver says why.
func (f *Forwarder) delivered(ctx context.Context, info archive.RawInfo) (bool, error) {
	d, err := archive.Load[archive.Delivery](ctx, f.o.Archive, archive.DeliveryKey(info.Key), archive.DeliverySchema)
	if err != nil && fault.ClassOf(err) != fault.Reject {
		return false, err
	}
	return err == nil && d.Exists() && d.Value.Final() && d.Value.ETag == info.ETag, nil
}
