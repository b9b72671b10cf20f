package store

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ReadOnly returns an archive that reads the same bucket, and writes nothing: a write or
// a deletion succeeds, and later reads return what was there before. Only a raw object
// that is larger than one part of an upload (5 MiB compressed) cannot be written: PutRaw
// returns an error.
func (s *Store) ReadOnly() *Store { return &Store{api: readOnly{s.api}, bucket: s.bucket} }

// readOnly is S3 without the writes.
type readOnly struct{ API }

// forgottenETag is the ETag in the answer to a write that was not made.
const forgottenETag = `"forgotten"`

var errReadOnly = errors.New("the archive is read only")

// PutObject reads the body and writes nothing.
func (readOnly) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if _, err := io.Copy(io.Discard, in.Body); err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{ETag: aws.String(forgottenETag)}, nil
}

// DeleteObject deletes nothing.
func (readOnly) DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, nil
}

// CreateMultipartUpload returns an error.
func (readOnly) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return nil, errReadOnly
}
