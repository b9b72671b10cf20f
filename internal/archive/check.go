package archive

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TryWrite proves the rights on the bucket before anything depends on them: it
// writes an object of a few bytes and deletes it. The key is one of the check
// keys, under which nobody looks for anything.
func (s *Store) TryWrite(ctx context.Context, key string) error {
	if _, err := s.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("check\n")}); err != nil {
		return fmt.Errorf("write: %w", s.explain(err, "s3:PutObject", key))
	}
	if _, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
		return fmt.Errorf("delete: %w", s.explain(err, "s3:DeleteObject", key))
	}
	return nil
}
