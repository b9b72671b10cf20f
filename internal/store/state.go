package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
)

// maxDocument bounds a state document in bytes.
const maxDocument = 16 << 20

// Doc is a state document as it was read, with what a conditional write needs.
// A Doc with nothing but its Key stands for a document that does not exist yet.
type Doc[T any] struct {
	Key   string
	Value T
	// ETag is the ETag of the version read or written; empty: there is no document.
	ETag string
}

// Exists reports whether the document existed when it was last read or written.
func (d *Doc[T]) Exists() bool { return d.ETag != "" }

// document is a pointer to a type of state document.
type document[T any] interface {
	*T
	archive.Document
}

// Load reads a state document of at most 16 MiB. A missing document (404) is no error:
// Exists then returns false, and Save creates it. 403 is a fault of class Config, since a
// document may be there. A document that cannot be read as T is a fault, too
// (archive.Decode); its ETag is returned with the error, so that the caller can replace
// a document that nobody needs.
func Load[T any, P document[T]](ctx context.Context, s *Store, key string) (Doc[T], error) {
	d := Doc[T]{Key: key}
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		if isMissing(err) {
			return d, nil
		}
		return d, fmt.Errorf("read state: %w", s.explain(err, "s3:GetObject and s3:ListBucket", key))
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(out.Body, maxDocument))
	if err != nil {
		return d, fmt.Errorf("read state: %w", s.explain(err, "s3:GetObject", key))
	}
	d.ETag = aws.ToString(out.ETag)
	return d, archive.Decode(text, key, P(&d.Value))
}

// Save writes a document if S3 still holds the version that d was read from, and keeps
// the new ETag in d, so that d can be saved again. The request is sent once: the SDK never
// repeats it. Save ends in one of these ways:
//
//   - nil: this write was applied. Also if the answer was lost, and the document, read
//     once more, carries this write's id.
//   - ErrConflict (412): another invocation has written the document since it was
//     read, and owns it now. Nothing was applied: stop, or load and decide again.
//   - ErrRace (409, or 404 for a document that existed): two writes met, or the
//     document vanished. Nothing was applied: load and decide again.
//   - ErrUnknown: no clear answer, and the document does not carry this write's id.
//     The write may still be applied later: stop and send nothing more.
//   - any other error: S3 refused the write, nothing was applied.
//
// A crash during Save leaves the old document or the new one, never a part of one. The
// next invocation loads the document and goes on from what it says.
func Save[T any, P document[T]](ctx context.Context, s *Store, d *Doc[T]) error {
	id := uuid.NewString()
	text, err := archive.Encode(P(&d.Value), id)
	if err != nil {
		return fmt.Errorf("write state %s: %w", d.Key, err)
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &d.Key, Body: bytes.NewReader(text), ContentType: aws.String("application/json")}
	if d.Exists() {
		in.IfMatch = &d.ETag
	} else {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := s.api.PutObject(ctx, in, once)
	if err == nil {
		d.ETag = aws.ToString(out.ETag)
		return nil
	}
	switch code := status(err); {
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("write state %s: %w", d.Key, ErrConflict)
	case code == http.StatusConflict, isMissing(err) && d.Exists():
		return fmt.Errorf("write state %s: %w", d.Key, ErrRace)
	case code >= 400 && code < 500:
		return fmt.Errorf("write state: %w", s.explain(err, "s3:PutObject", d.Key))
	}
	return settle[T, P](ctx, s, d, id, err)
}

// settleTime bounds the read that settles an unknown write.
const settleTime = 5 * time.Second

// settle finds out what became of a write that got no clear answer: it reads the
// document once and looks for the write's id. The read has a time limit of its own, since
// the caller's context may have ended.
func settle[T any, P document[T]](ctx context.Context, s *Store, d *Doc[T], id string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	now, err := Load[T, P](ctx, s, d.Key)
	if err == nil && now.Exists() && P(&now.Value).DocumentHeader().WriteID == id {
		d.ETag = now.ETag
		return nil
	}
	return fmt.Errorf("write state %s: %w (%w)", d.Key, ErrUnknown, cause)
}
