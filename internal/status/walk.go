package status

import (
	"context"
	"errors"
	"iter"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// reserve is the most time that is kept back for answering.
const reserve = time.Minute

// walk goes through the raw objects of a scope: the newest day first, hand-made
// documents last. It ends at its limit, and a while before the deadline.
type walk struct {
	r     *Reader
	at    scope
	limit int
	stop  time.Time // zero: no deadline
	// begun: it goes on from an earlier answer's cursor.
	begun bool
	// more: it ended before all was seen, behind the key that at holds.
	more bool
}

func (r *Reader) walk(ctx context.Context, req payload.StatusRequest) (*walk, error) {
	now := r.now()
	at, err := scopeOf(req, now)
	w := &walk{r: r, at: at, limit: req.Limit, begun: req.Next != ""}
	if w.limit == 0 {
		w.limit = usualLimit
	}
	if deadline, ok := ctx.Deadline(); ok {
		w.stop = deadline.Add(-min(reserve, deadline.Sub(now)/4))
	}
	return w, err
}

func (w *walk) late() bool { return !w.stop.IsZero() && !w.r.now().Before(w.stop) }

// objects returns those that are wanted, of a system or, if it is nil, of any.
// An error ends it.
func (w *walk) objects(ctx context.Context, system *archive.Named) iter.Seq2[archive.RawInfo, error] {
	q := store.Query{
		Prefix: w.at.Asked.Prefix, System: system, Since: w.at.Since, Until: w.at.Until,
		Order: store.NewestFirst, After: w.at.After, Late: w.late,
	}
	return func(yield func(archive.RawInfo, error) bool) {
		for info, err := range w.r.archive.Select(ctx, q) {
			late := errors.Is(err, store.ErrLate)
			if err != nil && !late {
				yield(info, err)
				return
			}
			if late {
				w.at.After = info.Key // whatever lies before it was not wanted
			}
			if w.more = late || w.limit == 0; w.more {
				return
			}
			w.at.After = info.Key
			w.limit--
			if !yield(info, nil) {
				return
			}
		}
	}
}
