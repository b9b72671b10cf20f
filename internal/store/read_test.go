package store_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// An object is read back with the size and the hash that its writer returned.
func TestInspect(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	envelope := archive.Envelope{
		Schema: archive.RawSchema, Run: archive.EnvelopeRun{ID: "r1", StartedAt: time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)}, System: archive.System{ID: "7", Type: "AWS"},
		Scan: archive.EnvelopeScan{CompletedAt: "2026-11-22T02:00:00Z"},
	}
	key := "raw/v1/a.json.gz"
	stored, err := s.PutRaw(t.Context(), key, func(w io.Writer) error {
		if err := envelope.WriteHead(w); err != nil {
			return err
		}
		_, err := io.WriteString(w, `{"n":1e400,"n":"`+"\xff"+`","x":[`+strings.Repeat(`"0123456789",`, 1<<20)+`1]}}`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	whole := object(t, c, key)
	got, seen, err := s.Inspect(t.Context(), key)
	if d := cmp.Diff(stored, got) + cmp.Diff(envelope, seen); d != "" || err != nil {
		t.Error(d, err)
	}
	got, _, err = store.New(&cutting{c, 1000, 3}, bucket).Inspect(t.Context(), key)
	if d := cmp.Diff(stored, got); d != "" || err != nil {
		t.Errorf("over a broken connection: %s, %v", d, err)
	}
	if _, _, err := store.New(&cutting{c, 1, 100}, bucket).Inspect(t.Context(), key); err == nil || fault.ClassOf(err) != fault.Retry {
		t.Errorf("broken for ever: %v", err)
	}
	if _, _, err := s.Inspect(t.Context(), "raw/v1/none"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("a missing object: %v", err)
	}
	for name, body := range map[string][]byte{"cut": whole[:len(whole)-4], "empty": nil, "not gzip": []byte(`{"schema":"x"}`), "damaged": append(append([]byte{}, whole[:20]...), whole[30:]...)} {
		key := "raw/v1/" + strings.ReplaceAll(name, " ", "-")
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Inspect(t.Context(), key); err == nil || fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func object(t *testing.T, c *s3.Client, key string) []byte {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Start returns what Head returns, and the object's first bytes. The bytes that are read
// behind them are of the same version of the object.
func TestStart(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	for name, size := range map[string]int{"empty": 0, "small": 10, "one start": 128 << 10, "one byte more": 128<<10 + 1, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat("x", size/2) + strings.Repeat("y", size-size/2)
			key := "raw/manual/" + strconv.Itoa(size)
			put := func(text string) {
				if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(text)}); err != nil {
					t.Fatal(err)
				}
			}
			put(text)
			want, err := s.Head(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			info, start, err := s.Start(t.Context(), key)
			if err != nil || info.Key != want.Key || info.ETag != want.ETag || info.Size != want.Size || !info.LastModified.Equal(want.LastModified) {
				t.Fatalf("Start: %+v %v, want %+v", info, err, want)
			}
			if string(start) != text[:min(size, 128<<10)] {
				t.Errorf("the start has %d bytes", len(start))
			}
			whole := func() (string, error) {
				r, err := s.OpenBehind(t.Context(), info, start)
				if err != nil {
					return "", err
				}
				b, err := io.ReadAll(r)
				return string(b), errors.Join(err, r.Close())
			}
			if got, err := whole(); err != nil || got != text {
				t.Errorf("%d bytes behind the start, %v", len(got), err)
			}
			put("another version")
			got, err := whole()
			if size > len(start) {
				if !errors.Is(err, store.ErrChanged) {
					t.Errorf("another version: %v, want ErrChanged", err)
				}
			} else if err != nil && size > 0 || size > 0 && got != text {
				t.Errorf("what was read whole: %d bytes, %v", len(got), err)
			}
		})
	}
	if _, _, err := s.Start(t.Context(), "raw/manual/none"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("nothing there: %v", err)
	}
}
