package archive_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

func TestTryWrite(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := archive.New(c, bucket)
	for range 2 {
		if err := s.TryWrite(t.Context(), archive.RunCheckKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Head(t.Context(), archive.RunCheckKey); !errors.Is(err, archive.ErrMissing) {
		t.Errorf("something is left: %v", err)
	}
	for name, cs := range map[string]struct {
		store *archive.Store
		class fault.Class
		says  string
	}{
		"may not write":  {archive.New(&refusing{status: 403, code: "AccessDenied"}, bucket), fault.Config, "s3:PutObject"},
		"may not delete": {archive.New(&keeping{c}, bucket), fault.Config, "s3:DeleteObject"},
		"no bucket":      {archive.New(c, "other"), fault.Config, "ARCHIVE_BUCKET"},
	} {
		if err := cs.store.TryWrite(t.Context(), archive.RunCheckKey); err == nil || fault.ClassOf(err) != cs.class || !strings.Contains(err.Error(), cs.says) {
			t.Errorf("%s: %v, want %q", name, err, cs.says)
		}
	}
}

// keeping lets nobody delete.
type keeping struct{ *s3.Client }

func (*keeping) DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return nil, (&refusing{status: 403, code: "AccessDenied"}).err()
}
