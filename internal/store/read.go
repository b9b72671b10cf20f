package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

const (
	readBuffer = 256 << 10 // bytes
	// startBytes is how many bytes of an object Start reads: all bytes of a small object.
	startBytes = 128 << 10
	// maxReopen is how many connections in a row may break after readBuffer bytes or less.
	maxReopen = 5
)

// Head describes the current version of an object. ErrMissing if there is none.
func (s *Store) Head(ctx context.Context, key string) (archive.RawInfo, error) {
	out, err := s.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		if isMissing(err) {
			return archive.RawInfo{}, fmt.Errorf("head %s: %w", key, ErrMissing)
		}
		return archive.RawInfo{}, fmt.Errorf("head object: %w", s.explain(err, "s3:GetObject and s3:ListBucket", key))
	}
	return archive.RawInfo{Key: key, ETag: aws.ToString(out.ETag), Size: aws.ToInt64(out.ContentLength), LastModified: aws.ToTime(out.LastModified)}, nil
}

// Start describes the current version of an object, as Head does, and returns its
// first 128 KiB as stored, by one request: all bytes of a small object. The bytes are nil
// if the object is empty, or if they could not be read. ErrMissing if there is none.
func (s *Store) Start(ctx context.Context, key string) (archive.RawInfo, []byte, error) {
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, Range: aws.String(fmt.Sprintf("bytes=0-%d", startBytes-1))})
	switch {
	case err == nil:
	case status(err) == http.StatusRequestedRangeNotSatisfiable: // the object is empty
		info, err := s.Head(ctx, key)
		return info, nil, err
	case isMissing(err):
		return archive.RawInfo{}, nil, fmt.Errorf("read %s: %w", key, ErrMissing)
	default:
		return archive.RawInfo{}, nil, fmt.Errorf("read object: %w", s.explain(err, "s3:GetObject and s3:ListBucket", key))
	}
	defer out.Body.Close()
	info := archive.RawInfo{Key: key, ETag: aws.ToString(out.ETag), Size: sizeOf(out), LastModified: aws.ToTime(out.LastModified)}
	start, err := io.ReadAll(io.LimitReader(out.Body, startBytes))
	if err != nil || int64(len(start)) < min(info.Size, startBytes) {
		return info, nil, nil // OpenBehind then reads the object from its first byte
	}
	return info, start, nil
}

// sizeOf returns the size of the whole object of which a range was read: the number
// behind the slash in "bytes 0-9/100".
func sizeOf(out *s3.GetObjectOutput) int64 {
	_, whole, _ := strings.Cut(aws.ToString(out.ContentRange), "/")
	if size, err := strconv.ParseInt(whole, 10, 64); err == nil {
		return size
	}
	return aws.ToInt64(out.ContentLength) // the answer is not a range, but the whole object
}

// Open streams exactly the version that info describes. If its first bytes say that it is
// gzip, it is decompressed. A broken connection is resumed where it broke. ErrChanged if
// another version is there, ErrMissing if none is. An error of the reader is of class
// Reject if the object itself is cut or corrupt; errors of S3 are as in the other calls.
func (s *Store) Open(ctx context.Context, info archive.RawInfo) (io.ReadCloser, error) {
	return s.OpenBehind(ctx, info, nil)
}

// OpenBehind does what Open does, but does not read the first bytes of that version
// again: start holds them, as Start returned them. start may be empty.
func (s *Store) OpenBehind(ctx context.Context, info archive.RawInfo, start []byte) (io.ReadCloser, error) {
	body := &resuming{ctx: ctx, s: s, info: info}
	if len(start) > 0 { // the first reopen, which is no broken connection, reads the range behind start
		body.body, body.reopens = io.NopCloser(bytes.NewReader(start)), -1
	} else if err := body.open(); err != nil {
		return nil, err
	}
	plain := bufio.NewReaderSize(body, readBuffer)
	magic, err := plain.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, body.Close())
	}
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return &readCloser{Reader: plain, close: body.Close}, nil
	}
	zr, err := gzip.NewReader(plain)
	if err != nil {
		return nil, errors.Join(corrupt(info.Key, err), body.Close())
	}
	return &readCloser{Reader: &inflating{zr: zr, key: info.Key}, close: body.Close}, nil
}

// OpenCatalog streams a check catalogue, decompressed. ErrMissing if it is not there.
func (s *Store) OpenCatalog(ctx context.Context, key string) (io.ReadCloser, error) {
	info, err := s.Head(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, info)
}

// readCloser is a reader with a function that closes it.
type readCloser struct {
	io.Reader
	close func() error
}

func (r *readCloser) Close() error { return r.close() }

// inflating reads decompressed bytes, and turns an error of gzip into a fault; see corrupt.
type inflating struct {
	zr  *gzip.Reader
	key string
}

func (r *inflating) Read(p []byte) (int, error) {
	n, err := r.zr.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	return n, corrupt(r.key, err)
}

// corrupt returns a fault of class Reject for a damaged object. An error of S3 or of the
// context says nothing about the object, and is returned as it is.
func corrupt(key string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	for _, passing := range []error{context.Canceled, context.DeadlineExceeded, ErrChanged, ErrMissing} {
		if errors.Is(err, passing) {
			return err
		}
	}
	e := &fault.Error{Class: fault.Reject, Where: key, What: "the gzip data is corrupt", Err: err,
		Cure: "upload the document again under raw/manual/, or let the next analysis replace it"}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		e.What, e.Err = "the gzip data is cut off", nil
	}
	return e
}

// resuming reads one version of an object as stored. After a broken connection it goes on
// with a request for the rest of the bytes.
type resuming struct {
	ctx    context.Context //nolint:containedctx // a reader lives as long as the call that opened it
	s      *Store
	info   archive.RawInfo
	body   io.ReadCloser
	offset int64
	// since is how many bytes were read from the present connection. reopens counts the
	// connections in a row that broke after readBuffer bytes or less.
	since   int64
	reopens int
}

func (r *resuming) open() error {
	in := &s3.GetObjectInput{Bucket: &r.s.bucket, Key: &r.info.Key, IfMatch: &r.info.ETag}
	if r.offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.offset))
	}
	out, err := r.s.api.GetObject(r.ctx, in)
	switch {
	case err == nil:
		r.body = out.Body
		return nil
	case status(err) == http.StatusPreconditionFailed:
		return fmt.Errorf("read %s: %w", r.info.Key, ErrChanged)
	case isMissing(err):
		return fmt.Errorf("read %s: %w", r.info.Key, ErrMissing)
	}
	return fmt.Errorf("read object: %w", r.s.explain(err, "s3:GetObject and s3:ListBucket", r.info.Key))
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.offset += int64(n)
		if r.since += int64(n); r.since > readBuffer {
			r.reopens = 0
		}
		switch {
		case err == nil, n > 0 && !errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, io.EOF) && r.offset >= r.info.Size:
			return n, io.EOF
		case r.ctx.Err() != nil:
			return n, r.ctx.Err()
		case r.reopens >= maxReopen:
			return n, fmt.Errorf("read object: %w", r.s.explain(err, "s3:GetObject", r.info.Key))
		}
		r.reopens++
		r.since = 0
		_ = r.body.Close() // the connection is broken already
		if err := r.open(); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (r *resuming) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// Inspect reads the whole of a raw object that an earlier upload stored. It returns its
// size and hash as stored, and its envelope. ErrMissing if there is none; an
// object that is cut, corrupt or no raw object is a fault of class Reject.
func (s *Store) Inspect(ctx context.Context, key string) (Stored, archive.Envelope, error) {
	info, err := s.Head(ctx, key)
	if err != nil {
		return Stored{}, archive.Envelope{}, err
	}
	body := &resuming{ctx: ctx, s: s, info: info}
	if err := body.open(); err != nil {
		return Stored{}, archive.Envelope{}, err
	}
	defer body.Close()
	read := &reader{r: body, sum: &summer{w: io.Discard, hash: sha256.New()}}
	envelope, err := readThrough(read, key)
	switch {
	case read.err != nil: // an error of S3, after which the object only looks cut
		return Stored{}, archive.Envelope{}, read.err
	case err != nil:
		return Stored{}, archive.Envelope{}, fmt.Errorf("inspect %s: %w", key, err)
	}
	return Stored{Key: key, Bytes: read.sum.n, SHA256: hex.EncodeToString(read.sum.hash.Sum(nil))}, envelope, nil
}

// readThrough reads an object to its end, which proves that it is whole, and returns its
// envelope.
func readThrough(r io.Reader, key string) (archive.Envelope, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return archive.Envelope{}, corrupt(key, err)
	}
	raw, err := archive.ReadRaw(&inflating{zr: zr, key: key})
	if err != nil {
		return archive.Envelope{}, err
	}
	return raw.Envelope, raw.Skip()
}

// reader counts and hashes what is read, and keeps an error other than io.EOF.
type reader struct {
	r   io.Reader
	sum *summer
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	_, _ = r.sum.Write(p[:n])
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
