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

// SystemPart is the part of a raw object's key that is the same in all analyses
// of a system: <slug>-<hash8>.json.gz; false if it is no key of an analysis.
func SystemPart(key string) (string, bool) {
	return path.Base(key), strings.HasPrefix(key, analysesPrefix)
}

// IsOf tells whether a raw object can be of a system, by the system's name or
// id. Names that differ only in what is no letter or digit are taken for one.
func IsOf(key, nameOrID string) bool {
	if rest, ok := strings.CutPrefix(key, ManualPrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		return name == nameOrID
	}
	part, ok := SystemPart(key)
	name, id, found := cutLast(strings.TrimSuffix(part, ".json.gz"), "-")
	return ok && found && (name == slug(nameOrID) || id == digest(nameOrID, hashChars))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// RunOf is the run in a raw object's key; false if the key has none.
func RunOf(key string) (string, bool) {
	folder, ok := strings.CutPrefix(path.Base(path.Dir(key)), "run=")
	return folder, ok && strings.HasPrefix(key, analysesPrefix)
}

// SweepSchema is the schema of the sweep's document.
const SweepSchema = "runecast-sweep/1"

// SweepKey is where the sweep remembers how far back it has to look.
const SweepKey = DeliveryPrefix + "sweep.json"

// Sweep is delivery/sweep.json.
type Sweep struct {
	Header
	// From is the oldest day that may hold undelivered objects; zero: look at all.
	From time.Time `json:"from"`
	// UpdatedAt is when a sweep last came to its end.
	UpdatedAt time.Time `json:"updatedAt"`
}

// AnalysesPrefix is above all raw objects that the collector writes.
const AnalysesPrefix = analysesPrefix
