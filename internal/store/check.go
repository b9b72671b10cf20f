package store

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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

// TryRead proves the rights to list and to read under a prefix: it lists one
// object, asks for one that is never there, and opens the one that was listed.
// It returns that one's key, "" if there is none.
func (s *Store) TryRead(ctx context.Context, prefix string) (string, error) {
	page, err := s.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(1)})
	if err != nil {
		return "", fmt.Errorf("list: %w", s.explain(err, "s3:ListBucket", prefix))
	}
	// S3 says only to who may list and read that an object is missing.
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

// tryOpen opens an object without reading it; false if there is none.
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
