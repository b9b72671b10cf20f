package store

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TryWrite proves the permissions to write to the bucket and to delete, before anything
// depends on them: it writes an object of a few bytes and deletes it. The key is one of
// the check keys, which nothing else uses. A crash between the two leaves the object.
func (s *Store) TryWrite(ctx context.Context, key string) error {
	if _, err := s.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("check\n")}); err != nil {
		return fmt.Errorf("write: %w", s.explain(err, "s3:PutObject", key))
	}
	if _, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
		return fmt.Errorf("delete: %w", s.explain(err, "s3:DeleteObject", key))
	}
	return nil
}

// TryRead proves the permissions to list and to read under a prefix: it lists one
// object, reads a key that never exists, and opens the object that was listed.
// It returns the key of that object; empty: there is none.
func (s *Store) TryRead(ctx context.Context, prefix string) (string, error) {
	page, err := s.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(1)})
	if err != nil {
		return "", fmt.Errorf("list: %w", s.explain(err, "s3:ListBucket", prefix))
	}
	// S3 answers 404 only to a caller that may list and read; else it answers 403.
	if _, err := s.tryOpen(ctx, prefix+"check"); err != nil {
		return "", err
	}
	for _, o := range page.Contents {
		key := aws.ToString(o.Key)
		if found, err := s.tryOpen(ctx, key); err != nil || found {
			return key, err
		}
	}
	return "", nil
}

// tryOpen opens an object without reading it, and reports whether it exists.
func (s *Store) tryOpen(ctx context.Context, key string) (bool, error) {
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	switch {
	case err == nil:
		return true, out.Body.Close()
	case status(err) == http.StatusNotFound:
		return false, nil
	}
	return false, fmt.Errorf("read: %w", s.explain(err, "s3:GetObject and s3:ListBucket", key))
}
