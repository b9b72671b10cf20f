package status

import (
	"context"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// sweep returns the objects that the last sweep left open, by key. If the sweep
// document cannot be understood, it returns none, as the sweep itself does.
func (r *Reader) sweep(ctx context.Context) (map[string]archive.OpenObject, error) {
	memory, err := r.archive.Sweep(ctx)
	if err != nil && !memory.Exists() {
		return nil, err
	}
	open := map[string]archive.OpenObject{}
	if err == nil {
		for _, o := range memory.Value.Open {
			open[o.Key] = o
		}
	}
	return open, nil
}

// earlier adds the objects that the last sweep left open and whose runs began before the
// window, so that status names every open object that the sweep knows.
func (w *walk) earlier(ctx context.Context, t *tally) error {
	objects := func(yield func(archive.RawInfo, error) bool) {
		for _, o := range t.sweep {
			info := o.Info()
			before := info.Started().Before(w.scope.Since) && strings.HasPrefix(info.Key, w.scope.Asked.Prefix)
			if before && !yield(info, nil) {
				return
			}
		}
	}
	for o, err := range w.r.archive.Deliveries(ctx, w.r.archive.OfSystem(ctx, t.only, objects)) {
		if err != nil {
			return err
		}
		if !o.Ended() {
			t.leftOpen(o)
		}
	}
	return nil
}

// leftOpen counts an open object whose run began before the window.
func (t *tally) leftOpen(o store.Tracked) {
	seen := false
	for _, scan := range t.scans(&o) {
		whose, ok := t.owner(o.Key, &scan)
		if scan.Final() || !ok {
			continue
		}
		seen = true
		if t.waiting.IsZero() || o.LastModified.Before(t.waiting) {
			t.waiting = o.LastModified
		}
		a := payload.Attention{Key: o.Key, System: whose.System.Name, State: archive.DeliveryPending, Reason: scan.Reason, Generation: scan.Generation, Doubt: scan.Doubt}
		if t.notable(&a) {
			t.notice(a, o.Started())
		}
	}
	if seen {
		t.earlier++
	}
}
