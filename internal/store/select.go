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

// Query says which raw objects are meant; all that is set must hold.
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
	// After is the place that an earlier selection in this order came to, the key
	// of an object or what came with ErrLate: this one goes on behind it.
	After string
	// Late is asked before each object that is looked at; once it reports true,
	// the selection ends with ErrLate. Nil: it never does.
	Late func() bool
}

// Order is an order of raw objects.
type Order int

const (
	// OldestFirst lists analyses by their keys, which begin with the day; then
	// the hand-made documents.
	OldestFirst Order = iota
	// NewestFirst lists the analyses of the newest day first, by one list of S3 for
	// each day since the oldest that has any object, those of a day by their keys;
	// then the hand-made documents. It needs Until.
	NewestFirst
	// ByKey lists all that is under raw/ by the keys: hand-made documents come
	// before analyses, and what is in neither folder is listed, too.
	ByKey
)

// ErrLate: the time of a selection was over before all was looked at.
var ErrLate = errors.New("the time was over before the whole archive was looked at")

// Select returns the raw objects that are meant, by lists of S3 of the days and
// prefixes in question only; for a system, by what OfSystem reads, too. An error
// ends it. With ErrLate comes the place that was looked at last, for After, as
// the key of the object beside it.
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

// inBounds lists what may hold, in order, and ends with ErrLate where the time is over.
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
			last.Key = cmp.Or(section.after, section.prefix) // also a day without objects is behind a later selection
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

// section is one list of S3: the keys under a prefix behind a key.
type section struct {
	prefix, after string
	// before is the first day that is not wanted any more; zero: none.
	before time.Time
}

func (s *section) ends(key string) bool {
	day, ok := archive.AnalysisDay(key)
	return ok && !s.before.IsZero() && !day.Before(s.before)
}

// sections returns what has to be listed, in order.
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

// analyses are the sections of what the collector archived: one, or one a day
// where the newest come first.
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

// firstDay is the first day behind a key that has any object, so that days long
// past cost nothing; zero: there is none.
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

// bounds are when runs started that lie under a day in question. A run lies
// under the day it started, which its id gives, or the one after where its
// schedule was late.
func (q *Query) bounds() (since, until time.Time) {
	if at, ok := archive.RunStart(q.Run); ok {
		return at, at.Add(48 * time.Hour)
	}
	return q.Since, q.Until
}

// narrower returns what two prefixes have in common; false: nothing.
func narrower(top, prefix string) (string, bool) {
	if strings.HasPrefix(prefix, top) {
		return prefix, true
	}
	return top, strings.HasPrefix(top, prefix)
}

// holds reports whether an object is meant, its system aside.
func (q *Query) holds(info archive.RawInfo) bool {
	run, _ := archive.RunOf(info.Key)
	at := info.Started()
	return !archive.IsFolder(info.Key) && strings.HasPrefix(info.Key, q.Prefix) &&
		(q.Run == "" || run == q.Run) &&
		(q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until))
}
