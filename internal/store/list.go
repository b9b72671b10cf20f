package store

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
)

// List gives the objects under a prefix whose keys sort after another key, in
// the keys' order, a thousand per call of S3. An error ends it.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, StartAfter: optional(after)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(archive.RawInfo{}, fmt.Errorf("list archive: %w", s.explain(err, "s3:ListBucket", prefix)))
				return
			}
			for _, o := range page.Contents {
				info := archive.RawInfo{Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size), LastModified: aws.ToTime(o.LastModified)}
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

// Runs gives the ids of the finished runs since a time, oldest first. An error
// ends it.
func (s *Store) Runs(ctx context.Context, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range s.List(ctx, archive.RunsPrefix, archive.RunsPrefix+since.UTC().Format(archive.RunStamp)) {
			if err == nil && info.Key >= archive.ActiveRunKey { // the ids begin with digits
				return
			}
			id := strings.TrimSuffix(strings.TrimPrefix(info.Key, archive.RunsPrefix), ".json")
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}
