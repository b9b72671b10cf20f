package store_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

// wire is a transport between a client and the S3 server: it keeps the requests, and may
// change the answers.
type wire struct {
	mu     sync.Mutex
	writes []*http.Request
	spoil  func(body []byte) []byte // of an object that is read; nil: nothing
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	spoil := w.spoil
	if r.Method == http.MethodPut && r.ContentLength != 0 {
		w.writes = append(w.writes, r)
	}
	w.mu.Unlock()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || spoil == nil || r.Method != http.MethodGet {
		return res, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(spoil(body)))
	return res, err
}

// wired returns a client whose configuration was not made by LoadDefaultConfig, and its
// wire.
func wired(t *testing.T) (*s3.Client, *wire) {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	if err := srv.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	w := new(wire)
	return store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(), HTTPClient: &http.Client{Transport: w},
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true), w
}

// fill writes an object of each kind: a raw object in one part, a raw object in
// several parts, a catalogue, a state document and an event in quarantine.
func fill(t *testing.T, s *store.Store) (state store.Doc[archive.Register], gzipped []string) {
	t.Helper()
	noise := make([]byte, 6<<20) // does not compress: two parts
	rand.NewChaCha8([32]byte{}).Read(noise)
	for key, body := range map[string][]byte{"raw/v1/small.json.gz": []byte("{}"), "raw/v1/large.json.gz": noise} {
		if _, err := s.PutRaw(t.Context(), key, func(w io.Writer) error { _, err := w.Write(body); return err }); err != nil {
			t.Fatal(err)
		}
		gzipped = append(gzipped, key)
	}
	catalog, err := s.PutCatalog(t.Context(), func(w io.Writer) error { _, err := io.WriteString(w, "{}"); return err })
	if err != nil {
		t.Fatal(err)
	}
	state.Value.ScanID = "scan-a"
	if err := save(t, s, &state); err != nil {
		t.Fatal(err)
	}
	g := archive.Generation{RawKey: "raw/v1/small.json.gz", Number: 1}
	if err := s.PutQuarantine(t.Context(), g, archive.RefusedEvent{Event: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	return state, append(gzipped, catalog)
}

func TestEveryWriteCarriesAChecksum(t *testing.T) {
	t.Parallel()
	c, w := wired(t)
	fill(t, store.New(c, bucket))
	if len(w.writes) < 6 { // the large object is two
		t.Fatalf("%d writes were seen", len(w.writes))
	}
	for _, r := range w.writes {
		if r.Header.Get("X-Amz-Checksum-Crc32") == "" && r.Header.Get("X-Amz-Trailer") != "x-amz-checksum-crc32" {
			t.Errorf("PUT %s carries no checksum", r.URL.RequestURI())
		}
	}
	for _, key := range []string{"raw/v1/small.json.gz", "systems/x.json"} {
		out, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || aws.ToString(out.ChecksumCRC32) == "" {
			t.Errorf("S3 keeps no checksum of %s (%v)", key, err)
		}
	}
}

// A letter is changed in transit, and the document still has a valid form: only the
// checksum can show the change.
func TestADocumentThatChangedOnTheWayIsNotRead(t *testing.T) {
	t.Parallel()
	c, w := wired(t)
	s := store.New(c, bucket)
	state, _ := fill(t, s)
	w.spoil = func(body []byte) []byte { return bytes.ReplaceAll(body, []byte("scan-a"), []byte("scan-b")) }
	got, err := store.Load[archive.Register](t.Context(), s, "systems/x.json")
	if err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%s was stored, %s was read: %v", state.Value.ScanID, got.Value.ScanID, err)
	}
}

// The gzip header of an object has no time: keys and S3's dates hold the times, and a
// wrong time in an object could never be corrected.
func TestCompressedObjectsAreNotDated(t *testing.T) {
	t.Parallel()
	c, _ := wired(t)
	_, gzipped := fill(t, store.New(c, bucket))
	for _, key := range gzipped {
		head := object(t, c, key)[:10]
		if !bytes.Equal(head[:4], []byte{0x1f, 0x8b, 8, 0}) || !bytes.Equal(head[4:8], make([]byte, 4)) {
			t.Errorf("%s begins with % x: want gzip without flags and with time 0 (RFC 1952)", key, head)
		}
	}
}
