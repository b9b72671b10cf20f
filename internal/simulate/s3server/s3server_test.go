package s3server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

const bucket = "archive"

func client(s *Server, secret string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.URL()),
		Region:       s.Region(),
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey(), secret, ""),
		UsePathStyle: true,
	})
}

func TestObjectsAreFilesAndWritesAreConditional(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	s, err := Start(ctx, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 2 { // the second finds its own
		if err := s.CreateBucket(ctx, bucket); err != nil {
			t.Fatal(err)
		}
	}
	put := func(c *s3.Client) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String("raw/v1/dt=2026-11-22/a b.json"),
			Body: strings.NewReader("{}"), IfNoneMatch: aws.String("*"),
		})
		return err
	}
	if err := put(client(s, s.SecretKey())); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, bucket, "raw", "v1", "dt=2026-11-22", "a b.json"))
	if err != nil || string(got) != "{}" {
		t.Errorf("the object's file: %q, %v", got, err)
	}
	var api smithy.APIError
	if err := put(client(s, s.SecretKey())); !errors.As(err, &api) || api.ErrorCode() != "PreconditionFailed" {
		t.Errorf("a second write gave %v", err)
	}
	if err := put(client(s, "wrong")); !errors.As(err, &api) || api.ErrorCode() != "SignatureDoesNotMatch" {
		t.Errorf("a wrong signature gave %v", err)
	}
}

func TestWebhookGetsCreationsOnly(t *testing.T) {
	t.Parallel()
	events := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		events <- string(body)
	}))
	defer hook.Close()
	ctx := t.Context()
	s, err := Start(ctx, Options{Dir: t.TempDir(), WebhookURL: hook.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if first := <-events; !strings.Contains(first, "s3:TestEvent") {
		t.Errorf("first event %s", first)
	}
	if err := s.CreateBucket(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	c := client(s, s.SecretKey())
	for _, key := range []string{"raw/one", "raw/two"} {
		if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
		if e := <-events; !strings.Contains(e, key) || !strings.Contains(e, "ObjectCreated:Put") {
			t.Errorf("event %s", e)
		}
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	if len(events) != 0 {
		t.Errorf("an event that was not asked for: %s", <-events)
	}
}

// Two servers that get the same port are not taken for one another: the second does not
// start, and a server refuses requests that are meant for an ended one.
func TestAPortOfAnotherServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first, err := Start(ctx, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	binary, err := find()
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(first.URL(), "http://")
	if second, err := start(ctx, binary, address, Options{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second server at %s: %v, %v", address, second, err)
	}
	gone := &Server{url: first.URL(), own: "GONE"}
	if _, err := client(gone, gone.SecretKey()).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("a client of a server that has gone got %v", err)
	}
}

func TestCloseEndsTheServer(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.healthy(t.Context()) {
		t.Error("it still answers")
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	// A webhook that nobody answers makes it give up.
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), WebhookURL: "http://127.0.0.1:1/", Log: &log})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(log.String(), "connection refused") {
		t.Errorf("error %v\nlog %s", err, log.String())
	}
	if _, err := Start(t.Context(), Options{Dir: "relative"}); err == nil || !strings.Contains(err.Error(), "relative") {
		t.Errorf("a relative folder gave %v", err)
	}
}

func TestAMissingProgramNamesTheCure(t *testing.T) {
	t.Setenv("VERSITYGW", filepath.Join(t.TempDir(), "versitygw"))
	if _, err := Start(t.Context(), Options{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("error %v does not name the cure", err)
	}
}
