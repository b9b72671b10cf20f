package forward

import (
	"context"
	"errors"
	"fmt"
	"path"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// States of an object that a trigger is about, beside those of package deliver.
// Both are final for the trigger: to try again would change nothing.
const (
	// stateGone: the object is not in the archive any more.
	stateGone = "gone"
	// stateLeft: a newer scan of its system is in the archive, so that the sweep,
	// which delivers the newest first, decides about this one.
	stateLeft = "left to the sweep"
)

// nearby is how many keys behind an object are looked at for a newer one of its
// system: what one listing of S3 returns.
const nearby = 1000

// trigger delivers an object because an event says that it was created. One that
// is gone, deleted or expired since, is counted and no error, for nobody can
// ever deliver it. One whose system has a newer scan in the archive is left to
// the sweep, unless its delivery has begun.
func (f *Forwarder) trigger(ctx context.Context, key string, win deliver.Window) (deliver.Outcome, error) {
	newer, err := f.newer(ctx, key)
	switch {
	case err != nil:
		return deliver.Outcome{}, err
	case newer != "":
		left, err := f.leave(ctx, key)
		if err != nil || left {
			return deliver.Outcome{State: stateLeft, Reason: key + " is left to the sweep: newer is " + newer}, err
		}
	}
	out, err := f.deliverer.Deliver(ctx, key, win, deliver.Request{})
	if errors.Is(err, store.ErrMissing) {
		return f.gone(ctx, key, err), nil
	}
	return out, err
}

// over reports whether a trigger has nothing left to do with an object although
// its delivery has not ended.
func over(out *deliver.Outcome) bool { return out.State == stateGone || out.State == stateLeft }

// gone counts an object that its event is too late for.
func (f *Forwarder) gone(ctx context.Context, key string, err error) deliver.Outcome {
	f.o.Log.WarnContext(ctx, "the object of an event is gone", "key", key, "error", err.Error())
	f.o.Metrics.Put(telemetry.Count("ObjectsGone", 1))
	return deliver.Outcome{State: stateGone, Reason: err.Error()}
}

// newer returns a newer analysis of an object's system, if it lies nearby: runs
// lie in the order of their ids, which hold the schedule's time. Empty: none does.
func (f *Forwarder) newer(ctx context.Context, key string) (string, error) {
	if _, ok := archive.RawLabel(key); !ok {
		return "", nil // its key names no system
	}
	behind := path.Dir(key) + string('/'+1) // the keys of its own run
	seen := 0
	for info, err := range f.o.Archive.List(ctx, archive.AnalysesPrefix, behind) {
		if err != nil {
			return "", fmt.Errorf("look for a newer scan: %w", err)
		}
		if archive.SystemOf(info.Key) == archive.SystemOf(key) {
			return info.Key, nil
		}
		if seen++; seen == nearby {
			break
		}
	}
	return "", nil
}

// leave leaves an object to the sweep, which is told how far to look back. It
// reports false of one whose delivery has begun, which goes on. A crash before
// the write of what the sweep remembers leaves the object to its daily look at
// the whole archive.
func (f *Forwarder) leave(ctx context.Context, key string) (bool, error) {
	d, err := f.o.Archive.Delivery(ctx, key)
	if err != nil || d.Exists() {
		return false, err
	}
	info, err := f.o.Archive.Head(ctx, key)
	if errors.Is(err, store.ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.keepInView(ctx, info, false)
}
