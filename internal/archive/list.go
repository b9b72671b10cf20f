package archive

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// List gives the objects under a prefix whose keys sort after another key, in
// the keys' order, a thousand per call of S3. An error ends it.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[RawInfo, error] {
	return func(yield func(RawInfo, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, StartAfter: optional(after)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(RawInfo{}, fmt.Errorf("list archive: %w", s.explain(err, "s3:ListBucket", prefix)))
				return
			}
			for _, o := range page.Contents {
				info := RawInfo{Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size), LastModified: aws.ToTime(o.LastModified)}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// AnalysesOf is the prefix of the raw objects of runs that started on a day, UTC.
func AnalysesOf(day time.Time) string {
	return analysesPrefix + "dt=" + day.UTC().Format(time.DateOnly) + "/"
}

// AnalysisDay is the day in a raw object's key; false if the key has none.
func AnalysisDay(key string) (time.Time, bool) {
	if len(key) < len(analysesPrefix)+len("dt=2006-01-02/") || key[:len(analysesPrefix)] != analysesPrefix {
		return time.Time{}, false
	}
	day, err := time.Parse("dt=2006-01-02/", key[len(analysesPrefix):len(analysesPrefix)+len("dt=2006-01-02/")])
	return day, err == nil
}

// IsOf tells whether a raw object can be of a system, by the system's name or
// id. Names that differ only in what is no letter or digit are taken for one.
func IsOf(key, nameOrID string) bool {
	if rest, ok := strings.CutPrefix(key, ManualPrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		return name == nameOrID
	}
	label, ok := RawLabel(key)
	wanted := LabelOf(nameOrID, nameOrID)
	return ok && (label.Slug == wanted.Slug || label.Hash == wanted.Hash)
}

// RunOf is the run in a raw object's key; false if the key has none.
func RunOf(key string) (string, bool) {
	folder, ok := strings.CutPrefix(path.Base(path.Dir(key)), "run=")
	return folder, ok && strings.HasPrefix(key, analysesPrefix)
}

// AnalysisStart is when the run in a raw object's key began, to the second: its
// id says so, unless that contradicts the day in the key, which then counts.
// False if the key has no day.
func AnalysisStart(key string) (time.Time, bool) {
	day, ok := AnalysisDay(key)
	if !ok {
		return day, false
	}
	run, _ := RunOf(key)
	if at, ok := RunStart(run); ok && at.Truncate(24*time.Hour).Equal(day) {
		return at, true
	}
	return day, true
}

// Started is when the run of an object began, as its key says; for a hand-made
// document when it was uploaded.
func (i RawInfo) Started() time.Time {
	if at, ok := AnalysisStart(i.Key); ok {
		return at
	}
	return i.LastModified
}

// Narrower gives what two prefixes have in common; false: nothing.
func Narrower(top, prefix string) (string, bool) {
	if strings.HasPrefix(prefix, top) {
		return prefix, true
	}
	_, above := strings.CutPrefix(top, prefix)
	return top, above
}

// RunStart is the time in a run's id, 20261122T020000Z-4f3a; false if it has none.
func RunStart(run string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(run, "-")
	at, err := time.Parse(runStamp, stamp)
	return at, err == nil
}

// runStamp is how a run's id begins.
const runStamp = "20060102T150405Z"

// Runs gives the ids of the finished runs since a time, oldest first. An error
// ends it.
func (s *Store) Runs(ctx context.Context, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range s.List(ctx, runsPrefix, runsPrefix+since.UTC().Format(runStamp)) {
			if err == nil && info.Key >= ActiveRunKey { // the ids begin with digits
				return
			}
			id := strings.TrimSuffix(strings.TrimPrefix(info.Key, runsPrefix), ".json")
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}

// AnalysesPrefix is above all raw objects that the collector writes.
const AnalysesPrefix = analysesPrefix
