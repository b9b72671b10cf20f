package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// maxDocument bounds a state document in bytes.
const maxDocument = 16 << 20

// Doc is a state document as it was read, with what a conditional write needs.
type Doc[T any] struct {
	Value T
	// ETag of the version read or written; empty: the document does not exist.
	ETag string
}

// Exists tells whether the document was there.
func (d *Doc[T]) Exists() bool { return d.ETag != "" }

// stated is a pointer to a document type that embeds Header.
type stated[T any] interface {
	*T
	Head() *archive.Header
}

// Load reads a state document. A missing one is no error: Exists tells. A
// document of a newer schema than wanted is refused, an older one read. Of a
// document that cannot be read the ETag is returned beside the error, so that
// one that may be lost can be replaced.
func Load[T any, P stated[T]](ctx context.Context, s *Store, key, schema string) (Doc[T], error) {
	var d Doc[T]
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		if status(err) == http.StatusNotFound && !isNoBucket(err) {
			return d, nil
		}
		return d, fmt.Errorf("read state: %w", s.explain(err, "s3:GetObject and s3:ListBucket", key))
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxDocument))
	if err != nil {
		return d, fmt.Errorf("read state: %w", s.explain(err, "s3:GetObject", key))
	}
	d.ETag = aws.ToString(out.ETag)
	if err := json.Unmarshal(body, &d.Value); err != nil {
		return d, &fault.Error{Class: fault.Reject, Where: key, What: "the state document is not readable", Err: err,
			Cure: "restore an earlier version of it, or delete it to begin anew"}
	}
	return d, checkSchema(P(&d.Value).Head().Schema, schema, key)
}

// Save writes a document if it still is what d was read as, and keeps the new
// ETag in d. Errors are ErrConflict, ErrRace, ErrUnknown, or a fault.
func Save[T any, P stated[T]](ctx context.Context, s *Store, key, schema string, d *Doc[T]) error {
	h := P(&d.Value).Head()
	h.Schema, h.WriteID = schema, uuid.NewString()
	body, err := json.Marshal(&d.Value, jsontext.AllowInvalidUTF8(true), jsontext.WithIndent(" "))
	if err != nil {
		return fmt.Errorf("write state %s: %w", key, err)
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json")}
	if d.ETag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &d.ETag
	}
	out, err := s.api.PutObject(ctx, in, once)
	if err == nil {
		d.ETag = aws.ToString(out.ETag)
		return nil
	}
	switch code := status(err); {
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("write state %s: %w", key, ErrConflict)
	case code == http.StatusConflict, code == http.StatusNotFound && d.ETag != "" && !isNoBucket(err):
		return fmt.Errorf("write state %s: %w", key, ErrRace)
	case code >= 400 && code < 500:
		return fmt.Errorf("write state: %w", s.explain(err, "s3:PutObject", key))
	}
	return settle[T, P](ctx, s, key, schema, d, err)
}

// settle finds out what became of a write that got no clear answer: one read,
// whose writeId tells. The read has its own time, since the caller's may be over.
func settle[T any, P stated[T]](ctx context.Context, s *Store, key, schema string, d *Doc[T], cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	now, err := Load[T, P](ctx, s, key, schema)
	if err == nil && now.Exists() && P(&now.Value).Head().WriteID == P(&d.Value).Head().WriteID {
		d.ETag = now.ETag
		return nil
	}
	return fmt.Errorf("write state %s: %w (%w)", key, ErrUnknown, cause)
}

// checkSchema refuses documents of another kind and of newer versions.
func checkSchema(got, want, key string) error {
	kind, wantVersion, _ := strings.Cut(want, "/")
	gotKind, gotVersion, _ := strings.Cut(got, "/")
	w, _ := strconv.Atoi(wantVersion)
	g, err := strconv.Atoi(gotVersion)
	switch {
	case gotKind != kind || err != nil:
		return &fault.Error{Class: fault.Reject, Where: key, What: fmt.Sprintf("schema %q is not %q", got, want),
			Cure: "check who writes to the archive"}
	case g > w:
		return &fault.Error{Class: fault.Config, Where: key, What: fmt.Sprintf("schema %q is newer than this release's %q", got, want),
			Cure: "deploy the newer release again"}
	}
	return nil
}
