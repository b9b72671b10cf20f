package status

import (
	"context"
	"iter"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
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
	// more: it ended before all was seen, at the place that at tells.
	more bool
}

func (r *Reader) walk(ctx context.Context, req Request) (*walk, error) {
	now := r.now()
	at, err := req.scope(now)
	w := &walk{r: r, at: at, limit: req.Limit}
	if w.limit == 0 {
		w.limit = usualLimit
	}
	if deadline, ok := ctx.Deadline(); ok {
		w.stop = deadline.Add(-min(reserve, deadline.Sub(now)/4))
	}
	return w, err
}

func (w *walk) late() bool { return !w.stop.IsZero() && !w.r.now().Before(w.stop) }

// objects gives those that are wanted. An error ends it.
func (w *walk) objects(ctx context.Context, wanted func(key string) bool) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		sections, err := w.sections(ctx)
		if err != nil {
			yield(archive.RawInfo{}, err)
			return
		}
		for _, section := range sections {
			if !w.section(ctx, section, wanted, yield) {
				return
			}
		}
	}
}

func (w *walk) section(ctx context.Context, section string, wanted func(key string) bool, yield func(archive.RawInfo, error) bool) bool {
	if section != w.at.Section {
		w.at.Section, w.at.After = section, ""
	}
	if w.late() {
		w.more = true
		return false
	}
	for info, err := range w.r.archive.List(ctx, section, w.at.After) {
		if err != nil {
			yield(info, err)
			return false
		}
		chosen := w.at.holds(info) && wanted(info.Key)
		if w.late() || chosen && w.limit == 0 {
			w.more = true
			return false
		}
		w.at.After = info.Key
		if !chosen {
			continue
		}
		w.limit--
		if !yield(info, nil) {
			return false
		}
	}
	return true
}

// holds tells whether an object belongs to the scope. What the console makes of
// a folder is no raw object.
func (s *scope) holds(info archive.RawInfo) bool {
	at := info.Started()
	return !at.Before(s.Since) && at.Before(s.Until) && !strings.HasSuffix(info.Key, "/")
}

// sections gives the prefixes to be listed, in falling order: one a day, then
// that of the hand-made documents. Those that a cursor has behind it are left out.
func (w *walk) sections(ctx context.Context) ([]string, error) {
	oldest, ok, err := w.oldest(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	add := func(section string) {
		section, ok := archive.Narrower(section, w.at.Asked.Prefix)
		if ok && (w.at.Section == "" || section <= w.at.Section) {
			all = append(all, section)
		}
	}
	if ok {
		newest := w.at.Until.Add(-1).Truncate(24 * time.Hour)
		for day := newest; !day.Before(oldest); day = day.AddDate(0, 0, -1) {
			add(archive.AnalysesOf(day))
		}
	}
	add(archive.ManualPrefix)
	return all, nil
}

// oldest is the first day of the scope that has any object, so that days long
// past cost nothing.
func (w *walk) oldest(ctx context.Context) (time.Time, bool, error) {
	for info, err := range w.r.archive.List(ctx, archive.AnalysesPrefix, archive.AnalysesOf(w.at.Since)) {
		if err != nil {
			return time.Time{}, false, err
		}
		if day, ok := archive.AnalysisDay(info.Key); ok {
			return day, true, nil
		}
	}
	return time.Time{}, false, nil
}
