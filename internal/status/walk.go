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

// reserve is the most time before the deadline that is kept for the answer.
const reserve = time.Minute

// walk goes through the raw objects of a scope: the newest day first, hand-made
// documents last. It ends at its limit, or at stop.
type walk struct {
	r     *Reader
	scope scope
	// limit is how many more objects the walk may take.
	limit int
	// stop is when the walk ends, up to a minute before the deadline; zero: there is no
	// deadline.
	stop time.Time
	// begun says that the walk goes on from the cursor of an earlier answer.
	begun bool
	// more says that the walk ended before it had seen all; scope.After is the last key that
	// it has seen.
	more bool
}

// walk begins a walk for a request.
func (r *Reader) walk(ctx context.Context, req payload.StatusRequest) (*walk, error) {
	now := r.now()
	sc, err := scopeOf(req, now)
	w := &walk{r: r, scope: sc, limit: req.Limit, begun: req.Next != ""}
	if w.limit == 0 {
		w.limit = usualLimit
	}
	if deadline, ok := ctx.Deadline(); ok {
		w.stop = deadline.Add(-min(reserve, deadline.Sub(now)/4))
	}
	return w, err
}

// late reports whether the walk's time is over.
func (w *walk) late() bool { return !w.stop.IsZero() && !w.r.now().Before(w.stop) }

// objects lists the objects of the walk, of one system or, if it is nil, of all. It
// ends with the first error.
func (w *walk) objects(ctx context.Context, system *archive.Named) iter.Seq2[archive.RawInfo, error] {
	q := store.Query{
		Prefix: w.scope.Asked.Prefix, System: system, Since: w.scope.Since, Until: w.scope.Until,
		Order: store.NewestFirst, After: w.scope.After, Late: w.late,
	}
	return func(yield func(archive.RawInfo, error) bool) {
		for info, err := range w.r.archive.Select(ctx, q) {
			late := errors.Is(err, store.ErrLate)
			if err != nil && !late {
				yield(info, err)
				return
			}
			if late {
				w.scope.After = info.Key // the selection has looked at all keys up to this one
			}
			if w.more = late || w.limit == 0; w.more {
				return
			}
			w.scope.After = info.Key
			w.limit--
			if !yield(info, nil) {
				return
			}
		}
	}
}
