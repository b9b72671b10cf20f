// Package posture tells what an archived analysis came to, beside the one
// before. It promises the figures that the dashboard shows with the mapping's
// default settings.
package posture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
)

// maxListed bounds the rules that an outcome names.
const maxListed = 20

// Archive is where raw objects are read; errors are those of package archive.
type Archive interface {
	Head(ctx context.Context, key string) (archive.RawInfo, error)
	Open(ctx context.Context, info archive.RawInfo) (io.ReadCloser, error)
}

// Reader reads archived analyses.
type Reader struct {
	archive Archive
	mapper  *mapping.Mapper
}

// New makes a reader.
func New(a Archive) (*Reader, error) {
	settings, err := config.LoadMapping(func(string) string { return "" })
	if err != nil {
		return nil, fmt.Errorf("load the mapping's defaults: %w", err)
	}
	return &Reader{archive: a, mapper: mapping.New(settings)}, nil
}

// Outcome compares an analysis with the one before. Previous may be empty, or
// expired meanwhile: then there is nothing to compare with.
func (r *Reader) Outcome(ctx context.Context, key, previous string) (*archive.Outcome, error) {
	now, err := r.rules(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read the outcome: %w", err)
	}
	out := &archive.Outcome{
		Before: -1, Passed: now.count(securityevent.Passed), Manual: now.count(securityevent.Manual), Failed: now.count(securityevent.Failed),
		NewlyFailed: archive.RuleList{First: []string{}}, NewlyPassed: archive.RuleList{First: []string{}},
	}
	out.Posture = now.posture()
	if previous == "" {
		return out, nil
	}
	before, err := r.rules(ctx, previous)
	if errors.Is(err, store.ErrMissing) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the outcome before: %w", err)
	}
	out.Before = before.posture()
	out.NewlyFailed = list(now, func(id string) bool {
		return now[id] == securityevent.Failed && before[id] != securityevent.Failed
	})
	out.NewlyPassed = list(now, func(id string) bool {
		return now[id] == securityevent.Passed && before[id] == securityevent.Failed
	})
	return out, nil
}

// verdicts are the rules of an analysis, by id.
type verdicts map[string]securityevent.Status

func (v verdicts) count(s securityevent.Status) int {
	n := 0
	for _, status := range v {
		if status == s {
			n++
		}
	}
	return n
}

func (v verdicts) posture() int {
	return securityevent.Posture(v.count(securityevent.Passed), v.count(securityevent.Manual), v.count(securityevent.Failed))
}

func list(v verdicts, has func(id string) bool) archive.RuleList {
	l := archive.RuleList{First: []string{}}
	for id := range v {
		if has(id) {
			l.First = append(l.First, id)
		}
	}
	slices.Sort(l.First)
	l.Count = len(l.First)
	l.First = l.First[:min(l.Count, maxListed)]
	return l
}

// rules reads an analysis through, without keeping it.
func (r *Reader) rules(ctx context.Context, key string) (verdicts, error) {
	info, err := r.archive.Head(ctx, key)
	if err != nil {
		return nil, err
	}
	doc, done, err := r.open(ctx, info)
	if err != nil {
		return nil, err
	}
	res, err := r.mapper.Map(mapping.Input{
		Document: doc, Now: time.Now, Emit: func([]byte) error { return nil },
		Reopen: func() (*mapping.Document, func() error, error) { return r.open(ctx, info) },
	})
	return res.Rules, errors.Join(err, done())
}

func (r *Reader) open(ctx context.Context, info archive.RawInfo) (*mapping.Document, func() error, error) {
	body, err := r.archive.Open(ctx, info)
	if err != nil {
		return nil, nil, err
	}
	doc, err := mapping.Open(body)
	if err != nil {
		return nil, nil, errors.Join(err, body.Close())
	}
	return doc, body.Close, nil
}
