package forward

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// overlap is how far back a sweep looks although all was delivered: an object
// may be created a while after its run started.
const overlap = 48 * time.Hour

// sweepEvery is the schedule of the sweep.
const sweepEvery = 15 * time.Minute

// Sweep delivers what triggers have left behind: released deliveries, lost
// events, crashed invocations. It looks from the oldest day that is not
// finished; of each system the newest scan comes first, so that older ones end
// as superseded. It stops at the first error of the endpoint, and where its
// time ends; the next sweep goes on.
func (f *Forwarder) Sweep(ctx context.Context) (Answer, error) {
	a := Answer{Reasons: []string{}}
	state, err := store.Load[archive.Sweep](ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema)
	if err != nil {
		return a, err
	}
	w := &sweep{f: f, win: windowOf(ctx, f.o.Now()), started: f.o.Now(), answer: &a, day: f.o.Now().Add(-overlap)}
	open, err := w.undelivered(ctx, state.Value.From)
	if err != nil {
		return a, err // how much waits is not known: nothing is counted
	}
	defer w.observe()
	if err := w.deliver(ctx, open); err != nil {
		return a, err
	}
	a.Next = next(a)
	if a.Objects+a.Pending == 0 {
		a.Next = "nothing: all is delivered"
	}
	if !w.complete {
		return a, w.failed // what lies behind is not known
	}
	state.Value.From, state.Value.UpdatedAt = w.day.UTC().Truncate(24*time.Hour), w.started.UTC()
	err = store.Save(ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema, &state)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRace) {
		err = nil // another sweep has looked as well
	}
	return a, errors.Join(w.failed, err)
}

// sweep is one look at the archive.
type sweep struct {
	f       *Forwarder
	win     window
	started time.Time
	answer  *Answer
	// complete: the listing came to its end.
	complete bool
	// day is the oldest that has to be looked at next time.
	day time.Time
	// left counts what this sweep leaves to the next; waiting is when the oldest
	// of it was created that nobody works on; zero: none.
	left    int
	waiting time.Time
	// failed joins the errors of single objects.
	failed error
}

// deliver delivers what is open; an error is the endpoint's.
func (w *sweep) deliver(ctx context.Context, open []archive.RawInfo) error {
	for i, info := range open {
		out, err := w.f.deliver(ctx, info.Key, w.win)
		if _, down := errors.AsType[*endpointError](err); down {
			for _, rest := range open[i:] {
				w.pending(rest, statePending)
			}
			return err // the rest would end the same way
		}
		w.failed = errors.Join(w.failed, err)
		w.answer.add(out)
		if !final(out.State) {
			w.pending(info, out.State)
		}
	}
	return nil
}

// pending keeps an object in view.
func (w *sweep) pending(info archive.RawInfo, state string) {
	w.left++
	w.day = earlier(w.day, info)
	if state != stateBusy && (w.waiting.IsZero() || info.LastModified.Before(w.waiting)) {
		w.waiting = info.LastModified
	}
}

// observe counts what is left over: an alarm looks at how long it waits.
func (w *sweep) observe() {
	waited := time.Duration(0)
	if !w.waiting.IsZero() {
		waited = w.started.Sub(w.waiting)
	}
	w.f.o.Metrics.Put(telemetry.Count("Pending", w.left), telemetry.Seconds("OldestPending", waited))
}

// keepInView makes sweeps look back as far as an object that is sent again:
// whatever ends the replay, the object is not forgotten.
func (f *Forwarder) keepInView(ctx context.Context, info archive.RawInfo) error {
	for {
		state, err := store.Load[archive.Sweep](ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema)
		if err != nil {
			return err
		}
		from := state.Value.From
		if state.Value.From = earlier(from, info).UTC().Truncate(24 * time.Hour); !state.Value.From.Before(from) {
			return nil
		}
		err = store.Save(ctx, f.o.Archive, archive.SweepKey, archive.SweepSchema, &state)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
	}
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
// of every system newest first. It stops looking where the time ends.
func (w *sweep) undelivered(ctx context.Context, from time.Time) ([]archive.RawInfo, error) {
	var open []archive.RawInfo
	w.complete = true
	look := func(prefix, after string) error {
		objects := sieve(w.f.o.Archive.List(ctx, prefix, after), func(info archive.RawInfo) bool {
			return !folder(info.Key) && (prefix != archive.ManualPrefix || !info.LastModified.Before(from)) // no upload of long ago
		})
		for t, err := range w.f.o.Archive.Deliveries(ctx, objects) {
			switch {
			case err != nil:
				return err
			case !w.f.o.Now().Before(w.win.soft):
				w.complete = false
				return nil
			case !t.Ended():
				open = append(open, t.RawInfo)
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
	return w.fairly(open), nil
}

// sieve keeps the objects that are wanted, and errors.
func sieve(objects iter.Seq2[archive.RawInfo, error], wanted func(archive.RawInfo) bool) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		for info, err := range objects {
			if (err != nil || wanted(info)) && !yield(info, err) {
				return
			}
		}
	}
}

// fairly puts the newest scan of each system first. Each sweep begins with
// another system, so that one that takes all the time does not starve the rest.
func (w *sweep) fairly(open []archive.RawInfo) []archive.RawInfo {
	bySystem := map[string][]archive.RawInfo{}
	for _, info := range open {
		system := systemOf(info.Key)
		bySystem[system] = append(bySystem[system], info)
	}
	systems := slices.Sorted(maps.Keys(bySystem))
	if n := len(systems); n > 0 {
		first := int(w.started.Unix()/int64(sweepEvery/time.Second)) % n
		systems = slices.Concat(systems[first:], systems[:first])
	}
	open = open[:0]
	for _, system := range systems {
		scans := bySystem[system]
		slices.SortFunc(scans, func(a, b archive.RawInfo) int { return strings.Compare(b.Key, a.Key) })
		open = append(open, scans...)
	}
	return open
}
