package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
)

// List returns the objects under a prefix whose keys sort after another key (empty: all),
// in the keys' order, a thousand per call of S3. An error ends the sequence.
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

// Folders returns the folders directly under a prefix that ends with a slash, as whole
// prefixes with a slash at their end, in order. An error ends the sequence.
func (s *Store) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, Delimiter: aws.String("/")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", fmt.Errorf("list archive: %w", s.explain(err, "s3:ListBucket", prefix)))
				return
			}
			for _, folder := range page.CommonPrefixes {
				if !yield(aws.ToString(folder.Prefix), nil) {
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
