package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
)

// Query says which raw objects are wanted: an object must meet all members that are set.
type Query struct {
	// Prefix is how the key begins.
	Prefix string
	// Run is the id of the run that archived the object.
	Run string
	// System is a system by its name or id, of a Directory; nil: any.
	System *archive.Named
	// Since and Until bound when the run started, for a hand-made document when
	// it was uploaded: Since ≤ t < Until. Zero: open.
	Since, Until time.Time
	// Order is how the objects are listed; zero: OldestFirst.
	Order Order
	// After is where an earlier selection in the same order stopped: the key of its last
	// object, or the key that came with ErrLate. This selection begins behind it.
	After string
	// Late is called before each object that is looked at. If it returns true, the
	// selection ends with ErrLate. Nil: the time is not limited.
	Late func() bool
}

// Order is an order of raw objects.
type Order int

const (
	// OldestFirst lists analyses by their keys, which begin with the day; then
	// the hand-made documents.
	OldestFirst Order = iota
	// NewestFirst lists the analyses of the newest day first, and those of one day by
	// their keys; then the hand-made documents. It lists S3 once for each day back to the
	// oldest day that has any object. It needs Until.
	NewestFirst
	// ByKey lists everything under raw/ by the keys: hand-made documents come before
	// analyses, and objects that are in neither folder are listed, too.
	ByKey
)

// ErrLate means that the time of a selection was over before all objects were looked at.
var ErrLate = errors.New("the time was over before the whole archive was looked at")

// Select returns the raw objects that a query wants. It lists only the days and prefixes
// in question, and for a system also reads what OfSystem reads. An error ends the
// sequence. Beside ErrLate stands an object with the key that was looked at last, for
// the next query's After.
func (s *Store) Select(ctx context.Context, q Query) iter.Seq2[archive.RawInfo, error] {
	objects := func(yield func(archive.RawInfo, error) bool) {
		for info, err := range s.inBounds(ctx, &q) {
			if (err != nil || q.holds(info)) && !yield(info, err) || err != nil {
				return
			}
		}
	}
	return s.OfSystem(ctx, q.System, objects)
}

// inBounds lists the objects that the query may want, in its order, and ends with ErrLate
// if the time is over.
func (s *Store) inBounds(ctx context.Context, q *Query) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		sections, err := s.sections(ctx, q)
		if err != nil {
			yield(archive.RawInfo{}, err)
			return
		}
		var last archive.RawInfo
		late := func() bool {
			over := q.Late != nil && q.Late()
			if over {
				yield(last, ErrLate)
			}
			return over
		}
		for _, section := range sections {
			last.Key = cmp.Or(section.after, section.prefix) // the next selection does not list a day without objects again
			if late() {
				return
			}
			for info, err := range s.List(ctx, section.prefix, section.after) {
				if err == nil && section.ends(info.Key) {
					break
				}
				if err == nil && late() || !yield(info, err) || err != nil {
					return
				}
				last = info
			}
		}
	}
}

// section is one list of S3: the keys under prefix that sort after the key after.
type section struct {
	prefix, after string
	// before ends the section at the first day that begins then or later; zero: no end.
	before time.Time
}

// ends reports whether a key is of a day that is not wanted any more.
func (s *section) ends(key string) bool {
	day, ok := archive.AnalysisDay(key)
	return ok && !s.before.IsZero() && !day.Before(s.before)
}

// sections returns the lists of S3 that a query needs, in order.
func (s *Store) sections(ctx context.Context, q *Query) (all []section, err error) {
	if q.Order == ByKey {
		top, ok := narrower(archive.RawPrefix, q.Prefix)
		if !ok {
			return nil, nil
		}
		return []section{{prefix: top, after: q.After}}, nil
	}
	if top, ok := narrower(archive.AnalysesPrefix, q.Prefix); ok && !archive.IsHandMade(q.After) {
		if all, err = s.analyses(ctx, q, top); err != nil {
			return nil, err
		}
	}
	if top, ok := narrower(archive.ManualPrefix, q.Prefix); ok {
		manual := section{prefix: top}
		if archive.IsHandMade(q.After) {
			manual.after = q.After
		}
		all = append(all, manual)
	}
	return all, nil
}

// analyses returns the sections of the objects that the collector archived: one section,
// or one for each day if the newest come first.
func (s *Store) analyses(ctx context.Context, q *Query, top string) ([]section, error) {
	since, until := q.bounds()
	after := ""
	if !since.IsZero() {
		after = archive.AnalysesOf(since)
	}
	if q.Order == OldestFirst {
		return []section{{prefix: top, after: max(after, q.After), before: until}}, nil
	}
	oldest, err := s.firstDay(ctx, top, after)
	if err != nil || oldest.IsZero() {
		return nil, err
	}
	day := until.Add(-1).UTC().Truncate(24 * time.Hour)
	if reached, ok := archive.AnalysisDay(q.After); ok && reached.Before(day) {
		day = reached
	}
	var all []section
	for ; !day.Before(oldest); day = day.AddDate(0, 0, -1) {
		prefix, ok := narrower(archive.AnalysesOf(day), q.Prefix)
		if !ok {
			continue
		}
		one := section{prefix: prefix}
		if strings.HasPrefix(q.After, archive.AnalysesOf(day)) {
			one.after = q.After
		}
		all = append(all, one)
	}
	return all, nil
}

// firstDay returns the day of the first object behind a key: earlier days need no
// listing. Zero: there is no object.
func (s *Store) firstDay(ctx context.Context, prefix, after string) (time.Time, error) {
	for info, err := range s.List(ctx, prefix, after) {
		if err != nil {
			return time.Time{}, err
		}
		if day, ok := archive.AnalysisDay(info.Key); ok {
			return day, nil
		}
	}
	return time.Time{}, nil
}

// bounds returns the times between which the wanted runs started, for the days to list. A
// run lies under the day on which it started. Its id names that day, or the day before if
// its schedule was late.
func (q *Query) bounds() (since, until time.Time) {
	if at, ok := archive.RunStart(q.Run); ok {
		return at, at.Add(48 * time.Hour)
	}
	return q.Since, q.Until
}

// narrower returns the longer of two prefixes, if it begins with the other; false: no key
// has both.
func narrower(top, prefix string) (string, bool) {
	if strings.HasPrefix(prefix, top) {
		return prefix, true
	}
	return top, strings.HasPrefix(top, prefix)
}

// holds reports whether the query wants an object, apart from its system.
func (q *Query) holds(info archive.RawInfo) bool {
	run, _ := archive.RunOf(info.Key)
	at := info.Started()
	return !archive.IsFolder(info.Key) && strings.HasPrefix(info.Key, q.Prefix) &&
		(q.Run == "" || run == q.Run) &&
		(q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until))
}
