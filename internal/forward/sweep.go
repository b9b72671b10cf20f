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
	// sweepEvery is the time between two sweeps of the template's schedule.
	sweepEvery = 15 * time.Minute
	// quickLook is how far back from now the quick look of every sweep goes, by the
	// days of the runs.
	quickLook = 48 * time.Hour
	// fullLook is the age of the last full look at which the next one is due. It is
	// two sweeps less than a day, so that there is one a day even if a sweep is missed.
	fullLook = 24*time.Hour - 2*sweepEvery
	// clocksDiffer is the most by which the clocks of two invocations may differ.
	clocksDiffer = 5 * time.Minute
)

// Sweep delivers the raw objects that triggers left open: released deliveries, and
// objects whose event was lost or whose invocation crashed. Every sweep looks at the
// runs of the last two days, at the hand-made documents and at the objects that
// earlier sweeps left open; once a day it looks at the whole archive, so that a wrong
// date, clock or sweep document hides an object for a day at most. The newest scan of
// each system is delivered first, so that older ones end as superseded. A sweep stops
// when the endpoint can take no object, and when its time is over; the next one goes
// on. An error of one object does not stop the sweep.
func (f *Forwarder) Sweep(ctx context.Context) (payload.DeliveryAnswer, error) {
	a := payload.DeliveryAnswer{Reasons: []string{}}
	memory, err := f.recall(ctx)
	if err != nil {
		return a, err
	}
	w := &sweep{f: f, win: deliver.WindowOf(ctx, f.o.Now()), started: f.o.Now(), answer: &a, memory: memory, day: memory.Value.From, left: map[string]archive.OpenObject{}}
	open, err := w.find(ctx)
	if err != nil {
		return a, err // how many objects wait is not known: no metric is written
	}
	defer w.observe()
	down := w.deliverOpen(ctx, open)
	// A crash before this write loses only the record of what was seen: the next sweep
	// looks again. Each delivery has its own document.
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

// sweep is one sweep under way.
type sweep struct {
	f       *Forwarder
	win     deliver.Window
	started time.Time
	answer  *payload.DeliveryAnswer
	memory  store.Doc[archive.Sweep]
	// day is the member From of the sweep document, as it was last read: the day with
	// which the quick look begins.
	day time.Time
	// left are the objects that this sweep leaves open, with the reasons, by
	// their keys.
	left map[string]archive.OpenObject
	// waiting is when the oldest object was stored that is left open and on which no
	// other invocation works; zero: there is none.
	waiting time.Time
	// tried counts the objects whose delivery this sweep tried; failed are the errors
	// of those that failed for a cause of their own.
	tried  int
	failed []error
	// refused is why the endpoint refused all of one object; nil: it refused none so.
	// completeBefore is how many deliveries were complete when that happened.
	refused        error
	completeBefore int
}

// find returns the open objects: of the quick look and, once a day, of the whole
// archive. It takes half of the time at most and leaves the rest for the deliveries.
// A look that does not come to its end is continued by the next sweep.
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

// fullLookDue reports whether the whole archive has to be looked at. If the last full
// look is recorded in the future, a clock was wrong, and the look is due, too.
func (w *sweep) fullLookDue() bool {
	age := w.started.Sub(w.memory.Value.FullLookAt)
	return age >= fullLook || age < -clocksDiffer
}

// deliverOpen delivers the open objects. It returns an error only if the endpoint can
// take no object. Deliveries that keep to the pace of a replay come last, since one of
// them may take all the time that is left.
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
	return w.refusesAll()
}

// deliver delivers one object and records the outcome in the answer and in left.
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

// down reports whether the endpoint can take no other object either. If it has refused
// all of one object, only the next object can show whether the endpoint or the object
// is to blame, so the first such refusal does not count as down.
func (w *sweep) down(out *deliver.Outcome, err error) bool {
	if !out.EndpointDown || !out.RefusedWhole || w.refused != nil {
		return out.EndpointDown
	}
	w.refused, w.completeBefore = err, w.answer.Complete
	return false
}

// refusesAll returns the refusal of a whole object if no delivery was completed after it:
// then the endpoint may refuse everything. It returns nil if there was no such refusal, or
// if a later delivery was completed.
func (w *sweep) refusesAll() error {
	if w.refused != nil && w.answer.Complete == w.completeBefore {
		return w.refused
	}
	return nil
}

// leaveAll leaves objects to the next sweep, all for the same reason.
func (w *sweep) leaveAll(rest []archive.RawInfo, why error) {
	for _, info := range rest {
		w.leave(info, archive.DeliveryPending, why.Error())
	}
}

// trouble returns the errors of the objects if all of at least two failed: then the
// cause is not in one object, and the sweep fails. The error of a single object does
// not fail it: it is logged and in the answer's reasons, and the alarm on the metric
// OldestPending tells if the object waits too long.
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

// observe writes the metrics of the objects that are left open: their number, and the
// age of the oldest, in seconds, on which an alarm is set.
func (w *sweep) observe() {
	waited := time.Duration(0)
	if !w.waiting.IsZero() {
		waited = w.started.Sub(w.waiting)
	}
	w.f.o.Metrics.Put(telemetry.Count("Pending", len(w.left)), telemetry.Seconds("OldestPending", waited))
}

// fairly sorts the open objects: system by system, the newest scan of each first. Each
// sweep begins with another system, so that a system whose deliveries take all the
// time does not keep the others from theirs.
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
