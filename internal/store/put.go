package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

const (
	partSize    = 5 << 20 // bytes, the least that S3 allows: 10,000 parts hold 48 GiB
	uploadParts = 1       // parts in flight, while the next one is filled
	abortTime   = 15 * time.Second

	// maxCatalog bounds a compressed catalogue, in bytes. It is held in memory, since its
	// key is the hash of its content.
	maxCatalog = 24 << 20
)

// Stored describes an object that was written.
type Stored struct {
	Key string
	// Bytes and SHA256 (hexadecimal) are of the object as stored, compressed.
	Bytes  int64
	SHA256 string
}

// PutRaw compresses what write produces and stores it under a key that must
// not exist. It returns ErrExists if the key exists, and ErrRace if two uploads ended at
// the same time. An error of write aborts the upload, so an object is complete or absent.
// A crash during the upload may leave parts that are no object: the bucket's
// lifecycle deletes them, and the next invocation of the run uploads again. After a later
// crash the next invocation gets ErrExists, and uses the object that is there (Inspect).
// Memory is bounded by two parts of 5 MiB.
func (s *Store) PutRaw(ctx context.Context, key string, write func(io.Writer) error) (Stored, error) {
	pr, pw := io.Pipe()
	sum := &summer{w: pw, hash: sha256.New()}
	written := make(chan error, 1)
	go func() {
		err := compressAside(sum, write)
		_ = pw.CloseWithError(err) // nil: end of file
		written <- err
	}()
	tm := transfermanager.New(s.api, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency, o.FailTimeout = partSize, partSize, uploadParts, abortTime
	})
	_, err := tm.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &s.bucket, Key: &key, Body: pr, IfNoneMatch: aws.String("*"), ContentType: aws.String("application/gzip"),
	})
	_ = pr.CloseWithError(errUploadEnded) // ends write if the upload failed first
	if werr := <-written; werr != nil && !errors.Is(werr, errUploadEnded) {
		return Stored{}, werr
	}
	switch {
	case err == nil:
		return Stored{Key: key, Bytes: sum.n, SHA256: hex.EncodeToString(sum.hash.Sum(nil))}, nil
	case status(err) == http.StatusPreconditionFailed:
		return Stored{}, fmt.Errorf("archive %s: %w", key, ErrExists)
	case status(err) == http.StatusConflict:
		return Stored{}, fmt.Errorf("archive %s: %w", key, ErrRace)
	}
	return Stored{}, fmt.Errorf("archive raw: %w", s.explain(err, "s3:PutObject and s3:AbortMultipartUpload", key))
}

var errUploadEnded = errors.New("the upload ended")

// compress writes what write produces to w, in gzip.
func compress(w io.Writer, write func(io.Writer) error) error {
	zw, err := gzip.NewWriterLevel(w, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	if err := write(zw); err != nil {
		return err
	}
	return zw.Close()
}

// compressAside does what compress does, but compresses in another goroutine than write.
func compressAside(w io.Writer, write func(io.Writer) error) error {
	return compress(w, func(zw io.Writer) error {
		a := newAhead(zw)
		err := write(a)
		if cerr := a.Close(); err == nil {
			err = cerr
		}
		return err
	})
}

// summer counts and hashes the bytes that are written through it.
type summer struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (s *summer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.hash.Write(p[:n])
	return n, err
}

// PutCatalog stores a check catalogue under the hash of its uncompressed bytes and
// returns its key. The same catalogue is stored once. A raw object names it
// only after it was stored, so a crash leaves at most a catalogue that no object names.
// It is compressed in memory; over 24 MiB compressed it is a fault of class Reject.
func (s *Store) PutCatalog(ctx context.Context, write func(io.Writer) error) (string, error) {
	var body bytes.Buffer
	plain := sha256.New()
	err := compress(&capped{w: &body, left: maxCatalog}, func(w io.Writer) error {
		return write(io.MultiWriter(w, plain))
	})
	if err != nil {
		return "", err
	}
	key := archive.CatalogKey(hex.EncodeToString(plain.Sum(nil)))
	_, err = s.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body.Bytes()), IfNoneMatch: aws.String("*"), ContentType: aws.String("application/gzip"),
	})
	if err != nil && status(err) != http.StatusPreconditionFailed {
		return "", fmt.Errorf("archive catalogue: %w", s.explain(err, "s3:PutObject", key))
	}
	return key, nil
}

// capped passes at most left bytes on, and then fails.
type capped struct {
	w    io.Writer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the catalogue is over %d MiB compressed", maxCatalog>>20)}
	}
	return c.w.Write(p)
}

// PutQuarantine stores an event that Dynatrace refused, with the answer, in the quarantine
// of its generation. It overwrites: after a crash before the event's index is saved as
// done, an invocation that goes on with the generation sends the event again, and writes
// the same key.
func (s *Store) PutQuarantine(ctx context.Context, g archive.Generation, event archive.RefusedEvent) error {
	document, err := event.Encode()
	if err != nil {
		return fmt.Errorf("quarantine event: %w", err)
	}
	key := g.QuarantineKey(event.Index)
	_, err = s.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(document), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("quarantine event: %w", s.explain(err, "s3:PutObject", key))
	}
	return nil
}
