package status_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/status"
	"runecast-ingest/internal/store"
)

// counting is S3 with its calls counted.
type counting struct {
	*s3.Client
	lists, gets atomic.Int64
}

func (c *counting) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	c.lists.Add(1)
	return c.Client.ListObjectsV2(ctx, in, o...)
}

func (c *counting) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	c.gets.Add(1)
	return c.Client.GetObject(ctx, in, o...)
}

// onServer returns a client of a fresh, real S3 server, and its archive.
func onServer(t *testing.T) (*counting, *store.Store) {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	if err := srv.CreateBucket(t.Context(), "archive"); err != nil {
		t.Fatal(err)
	}
	c := &counting{Client: store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true)}
	return c, store.New(c, "archive")
}

func (c *counting) put(ctx context.Context, key string, body []byte) (etag string, err error) {
	out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("archive"), Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		return "", fmt.Errorf("put %s: %w", key, err)
	}
	return *out.ETag, nil
}

// In a large archive on a real S3 server one answer and pages give the same figures, with
// as many calls of S3 as the comment of Status says.
func TestLargeArchive(t *testing.T) {
	t.Parallel()
	const objects, systems = 2_000, 20
	c, store := onServer(t)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range systems {
		group.Go(func() error {
			s := archive.System{ID: fmt.Sprint("id/", i), Name: fmt.Sprintf("vc%02d.example", i)}
			_, err := c.put(ctx, archive.RegisterKey(s.ID), register(s, fmt.Sprint("s", i), "raw/x"))
			return err
		})
	}
	for i := range objects {
		group.Go(func() error {
			s := i % systems
			at := noon.Add(-time.Duration(i/systems) * time.Second)
			key := archive.RawKey(at, at.Format("20060102T150405Z")+"-4f3a", fmt.Sprint("id/", s), fmt.Sprintf("vc%02d.example", s))
			etag, err := c.put(ctx, key, nil)
			if err != nil {
				return err
			}
			state := []string{archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliverySuperseded, archive.DeliveryFailed}[i/systems%4]
			d := archive.Delivery{Header: archive.Header{Schema: archive.DeliverySchema}, RawKey: key, ETag: etag, Scan: archive.Scan{State: state}}
			_, err = c.put(ctx, archive.DeliveryKey(key), marshal(d))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	reader := status.New(store, func() time.Time { return noon.Add(time.Minute) })
	one, err := reader.Status(t.Context(), payload.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects on one day, %d systems: %d lists and %d reads of S3", objects, systems, c.lists.Load(), c.gets.Load())
	// The registers, the oldest day, the hand-made documents, the days since then.
	if lists := int64(3 + objects/pageSize); c.lists.Load() != lists || c.gets.Load() != objects+systems+1 {
		t.Errorf("want %d lists and %d reads", lists, objects+systems+1)
	}
	want := payload.ScanCounts{Complete: objects / 4, Superseded: objects / 2, Failed: objects / 4}
	if one.Objects != objects || one.ScanCounts != want || len(one.Systems) != systems || one.Cursor != "" || one.AttentionOmitted != objects/4-50 {
		t.Errorf("%d objects, %+v, %d systems, cursor %q, %d omitted", one.Objects, one.ScanCounts, len(one.Systems), one.Cursor, one.AttentionOmitted)
	}
	var all []payload.StatusAnswer
	for next := ""; ; next = all[len(all)-1].Cursor {
		r, err := reader.Status(t.Context(), payload.StatusRequest{Limit: 600, Next: next})
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, r); r.Cursor == "" {
			break
		}
	}
	if n, sums := total(all...); n != objects || sums != want || len(all) != 4 {
		t.Errorf("%d answers: %d objects, %+v", len(all), n, sums)
	}
}
