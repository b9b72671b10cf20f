package forward_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// shelf is a bucket in memory that lists and reads as S3 does, and counts the calls.
type shelf struct {
	store.API // whatever else is called is a fault of the code under test

	mu      sync.Mutex
	objects map[string][]byte
	keys    []string // sorted
	stored  time.Time
	calls   calls
	// forbidden is a key that may not be read.
	forbidden string
	// heap is the most that was seen of the heap when it was listed; 0: nobody wants to know.
	heap uint64
}

type calls struct{ lists, gets, heads, puts int }

// pageSize is how many keys S3 lists in one call.
const pageSize = 1000

func (s *shelf) put(key string, body []byte) {
	if _, there := s.objects[key]; !there {
		i, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, i, key)
	}
	s.objects[key] = body
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func answered(code int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: &smithy.GenericAPIError{Code: http.StatusText(code)},
	}}
}

func (s *shelf) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.lists++
	if s.heap > 0 {
		s.heap = max(s.heap, heapInUse())
	}
	prefix, after := aws.ToString(in.Prefix), max(aws.ToString(in.StartAfter), aws.ToString(in.ContinuationToken))
	from, _ := slices.BinarySearch(s.keys, max(prefix, after))
	out := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
	for _, key := range s.keys[from:] {
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
		out.Contents = append(out.Contents, types.Object{Key: &key, ETag: aws.String(etagOf(s.objects[key])), LastModified: &s.stored, Size: aws.Int64(int64(len(s.objects[key])))})
	}
	return out, nil
}

func (s *shelf) read(key string) ([]byte, error) {
	body, there := s.objects[key]
	switch {
	case key == s.forbidden:
		return nil, answered(http.StatusForbidden)
	case !there:
		return nil, answered(http.StatusNotFound)
	}
	return body, nil
}

func (s *shelf) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.gets++
	body, err := s.read(*in.Key)
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body)), ETag: aws.String(etagOf(body)), ContentLength: aws.Int64(int64(len(body)))}, nil
}

func (s *shelf) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.heads++
	body, err := s.read(*in.Key)
	if err != nil {
		return nil, err
	}
	return &s3.HeadObjectOutput{ETag: aws.String(etagOf(body)), ContentLength: aws.Int64(int64(len(body))), LastModified: &s.stored}, nil
}

func (s *shelf) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.puts++
	if now, there := s.objects[*in.Key]; there != (in.IfMatch != nil) || there && etagOf(now) != *in.IfMatch {
		return nil, answered(http.StatusPreconditionFailed)
	}
	s.put(*in.Key, body)
	return &s3.PutObjectOutput{ETag: aws.String(etagOf(body))}, nil
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// newShelf is an archive of so many objects that are all delivered: a hundred
// systems, one run a day.
func newShelf(t testing.TB, objects int, first time.Time) *shelf {
	t.Helper()
	s := &shelf{objects: make(map[string][]byte, 2*objects), stored: first}
	for i := range objects {
		at := first.Add(time.Duration(i/100) * 24 * time.Hour)
		system := fmt.Sprintf("vc-%d", i%100)
		key := archive.RawKey(at, at.Format("20060102T150405Z")+"-4f3a", system, system)
		s.objects[key] = []byte(key)
		s.deliver(key)
	}
	for key := range s.objects {
		s.keys = append(s.keys, key)
	}
	slices.Sort(s.keys)
	return s
}

// deliver writes that an object's delivery is complete.
func (s *shelf) deliver(key string) {
	body, err := json.Marshal(archive.Delivery{
		Header: archive.Header{Schema: archive.DeliverySchema, WriteID: uuid.NewString()}, RawKey: key, ETag: etagOf(s.objects[key]),
		Scan: archive.Scan{State: archive.DeliveryComplete, Generation: 1}, Mapping: "m",
	})
	if err != nil {
		panic(err)
	}
	s.objects[archive.DeliveryKey(key)] = body
}

// sweepOver sweeps at a time, and returns the calls that it took.
func sweepOver(t testing.TB, s *shelf, now time.Time) (payload.DeliveryAnswer, calls, error) {
	t.Helper()
	f := forward.New(forward.Options{
		Settings: deliver.Settings{SendConcurrency: 1, MaxBatchBytes: 60_000}, Archive: store.New(s, "archive"), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return now }, NewID: uuid.NewString,
	})
	s.calls = calls{}
	a, err := f.Sweep(t.Context())
	return a, s.calls, err
}

// The S3 calls of the quick look and of the full one, over 10,000 delivered
// objects, also with one that can never be read.
func TestSweepAsksLittleOfS3(t *testing.T) {
	t.Parallel()
	const objects = 10_000
	first := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	s := newShelf(t, objects, first)
	now := first.Add(objects / 100 * 24 * time.Hour)
	sweep := func(want string, troubled bool, most calls) {
		t.Helper()
		a, c, err := sweepOver(t, s, now)
		if err != nil || (len(a.Reasons) > 0) != troubled || c.lists > most.lists || c.gets > most.gets || c.heads > most.heads || c.puts > most.puts {
			t.Errorf("%s: %+v, at most %+v; %+v %v", want, c, most, a, err)
		}
	}
	const fullLists = 2*objects/1000 + 20
	// The first sweep knows nothing, and reads everything.
	sweep("first look", false, calls{lists: fullLists, gets: objects + 1, puts: 1})
	now = now.Add(sweepEvery)
	sweep("quick look", false, calls{lists: 5, gets: 1, puts: 1})
	now = now.Add(24 * time.Hour)
	sweep("full look", false, calls{lists: fullLists, gets: 1, puts: 1})

	old, changed := s.keys[slices.IndexFunc(s.keys, func(k string) bool { return strings.HasPrefix(k, archive.RawPrefix) })], first.Add(50*24*time.Hour)
	s.forbidden = old
	delete(s.objects, archive.DeliveryKey(old))
	s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == archive.DeliveryKey(old) })
	for _, key := range s.keys { // all systems of one day are sent again
		if strings.HasPrefix(key, archive.AnalysesOf(changed)) {
			s.deliver(key)
		}
	}
	now = now.Add(24 * time.Hour)
	sweep("full look at two days that changed", true, calls{lists: fullLists, gets: 1 + 2*100 + 1, puts: 1})
	now = now.Add(sweepEvery)
	sweep("quick look beside an object that cannot be read", true, calls{lists: 5, gets: 1 + 1 + 1, puts: 1})
	now = now.Add(24 * time.Hour)
	sweep("full look beside an object that cannot be read", true, calls{lists: fullLists, gets: 1 + 1 + 1, puts: 1})
}

// BenchmarkFullLook measures a full look at 100,000 delivered objects, without a sweep
// document and with one.
func BenchmarkFullLook(b *testing.B) {
	const objects = 100_000
	first := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	now := first.Add(objects / 100 * 24 * time.Hour)
	for name, known := range map[string]bool{"nothing known": false, "all known": true} {
		b.Run(name, func(b *testing.B) {
			s := newShelf(b, objects, first)
			var c calls
			for b.Loop() {
				b.StopTimer()
				if !known {
					delete(s.objects, archive.SweepKey)
					s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == archive.SweepKey })
				} else if now = now.Add(24 * time.Hour); s.objects[archive.SweepKey] == nil {
					_, _, _ = sweepOver(b, s, now.Add(-24*time.Hour))
				}
				runtime.GC()
				before := heapInUse()
				s.heap = before
				b.StartTimer()
				var err error
				if _, c, err = sweepOver(b, s, now); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(s.heap-before)/(1<<20), "MiB-more")
			}
			b.ReportMetric(float64(c.lists), "lists/op")
			b.ReportMetric(float64(c.gets), "gets/op")
		})
	}
}
