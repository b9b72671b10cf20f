package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/archive"
)

// Inspect reads a raw object through, as an earlier upload stored it: what it
// is as stored, and what its envelope says. ErrMissing if there is none; an
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
	envelope, err := decodeEnvelope(read)
	switch {
	case read.err != nil: // S3's trouble, which looks like a cut object
		return Stored{}, archive.Envelope{}, read.err
	case err != nil:
		return Stored{}, archive.Envelope{}, corrupt(key, err)
	}
	return Stored{Key: key, Bytes: read.sum.n, SHA256: hex.EncodeToString(read.sum.hash.Sum(nil))}, envelope, nil
}

// decodeEnvelope reads to the end, so that a whole object was seen.
func decodeEnvelope(r io.Reader) (archive.Envelope, error) {
	var e archive.Envelope
	zr, err := gzip.NewReader(r)
	if err != nil {
		return e, err
	}
	if err := json.UnmarshalRead(zr, &e, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return e, fmt.Errorf("read envelope: %w", err)
	}
	return e, nil
}

// reader sums up what is read, and keeps an error that is not the end.
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
