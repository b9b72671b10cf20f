package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

func save(t *testing.T, s *store.Store, d *store.Doc[archive.Register]) error {
	t.Helper()
	d.Key = "systems/x.json"
	return store.Save(t.Context(), s, d)
}

func TestStateIsWrittenByCompareAndSwap(t *testing.T) {
	t.Parallel()
	s := store.New(client(t), bucket)
	load := func() store.Doc[archive.Register] {
		d, err := store.Load[archive.Register](t.Context(), s, "systems/x.json")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a, b := load(), load()
	if a.Exists() {
		t.Fatal("it exists before it was written")
	}
	a.Value.ScanID, b.Value.ScanID = "a", "b"
	if err := save(t, s, &a); err != nil {
		t.Fatal(err)
	}
	if err := save(t, s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second creation gave %v", err)
	}
	stale := load()
	a.Value.Generation = 7
	if err := save(t, s, &a); err != nil {
		t.Fatal(err)
	}
	if err := save(t, s, &stale); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale write gave %v", err)
	}
	if got := load().Value; got.ScanID != "a" || got.Generation != 7 || got.Schema != archive.RegisterSchema || got.WriteID == "" {
		t.Errorf("stored %+v", got)
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	t.Parallel()
	s := store.New(client(t), bucket)
	var wg sync.WaitGroup
	won := make(chan int, 16)
	for i := range 16 {
		wg.Go(func() {
			var d store.Doc[archive.Register]
			d.Value.Generation = i
			if err := save(t, s, &d); err == nil {
				won <- i
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Errorf("%d writers won", len(won))
	}
}

// silent applies or drops a PUT, and breaks the connection instead of an answer.
type silent struct {
	*s3.Client
	apply bool
}

func (c *silent) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if c.apply {
		if _, err := c.Client.PutObject(ctx, in, o...); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("connection reset by peer")
}

func TestUnknownOutcomeIsSettledByTheWriteID(t *testing.T) {
	t.Parallel()
	c := client(t)
	var d store.Doc[archive.Register]
	if err := save(t, store.New(&silent{c, false}, bucket), &d); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("not applied: %v", err)
	}
	if err := save(t, store.New(&silent{c, true}, bucket), &d); err != nil {
		t.Errorf("applied: %v", err)
	}
	d.Value.Generation = 3 // the ETag of the settled write is good for the next one
	if err := save(t, store.New(c, bucket), &d); err != nil {
		t.Errorf("next: %v", err)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	for body, says := range map[string]string{
		`{"schema":"runecast-system/2"}`: "newer",
		`{"schema":"runecast-run/1"}`:    "is not",
		`{}`:                             "is not",
		`{"schema":`:                     "not readable",
		`{"schema":"runecast-system/1","generation":"x"}`: "not readable",
		`{"schema":"runecast-system/0","unknown":1}`:      "",
	} {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("systems/x.json"), Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		_, err := store.Load[archive.Register](t.Context(), s, "systems/x.json")
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
