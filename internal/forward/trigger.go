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

// stateGone is the outcome for an object that an event names and that is not in the
// archive any more. The trigger is not repeated: the object does not come back.
const stateGone = "gone"

// nearby is how many keys that follow an object's are searched for a newer scan of
// its system: as many as one listing of S3 returns.
const nearby = 1000

// trigger delivers an object because an event says that it was created. An object
// that was deleted or has expired since is counted and is no error, for nobody can
// deliver it any more. If the archive has a newer scan of the same system, and the
// delivery has not begun, the object is left to the sweep, which delivers the newest
// scan first.
func (f *Forwarder) trigger(ctx context.Context, key string, win deliver.Window) (deliver.Outcome, error) {
	out, err := f.deliverer.Deliver(ctx, key, win, deliver.Request{Newer: func(ctx context.Context) (string, error) { return f.newer(ctx, key) }})
	if errors.Is(err, store.ErrMissing) {
		return f.gone(ctx, key, err), nil
	}
	return out, err
}

// triggerDone reports whether a trigger has nothing left to do with an object whose
// delivery has not ended: it is gone, or left to the sweep.
func triggerDone(out *deliver.Outcome) bool {
	return out.State == stateGone || out.State == deliver.StateLeft
}

// gone logs and counts an object that was gone before its event came.
func (f *Forwarder) gone(ctx context.Context, key string, err error) deliver.Outcome {
	f.o.Log.WarnContext(ctx, "the object of an event is gone", "key", key, "error", err.Error())
	f.o.Metrics.Put(telemetry.Count("ObjectsGone", 1))
	return deliver.Outcome{State: stateGone, Reason: err.Error()}
}

// newer returns the key of a newer scan of an object's system, if one is among the
// nearby keys that follow; else "". Keys sort by the ids of the runs, which begin with
// the time of the schedule.
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
