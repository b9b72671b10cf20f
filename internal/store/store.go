// Package store keeps the archive in an S3 bucket. It promises that a raw
// object is either complete or absent and never rewritten, that a state
// document changes only by a conditional write whose outcome is known, and
// that no object is held in memory whole. All S3 calls of the project are here.
package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"runecast-ingest/internal/fault"
)

// API is what the archive needs of an S3 client.
type API interface {
	transfermanager.S3APIClient
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Store is one archive bucket. It is safe for concurrent use.
type Store struct {
	api    API
	bucket string
}

// New returns the archive in a bucket.
func New(api API, bucket string) *Store { return &Store{api: api, bucket: bucket} }

// Bucket returns the bucket's name.
func (s *Store) Bucket() string { return s.bucket }

var (
	// ErrExists means that the object is there already; it is never rewritten.
	ErrExists = errors.New("the object exists already")
	// ErrMissing means that there is no object of this key.
	ErrMissing = errors.New("there is no such object")
	// ErrChanged means that the object is not the version that was asked for.
	ErrChanged = errors.New("the object was replaced meanwhile")
	// ErrConflict (412) means that another invocation has written the document since it
	// was read; see Save.
	ErrConflict = errors.New("another invocation has written the document")
	// ErrRace (409, or 404) means that two writes met, or that the document vanished; see
	// Save, and PutRaw for two uploads.
	ErrRace = errors.New("two conditional writes met")
	// ErrUnknown means that it is not known whether the write was applied; see Save.
	ErrUnknown = errors.New("the outcome of a state write is unknown")
)

// status returns the HTTP status of an S3 error, 0 if there was no answer.
func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

// explain turns an S3 error into a *fault.Error for a person. right names the permissions
// that the call needs. An error of the context is returned as it is.
func (s *Store) explain(err error, right, key string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &fault.Error{Class: fault.Retry, Where: "s3://" + s.bucket + "/" + key, What: "S3 could not be reached", Err: err}
	if status(err) != 0 {
		e.What = "S3 answered with an error"
	}
	code, message := codeOf(err)
	known, ok := meaningOf(code)
	switch {
	case isNoBucket(err):
		e.Class, e.What, e.Err = fault.Config, "the bucket does not exist", nil
		e.Cure = "check ARCHIVE_BUCKET and AWS_REGION"
	case ok && (status(err) < http.StatusInternalServerError || known.class == fault.Retry): // a 5xx stays a Retry, whatever its code
		e.Class, e.What, e.Cure, e.Err = known.class, fmt.Sprintf("%s (%d %s)", known.what, status(err), code), known.cure, nil
	case status(err) == http.StatusForbidden && strings.Contains(message, "kms:"): // the message names the missing KMS permission
		e.Class, e.What, e.Err = fault.Config, "the function may not use the bucket's KMS key (403 "+code+")", nil
		e.Cure = "allow kms:Decrypt and kms:GenerateDataKey on the bucket's key in the function's role and in the key's policy"
	case status(err) == http.StatusForbidden:
		e.Class, e.What, e.Err = fault.Config, "S3 refused access ("+withCode(http.StatusForbidden, code, "AccessDenied")+")", nil
		e.Cure = "allow " + right + " in the function's role, and kms:Decrypt and kms:GenerateDataKey if the bucket has a key"
	case status(err) == http.StatusBadRequest:
		e.Class, e.What = fault.Config, "S3 refused the request ("+withCode(http.StatusBadRequest, code, "")+")"
		e.Cure = "look at the bucket's encryption and KMS key, and at the object itself: aws s3api head-object, get-object"
	}
	return e
}

// once is an option for writes that the SDK must not repeat.
func once(o *s3.Options) { o.RetryMaxAttempts = 1 }

// isMissing reports whether S3 says that the object does not exist. A bucket that does
// not exist has the same status. S3 tells them apart only where its answer has a body,
// so not in the answer to a HEAD.
func isMissing(err error) bool { return status(err) == http.StatusNotFound && !isNoBucket(err) }

func isNoBucket(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket"
}

// Client returns an S3 client. pathStyle is for S3 servers that serve buckets by path.
// Each write carries a checksum, and each object that has a checksum is verified when it
// is read, with any cfg: one that LoadDefaultConfig did not make has neither set.
func Client(cfg aws.Config, pathStyle bool) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		o.DisableLogOutputChecksumValidationSkipped = true // multipart objects have no checksum of the whole
	})
}
