package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

const (
	// growthObjects is how many findings each check of a growing estate has.
	growthObjects = 1000
	// These bound what a finding and an object may cost. They are the measured costs with
	// some reserve. A change that raises one should say why.
	mostMallocs    = 0.05                 // per finding: what a check costs, shared by its findings
	mostAllocated  = 6*9_500_000 + 24<<20 // bytes in all: the batches, and no more for more findings
	mostCalls      = 12                   // to S3, per object, whatever its size; 3 ask the delivery documents whether something newer is shown
	mostState      = 1650                 // bytes of both state documents, whatever the object's size
	goldenBytes    = 2530                 // of a finding of bench_estate_test.go as it is sent
	leanBytes      = 1805                 // of one with FIELDS=lean
	goldenVariance = 0.01
)

// cost is what one delivery took.
type cost struct {
	findings, mallocs, allocated, requests, calls, state, bytes float64
}

// per returns what one more finding costs, between two sizes.
func per(small, large cost, of func(cost) float64) float64 {
	return (of(large) - of(small)) / (large.findings - small.findings)
}

// TestCostPerFinding: in estates of all sizes a finding costs the same memory, requests
// and bytes, and the calls to S3 and the bytes of state documents of an object do not
// depend on its size. No figure depends on the machine.
func TestCostPerFinding(t *testing.T) { // alone: it counts allocations
	costOf(t, growthObjects, "all") // what is allocated once in a process
	small, large := costOf(t, 10_000, "all"), costOf(t, 50_000, "all")
	for name, c := range map[string]struct{ got, most float64 }{
		"allocations per finding":   {per(small, large, func(c cost) float64 { return c.mallocs }), mostMallocs},
		"bytes allocated":           {large.allocated, mostAllocated},
		"calls to S3":               {large.calls, mostCalls},
		"calls to S3 of a fifth":    {small.calls, mostCalls},
		"bytes of state":            {large.state, mostState},
		"bytes of state of a fifth": {small.state, mostState},
		"requests":                  {large.requests, fullBatches(large)},
		"requests of a fifth":       {small.requests, fullBatches(small)},
	} {
		if c.got > c.most {
			t.Errorf("%s: %.3f, at most %.3f are expected", name, c.got, c.most)
		}
	}
	if got := per(small, large, func(c cost) float64 { return c.bytes }); math.Abs(got/goldenBytes-1) > goldenVariance {
		t.Errorf("a finding takes %.1f bytes, not %d", got, goldenBytes)
	}
	if got := per(costOf(t, growthObjects, "lean"), costOf(t, 10*growthObjects, "lean"), func(c cost) float64 { return c.bytes }); math.Abs(got/leanBytes-1) > goldenVariance {
		t.Errorf("a lean finding takes %.1f bytes, not %d", got, leanBytes)
	}
}

// TestMemoryIsBounded: the deployed forwarder takes little more memory than its batches,
// however much it sends.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	k, e := newTrack(t), newEstate(2, 60_000) // more objects than are held of a check, 30 batches
	k.archive(e)
	k.deploy()
	k.deliver(e)
	if got := k.function.MaxMemory() >> 20; got == 0 || got > goalMemory {
		t.Errorf("it took %d MiB, at most %d are expected", got, goalMemory)
	}
}

// fullBatches is the least number of requests, if each but the last wastes no
// more than one event's room; and one for the scan's own events.
func fullBatches(c cost) float64 { return math.Ceil(c.bytes/(9_500_000-goldenBytes*1.5)) + 1 }

// BenchmarkGrowth reports what findings cost in estates of growing size: all
// but the time should be constant.
func BenchmarkGrowth(b *testing.B) {
	for _, findings := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(findings), func(b *testing.B) {
			var c cost
			for b.Loop() {
				c = costOf(b, findings, "all")
			}
			b.ReportMetric(c.mallocs/c.findings, "allocs/finding")
			b.ReportMetric(c.allocated/c.findings, "alloc-B/finding")
			b.ReportMetric(c.bytes/c.findings, "sent-B/finding")
			b.ReportMetric(c.requests, "requests")
			b.ReportMetric(c.calls, "S3-calls")
			b.ReportMetric(c.state, "state-B")
		})
	}
}

// costOf delivers a new estate in this process. The receiver is a transport that reads
// bodies and accepts them, so that only costs of the forwarder are counted.
func costOf(t testing.TB, findings int, fields string) cost {
	t.Helper()
	server, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.CreateBucket(t.Context(), benchBucket); err != nil {
		t.Fatal(err)
	}
	calls := &counting{next: new(http.Transport)}
	client := store.Client(aws.Config{
		BaseEndpoint: aws.String(server.URL()), Region: server.Region(), HTTPClient: &http.Client{Transport: calls},
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey(), server.SecretKey(), ""),
	}, true)
	store := store.New(client, benchBucket)
	e := newEstate(findings/growthObjects, growthObjects)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour) // of tomorrow: no midnight comes between
	e.started = noon.Add(-time.Hour)
	if _, err := store.PutRaw(t.Context(), e.key(), e.write); err != nil {
		t.Fatal(err)
	}
	accepting := new(accepting)
	f := newForwarder(t, store, accepting, noon, fields)
	calls.n.Store(0)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, err := f.Handle(t.Context(), []byte(e.created()))
	runtime.ReadMemStats(&after)
	a, ok := answer.(payload.DeliveryAnswer)
	if err != nil || !ok || a.Complete != 1 || a.Accepted != int64(findings) || a.Bytes != accepting.bytes.Load() {
		t.Fatalf("%+v, %v; %d bytes arrived", answer, err, accepting.bytes.Load())
	}
	return cost{
		findings: float64(findings), mallocs: float64(after.Mallocs - before.Mallocs), allocated: float64(after.TotalAlloc - before.TotalAlloc),
		requests: float64(accepting.n.Load()), calls: float64(calls.n.Load()), bytes: float64(accepting.bytes.Load()),
		state: size(t, client, archive.DeliveryKey(e.key())) + size(t, client, archive.RegisterKey(estateID)),
	}
}

// newForwarder returns a forwarder as main wires it, in this process, at a time.
func newForwarder(t testing.TB, store *store.Store, receiver http.RoundTripper, at time.Time, fields string) *forward.Forwarder {
	t.Helper()
	began := time.Now()
	now := func() time.Time { return at.Add(time.Since(began)) }
	cfg, err := forwarderconfig.Load(func(name string) string {
		return map[string]string{"ARCHIVE_BUCKET": benchBucket, "OPENPIPELINE_URL": "https://abc12345.live.dynatrace.com", "OPENPIPELINE_SECRET_ID": "s", "FIELDS": fields}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	sender := openpipeline.New(openpipeline.Options{
		URL: cfg.URL, Credentials: constant{}, UserAgent: "test", Timeout: time.Minute,
		HTTP: func(secret.Credential) (*http.Client, error) { return &http.Client{Transport: receiver}, nil },
		Now:  now, Sleep: endpoint.Sleep, Jitter: func() float64 { return 0 },
	})
	return forward.New(forward.Options{
		Settings: cfg.Settings, Archive: store, Sender: sender, Log: slog.New(slog.DiscardHandler), Now: now, Sleep: endpoint.Sleep, NewID: uuid.NewString,
	})
}

// constant is a secret that is never rotated.
type constant struct{}

func (constant) Get(context.Context) (secret.Credential, error) {
	return secret.Credential{Token: secret.NewValue("dt0c01.SIMULATED.TOKEN")}, nil
}

func (constant) Refresh(_ context.Context, used secret.Credential) (secret.Credential, bool, error) {
	return used, false, nil
}

// counting counts requests.
type counting struct {
	next http.RoundTripper
	n    atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

// accepting reads bodies and accepts them.
type accepting struct{ n, bytes atomic.Int64 }

func (a *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	n, err := io.Copy(io.Discard, r.Body)
	a.n.Add(1)
	a.bytes.Add(n)
	return &http.Response{StatusCode: http.StatusAccepted, Body: http.NoBody, Request: r}, err
}

// size is that of an object in bytes.
func size(t testing.TB, client *s3.Client, key string) float64 {
	t.Helper()
	out, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(benchBucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	return float64(aws.ToInt64(out.ContentLength))
}
