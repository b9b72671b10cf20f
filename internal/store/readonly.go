package store

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ReadOnly returns the same archive, to which every write of an object goes
// well and is forgotten: what is read afterwards is what was there before. Only
// what is uploaded in more than one part, a large raw object or catalogue, cannot
// be written to it.
func (s *Store) ReadOnly() *Store { return &Store{api: readOnly{s.api}, bucket: s.bucket} }

// readOnly is S3 without the writes.
type readOnly struct{ API }

// forgottenETag is that of an object that was not written.
const forgottenETag = `"forgotten"`

var errReadOnly = errors.New("the archive is read only")

func (readOnly) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if _, err := io.Copy(io.Discard, in.Body); err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{ETag: aws.String(forgottenETag)}, nil
}

func (readOnly) DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, nil
}

func (readOnly) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return nil, errReadOnly
}
