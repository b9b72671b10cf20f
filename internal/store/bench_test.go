package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// shelf is a bucket with one object, in memory.
type shelf struct {
	store.API
	object []byte
}

func (s *shelf) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (_ *s3.PutObjectOutput, err error) {
	s.object, err = io.ReadAll(in.Body)
	return &s3.PutObjectOutput{}, err
}

func (s *shelf) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(s.object))}, nil
}

// results returns about 20 MB that compress to a few MB: one request stores them.
func results() []byte {
	var text []byte
	for i := range 100_000 {
		text = fmt.Appendf(text, `{"vcUid":"44c4a75d-4430-4953-90e0-481747a41c6c","moid":"host-%d","name":"srv-%x.example","type":"HostSystem","resultValues":[{"description":"ESXi build","value":"%x"}]},`,
			i, i*7919, uint32(i)*2654435761)
	}
	return text
}

// BenchmarkCompress stores a raw object, without a network; MB/s counts uncompressed bytes.
func BenchmarkCompress(b *testing.B) {
	text := results()
	store := store.New(&shelf{}, "archive")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.PutRaw(b.Context(), "raw/v1/x", func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecompress reads a raw object; MB/s counts uncompressed bytes.
func BenchmarkDecompress(b *testing.B) {
	text, s := results(), new(shelf)
	store := store.New(s, "archive")
	stored, err := store.PutRaw(b.Context(), "raw/v1/x", func(w io.Writer) error { _, err := w.Write(text); return err })
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		body, err := store.Open(b.Context(), archive.RawInfo{Key: stored.Key, Size: stored.Bytes})
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, body)
		if err != nil || n != int64(len(text)) {
			b.Fatal(n, err)
		}
	}
}
