package forward

import (
	"context"
	"errors"
	"fmt"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// stateGone is the state of an object that a trigger is about, and that is not in
// the archive any more. It is final for the trigger: to try again would change
// nothing.
const stateGone = "gone"

// nearby is how many keys behind an object are looked at for a newer one of its
// system: what one listing of S3 returns.
const nearby = 1000

// trigger delivers an object because an event says that it was created. One that
// is gone, deleted or expired since, is counted and no error, for nobody can
// ever deliver it. One whose system has a newer scan in the archive is left to
// the sweep, which delivers the newest first, unless its delivery has begun.
func (f *Forwarder) trigger(ctx context.Context, key string, win deliver.Window) (deliver.Outcome, error) {
	out, err := f.deliverer.Deliver(ctx, key, win, deliver.Request{Newer: func(ctx context.Context) (string, error) { return f.newer(ctx, key) }})
	if errors.Is(err, store.ErrMissing) {
		return f.gone(ctx, key, err), nil
	}
	return out, err
}

// over reports whether a trigger has nothing left to do with an object although
// its delivery has not ended.
func over(out *deliver.Outcome) bool { return out.State == stateGone || out.State == deliver.StateLeft }

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
	seen := 0
	for info, err := range f.o.Archive.List(ctx, archive.AnalysesPrefix, archive.BehindRun(key)) {
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
