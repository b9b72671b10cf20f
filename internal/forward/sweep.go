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

// recall reads what sweeps remember. A document that cannot be understood is
// taken for none, and written anew: it only saves work.
func (f *Forwarder) recall(ctx context.Context) (store.Doc[archive.Sweep], error) {
	memory, err := f.o.Archive.Sweep(ctx)
	if err != nil && memory.Exists() {
		f.o.Log.WarnContext(ctx, "what sweeps remember cannot be used, the whole archive is looked at", "error", err.Error())
		memory.Value, err = archive.Sweep{}, nil
	}
	return memory, err
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

// maxEnded bounds the digests that are kept: enough for 20 million objects.
const maxEnded = 20_000

// latest returns the digests that were met behind those of before, which go
// where all there are were met.
func latest(before, met []string, all bool) []string {
	if all {
		return met
	}
	now := map[string]bool{}
	met = slices.DeleteFunc(met, func(digest string) bool { // the quick look and the full one may both have met it
		again := now[digest]
		now[digest] = true
		return again
	})
	kept := append(slices.DeleteFunc(before, func(digest string) bool { return now[digest] }), met...)
	return kept[max(0, len(kept)-maxEnded):]
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
	count(w.answer, out)
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

// maxReason bounds a remembered reason, in bytes.
const maxReason = 500

func shorten(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + " …"
}

// maxOpen bounds the open objects that are remembered.
const maxOpen = 1000

// remember writes what the next sweep may build on. Of more open objects than
// are remembered the oldest runs are, and the quick look goes back to the first
// of the others.
func (w *sweep) remember(ctx context.Context) error {
	v := &w.memory.Value
	v.Open = slices.SortedFunc(maps.Values(w.left), func(a, b archive.OpenObject) int { return strings.Compare(a.Key, b.Key) })
	if len(v.Open) > maxOpen {
		for _, o := range v.Open[maxOpen:] {
			v.From = earlier(v.From, started(o.Info()))
		}
		v.Open = v.Open[:maxOpen]
	}
	v.From, v.UpdatedAt = v.From.UTC().Truncate(24*time.Hour), w.started.UTC()
	for {
		err := store.Save(ctx, w.f.o.Archive, &w.memory)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
		// A delivery of an old object has moved the day while this sweep was at
		// work, or another sweep has written what it saw. Both sweeps' digests are
		// true; the day is kept.
		now, err := w.f.recall(ctx)
		if err != nil {
			return err
		}
		if !now.Value.From.Equal(w.day) {
			v.From = earlier(v.From, now.Value.From)
		}
		w.memory.ETag, w.day = now.ETag, now.Value.From
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

// keepInView makes quick looks go back as far as an object whose delivery is
// about to begin: whatever ends the invocation, the next sweep finds the object.
func (f *Forwarder) keepInView(ctx context.Context, info archive.RawInfo, replayed bool) error {
	if !replayed && f.inView(info) {
		return nil
	}
	for {
		memory, err := f.recall(ctx)
		if err != nil {
			return err
		}
		day := started(info).UTC().Truncate(24 * time.Hour)
		if from := memory.Value.From; !from.IsZero() && !day.Before(from) {
			return nil
		}
		// A crash after this write makes the next quick look go back further for nothing.
		memory.Value.From = day
		err = store.Save(ctx, f.o.Archive, &memory)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrRace) {
			return err
		}
	}
}

// inView reports whether every quick look finds an object that is not in sweep.json:
// it is hand-made, or its run began lately.
func (f *Forwarder) inView(info archive.RawInfo) bool {
	_, analysis := archive.AnalysisDay(info.Key)
	return !analysis || started(info).After(f.o.Now().Add(-quickLook/2))
}

// started is the day under which an object lies, or the moment of its upload.
func started(info archive.RawInfo) time.Time {
	if day, ok := archive.AnalysisDay(info.Key); ok {
		return day
	}
	return info.LastModified
}

// earlier returns the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
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
