package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

func TestTryWrite(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	for range 2 {
		if err := s.TryWrite(t.Context(), archive.RunCheckKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Head(t.Context(), archive.RunCheckKey); !errors.Is(err, store.ErrMissing) {
		t.Errorf("something is left: %v", err)
	}
	for name, cs := range map[string]struct {
		store *store.Store
		class fault.Class
		says  string
	}{
		"may not write":  {store.New(&refusing{status: 403, code: "AccessDenied"}, bucket), fault.Config, "s3:PutObject"},
		"may not delete": {store.New(&keeping{c}, bucket), fault.Config, "s3:DeleteObject"},
		"no bucket":      {store.New(c, "other"), fault.Config, "ARCHIVE_BUCKET"},
	} {
		if err := cs.store.TryWrite(t.Context(), archive.RunCheckKey); err == nil || fault.ClassOf(err) != cs.class || !strings.Contains(err.Error(), cs.says) {
			t.Errorf("%s: %v, want %q", name, err, cs.says)
		}
	}
}

func TestTryRead(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	if key, err := s.TryRead(t.Context(), archive.DeliveryPrefix); key != "" || err != nil {
		t.Errorf("an empty prefix gives %q, %v", key, err)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(archive.SweepKey), Body: strings.NewReader("{}")}); err != nil {
		t.Fatal(err)
	}
	if key, err := s.TryRead(t.Context(), archive.DeliveryPrefix); key != archive.SweepKey || err != nil {
		t.Errorf("it read %q, %v", key, err)
	}
	for name, cs := range map[string]struct {
		store *store.Store
		says  string
	}{
		"no bucket":    {store.New(c, "other"), "ARCHIVE_BUCKET"},
		"may not list": {store.New(&unlisted{c}, bucket), "list: s3://archive/delivery/: S3 refused access (403): allow s3:ListBucket in"},
		"403 for what is missing": {store.New(&unread{c, archive.DeliveryCheckKey}, bucket),
			"read: s3://archive/delivery/check: S3 refused access (403): allow s3:GetObject and s3:ListBucket in"},
		"may not read": {store.New(&unread{c, archive.SweepKey}, bucket), "read: s3://archive/delivery/sweep.json: S3 refused access (403)"},
	} {
		if _, err := cs.store.TryRead(t.Context(), archive.DeliveryPrefix); fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), cs.says) {
			t.Errorf("%s: %v, want %q", name, err, cs.says)
		}
	}
}

// unlisted is a bucket that may not be listed.
type unlisted struct{ *s3.Client }

func (*unlisted) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return nil, (&refusing{status: 403, code: "AccessDenied"}).err()
}

// unread is a bucket with one key that may not be read.
type unread struct {
	*s3.Client
	key string
}

func (u *unread) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if *in.Key == u.key {
		return nil, (&refusing{status: 403, code: "AccessDenied"}).err()
	}
	return u.Client.GetObject(ctx, in, o...)
}

// keeping is a bucket in which nothing may be deleted.
type keeping struct{ *s3.Client }

func (*keeping) DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return nil, (&refusing{status: 403, code: "AccessDenied"}).err()
}
