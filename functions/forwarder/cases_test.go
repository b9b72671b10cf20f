package main

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// The tests in the files cases_*_test.go are of faults that an earlier forwarder had: each
// gives the input, and checks the right result. A test looks only at S3 and Dynatrace, so
// that it can be run with another binary, too (binaryVariable). There is a file for what
// was lost, shown wrongly, stuck or said wrongly; moments_test.go, extras_test.go and
// main_test.go have more such tests.

// bucketAPI is a client of S3 as a person uses it.
func (s *site) bucketAPI() *s3.Client {
	return store.Client(aws.Config{
		BaseEndpoint: aws.String(s.s3.URL()), Region: s.s3.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(s.s3.AccessKey(), s.s3.SecretKey(), ""),
	}, true)
}

// put writes an object as it is.
func (s *site) put(key, text string) {
	s.Helper()
	if _, err := s.bucketAPI().PutObject(s.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		s.Fatal(err)
	}
}

func (s *site) remove(key string) {
	s.Helper()
	if _, err := s.bucketAPI().DeleteObject(s.Context(), &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
		s.Fatal(err)
	}
}

// endsAs expects the delivery of an object to be in a state.
func (s *site) endsAs(key, state string) archive.Delivery {
	s.Helper()
	d := s.delivery(key).Value
	if d.State != state {
		s.Errorf("%s ends as %q, want %q: %s", key, d.State, state, d.Reason)
	}
	return d
}
