package status_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/status"
	"runecast-ingest/internal/store"
)

// noon is the present of these tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const pageSize = 1000

// bucket lists and reads as S3 does, a thousand keys a page, and counts the calls.
type bucket struct {
	store.API   // whatever else is called is a fault of the code under test
	objects     map[string]object
	keys        []string // sorted; nil: to be sorted
	lists, gets atomic.Int64
	ahead       atomic.Int64 // how far the clock is ahead of noon
	perCall     time.Duration
	status      int // what every call answers; 0: it works
}

type object struct {
	body     []byte
	etag     string
	modified time.Time
}

func newBucket() *bucket { return &bucket{objects: map[string]object{}} }

func (b *bucket) Now() time.Time { return noon.Add(time.Duration(b.ahead.Load())) }

func (b *bucket) reader() *status.Reader { return status.New(store.New(b, "archive"), b.Now) }

func (b *bucket) put(key string, body []byte, modified time.Time) {
	b.objects[key], b.keys = object{body: body, etag: `"e"`, modified: modified}, nil
}

func refusal(code int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: &smithy.GenericAPIError{Code: http.StatusText(code)},
	}}
}

func (b *bucket) called(n *atomic.Int64) error {
	n.Add(1)
	b.ahead.Add(int64(b.perCall))
	if b.status != 0 {
		return refusal(b.status)
	}
	return nil
}

func (b *bucket) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if err := b.called(&b.lists); err != nil {
		return nil, err
	}
	if b.keys == nil {
		for key := range b.objects {
			b.keys = append(b.keys, key)
		}
		slices.Sort(b.keys)
	}
	prefix, after := aws.ToString(in.Prefix), max(aws.ToString(in.StartAfter), aws.ToString(in.ContinuationToken))
	from, _ := slices.BinarySearch(b.keys, max(prefix, after))
	out := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
	for _, key := range b.keys[from:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if key == after {
			continue
		}
		if len(out.Contents) == pageSize {
			out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[pageSize-1].Key
			break
		}
		o := b.objects[key]
		out.Contents = append(out.Contents, types.Object{Key: &key, ETag: &o.etag, LastModified: &o.modified, Size: aws.Int64(int64(len(o.body)))})
	}
	return out, nil
}

func (b *bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if err := b.called(&b.gets); err != nil {
		return nil, err
	}
	o, ok := b.objects[*in.Key]
	if !ok || o.etag == "" { // or it was deleted since it was listed
		return nil, refusal(http.StatusNotFound)
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(o.body)), ETag: &o.etag}, nil
}

// marshal writes a state document as the archive does.
func marshal(document any) []byte {
	body, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return body
}

// archived puts a raw object of a run that began at a time.
func (b *bucket) archived(at time.Time, id, name string) string {
	key := archive.RawKey(at, at.UTC().Format("20060102T150405Z")+"-4f3a", id, name)
	b.put(key, nil, at.Add(time.Hour))
	return key
}

// delivered puts the delivery document of an object's current version.
func (b *bucket) delivered(key string, s archive.Scan, parts ...archive.SystemScan) {
	b.put(archive.DeliveryKey(key), document(key, s, parts...), noon)
}

func document(key string, s archive.Scan, parts ...archive.SystemScan) []byte {
	return marshal(archive.Delivery{Header: archive.Header{Schema: archive.DeliverySchema}, RawKey: key, ETag: `"e"`, Scan: s, Scans: parts})
}

func (b *bucket) committed(s archive.System, scanID, rawKey string) {
	b.put(archive.RegisterKey(s.ID), register(s, scanID, rawKey), noon)
}

func register(s archive.System, scanID, rawKey string) []byte {
	return marshal(archive.Register{Header: archive.Header{Schema: archive.RegisterSchema}, System: s, ScanID: scanID, RawKey: rawKey,
		Order: archive.Order{Run: "r-" + scanID}, Generation: 2, CompletedAt: noon.Add(-90 * time.Minute), CommittedAt: noon.Add(-time.Hour)})
}

// must returns the status, and fails the test on an error.
func (b *bucket) must(t testing.TB, req payload.StatusRequest) payload.StatusAnswer {
	t.Helper()
	r, err := b.reader().Status(t.Context(), req)
	if err != nil {
		t.Fatalf("%+v: %v", req, err)
	}
	return r
}

// pages repeats a request with the cursor of each answer, and returns all answers.
func (b *bucket) pages(t testing.TB, req payload.StatusRequest, most int) []payload.StatusAnswer {
	t.Helper()
	var all []payload.StatusAnswer
	for range most {
		r := b.must(t, req)
		all = append(all, r)
		if r.Cursor == "" {
			return all
		}
		req.Next = r.Cursor
	}
	t.Fatalf("there is more after %d answers", most)
	return nil
}

func sum(a, b payload.ScanCounts) payload.ScanCounts {
	return payload.ScanCounts{Complete: a.Complete + b.Complete, Superseded: a.Superseded + b.Superseded, Failed: a.Failed + b.Failed,
		Pending: a.Pending + b.Pending, Quarantined: a.Quarantined + b.Quarantined}
}

// bySystem adds up the answers' figures of each system.
func bySystem(all ...payload.StatusAnswer) map[string]payload.ScanCounts {
	m := map[string]payload.ScanCounts{}
	for _, r := range all {
		for _, s := range r.Systems {
			name := fmt.Sprintf("%s (%s)", s.System, s.ID)
			m[name] = sum(m[name], s.ScanCounts)
		}
	}
	return m
}

func total(all ...payload.StatusAnswer) (objects int, c payload.ScanCounts) {
	for _, r := range all {
		objects, c = objects+r.Objects, sum(c, r.ScanCounts)
	}
	return objects, c
}
