package forward

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

const (
	// sweepEvery is the schedule of the sweep.
	sweepEvery = 15 * time.Minute
	// quickLook is how far back, by the days of runs, every sweep looks.
	quickLook = 48 * time.Hour
	// fullLook is how often a sweep looks at the whole archive: once a day,
	// also if one sweep of the schedule is missed.
	fullLook = 24*time.Hour - 2*sweepEvery
	// clocksDiffer is how far the clocks of two invocations may be apart.
	clocksDiffer = 5 * time.Minute
)

// Sweep delivers what triggers have left behind: released deliveries, lost
// events, crashed invocations. Every sweep looks at the runs of the last two
// days, at the hand-made documents and at what earlier sweeps left open; once a
// day it looks at the whole archive, so that no date, no clock and no
// remembered state can hide an object for longer than a day. Of each system the
// newest scan comes first, so that older ones end as superseded. A sweep stops at the first
// error of the endpoint, and where its time ends; the next one goes on. What
// cannot be read of one object does not fail it.
func (f *Forwarder) Sweep(ctx context.Context) (payload.DeliveryAnswer, error) {
	a := payload.DeliveryAnswer{Reasons: []string{}}
	memory, err := f.recall(ctx)
	if err != nil {
		return a, err
	}
	w := &sweep{f: f, win: deliver.WindowOf(ctx, f.o.Now()), started: f.o.Now(), answer: &a, memory: memory, day: memory.Value.From, left: map[string]archive.OpenObject{}}
	open, err := w.find(ctx)
	if err != nil {
		return a, err // how much waits is not known: nothing is counted
	}
	defer w.observe()
	down := w.deliverOpen(ctx, open)
	// A crash before this write loses what was seen, no more: the next sweep
	// looks again.
	err = w.remember(ctx)
	if down != nil {
		return a, errors.Join(down, err)
	}
	a.Next = advice(a)
	if a.Objects+a.Pending == 0 {
		a.Next = "nothing: all is delivered"
	}
	return a, errors.Join(w.trouble(), err)
}

// sweep is one look at the archive and what is done about it.
type sweep struct {
	f       *Forwarder
	win     deliver.Window
	started time.Time
	answer  *payload.DeliveryAnswer
	memory  store.Doc[archive.Sweep]
	// day is what the memory said when it was read last: the day that the quick look begins with.
	day time.Time
	// left are the objects that this sweep leaves open, with the reasons, by
	// their keys; waiting is when the oldest of them was stored that nobody
	// works on; zero: none.
	left    map[string]archive.OpenObject
	waiting time.Time
	// tried counts the objects that were delivered or not, failed are the errors of
	// single ones.
	tried  int
	failed []error
	// refused is why an object was refused as a whole; nil: none was. before are
	// the deliveries that were complete by then.
	refused error
	before  int
}

// find looks for open objects: quickly, and once a day everywhere. It keeps half
// of the time for their delivery; what it has not come to is left to the next
// sweep, which goes on from there.
func (w *sweep) find(ctx context.Context) ([]archive.RawInfo, error) {
	v := &w.memory.Value
	l := &look{
		store: w.f.o.Archive, now: w.f.o.Now, stop: w.started.Add(w.win.Soft.Sub(w.started) / 2),
		ended: map[string]bool{}, known: map[string]archive.OpenObject{}, open: map[string]archive.RawInfo{},
	}
	for _, digest := range v.Ended {
		l.ended[digest] = true
	}
	for _, o := range v.Open {
		l.known[o.Key], l.open[o.Key] = o, o.Info()
	}
	full := w.fullLookDue()
	quick := !full || v.Resume != ""
	from := earlier(w.started.Add(-quickLook), v.From)
	if quick {
		whole, err := l.through(ctx, archive.AnalysesPrefix, archive.AnalysesOf(from))
		if err == nil && whole {
			whole, err = l.through(ctx, archive.ManualPrefix, "")
		}
		if err != nil {
			return nil, err
		}
		if whole {
			from = w.started.Add(-quickLook)
		}
	}
	if full {
		l.behind = v.Resume
		whole, err := l.through(ctx, archive.RawPrefix, v.Resume)
		if err != nil {
			return nil, err
		}
		v.Resume = l.behind
		if whole {
			v.Resume, v.FullLookAt = "", w.started.UTC()
			from = w.started.Add(-quickLook)
		}
	}
	v.From = from
	v.Ended = latest(v.Ended, l.met, full && !quick && v.Resume == "")
	return w.fairly(slices.Collect(maps.Values(l.open))), nil
}

// fullLookDue reports whether the whole archive has to be looked at. A full
// look in the future was one under a wrong clock, and counts for nothing.
func (w *sweep) fullLookDue() bool {
	age := w.started.Sub(w.memory.Value.FullLookAt)
	return age >= fullLook || age < -clocksDiffer
}

// deliverOpen delivers what is open; an error is the endpoint's. What keeps to
// the pace of a replay comes last, since it may take all the time that is left.
func (w *sweep) deliverOpen(ctx context.Context, open []archive.RawInfo) error {
	var paced []archive.RawInfo
	for i, info := range open {
		out, err := w.deliver(ctx, info, deliver.Request{Remembered: true, LeavePaced: true})
		switch {
		case out.State == deliver.StatePaced:
			paced = append(paced, info)
		case w.down(&out, err):
			w.leaveAll(slices.Concat(open[i+1:], paced), err)
			return err // the rest would end the same way
		}
	}
	for i, info := range paced {
		if out, err := w.deliver(ctx, info, deliver.Request{Remembered: true}); w.down(&out, err) {
			w.leaveAll(paced[i+1:], err)
			return err
		}
	}
	return w.unproven()
}

// deliver delivers one object, and keeps what became of it.
func (w *sweep) deliver(ctx context.Context, info archive.RawInfo, r deliver.Request) (deliver.Outcome, error) {
	out, err := w.f.deliverer.Deliver(ctx, info.Key, w.win, r)
	switch {
	case errors.Is(err, store.ErrMissing): // it was deleted since it was found
		return out, nil
	case out.State == deliver.StatePaced:
		return out, nil
	case out.EndpointDown:
		w.leave(info, archive.DeliveryPending, err.Error())
		return out, err
	}
	count(w.answer, info.Key, out)
	w.tried++
	switch {
	case err != nil:
		w.failed = append(w.failed, err)
		w.answer.Reasons = append(w.answer.Reasons, info.Key+": "+err.Error())
		w.leave(info, archive.DeliveryPending, err.Error())
	case !out.Ended():
		w.leave(info, out.State, out.Reason)
	}
	return out, err
}

// down reports whether no other object can be delivered either. Of one object
// that is refused as a whole that is not known: the next one shows it.
func (w *sweep) down(out *deliver.Outcome, err error) bool {
	if !out.EndpointDown || !out.RefusedWhole || w.refused != nil {
		return out.EndpointDown
	}
	w.refused, w.before = err, w.answer.Complete
	return false
}

// unproven returns why nothing is known to be accepted since an object was
// refused as a whole; nil: something was, or nothing was refused so.
func (w *sweep) unproven() error {
	if w.refused != nil && w.answer.Complete == w.before {
		return w.refused
	}
	return nil
}

// leaveAll leaves objects to the next sweep for the same reason.
func (w *sweep) leaveAll(rest []archive.RawInfo, why error) {
	for _, info := range rest {
		w.leave(info, archive.DeliveryPending, why.Error())
	}
}

// trouble returns the errors of single objects where none of several could be
// delivered: that is not one object's trouble. One object's is logged, counted,
// in the answer's reasons, and an alarm looks at how long it waits.
func (w *sweep) trouble() error {
	if len(w.failed) > 1 && len(w.failed) == w.tried {
		return errors.Join(w.failed...)
	}
	return nil
}

// leave leaves an object to the next sweep.
func (w *sweep) leave(info archive.RawInfo, state, reason string) {
	w.left[info.Key] = archive.OpenObject{Key: info.Key, ETag: info.ETag, StoredAt: info.LastModified, Reason: shorten(reason)}
	if state != deliver.StateBusy && (w.waiting.IsZero() || info.LastModified.Before(w.waiting)) {
		w.waiting = info.LastModified
	}
}

// observe counts what is left over: an alarm looks at how long it waits.
func (w *sweep) observe() {
	waited := time.Duration(0)
	if !w.waiting.IsZero() {
		waited = w.started.Sub(w.waiting)
	}
	w.f.o.Metrics.Put(telemetry.Count("Pending", len(w.left)), telemetry.Seconds("OldestPending", waited))
}

// fairly puts the newest scan of each system first. Each sweep begins with
// another system, so that one that takes all the time does not starve the rest.
func (w *sweep) fairly(open []archive.RawInfo) []archive.RawInfo {
	bySystem := map[string][]archive.RawInfo{}
	for _, info := range open {
		system := archive.SystemOf(info.Key)
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
