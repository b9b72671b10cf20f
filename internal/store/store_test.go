package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

const bucket = "archive"

// client returns an S3 client of a fresh, real S3 server.
func client(t *testing.T) *s3.Client {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	if err := srv.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	return store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true)
}

func read(t *testing.T, s *store.Store, key string) (string, error) {
	t.Helper()
	info, err := s.Head(t.Context(), key)
	if err != nil {
		return "", err
	}
	r, err := s.Open(t.Context(), info)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	return string(b), err
}

func noUploadsLeft(t *testing.T, c *s3.Client) {
	t.Helper()
	left, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	if len(left.Uploads) > 0 {
		t.Errorf("%d multipart uploads are left behind", len(left.Uploads))
	}
}

func TestRawObjects(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	key := archive.RawKey(time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), "r1", "/a/b", "VC 1")
	noise := make([]byte, 12<<20) // does not compress: three parts
	rand.NewChaCha8([32]byte{}).Read(noise)

	stored, err := s.PutRaw(t.Context(), key, func(w io.Writer) error {
		_, err := w.Write(noise)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, key); err != nil || got != string(noise) {
		t.Errorf("read back %d bytes, %v", len(got), err)
	}
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(out.Body)
	sum := sha256.Sum256(b)
	if stored.Bytes != int64(len(b)) || stored.SHA256 != hex.EncodeToString(sum[:]) || stored.Key != key {
		t.Errorf("stored %+v, but the object has %d bytes", stored, len(b))
	}
	_, err = s.PutRaw(t.Context(), key, func(w io.Writer) error {
		_, err := io.WriteString(w, "other")
		return err
	})
	if !errors.Is(err, store.ErrExists) {
		t.Errorf("a second write gave %v", err)
	}
	noUploadsLeft(t, c)
}

func TestBrokenSourceLeavesNothing(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	broken := errors.New("the appliance hung up")
	for name, size := range map[string]int{"in the first part": 1 << 10, "after parts were sent": 13 << 20} {
		noise := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(noise)
		_, err := s.PutRaw(t.Context(), "raw/v1/x.json.gz", func(w io.Writer) error {
			if _, err := w.Write(noise); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Head(t.Context(), "raw/v1/x.json.gz"); !errors.Is(err, store.ErrMissing) {
			t.Errorf("%s: an incomplete object is there: %v", name, err)
		}
		noUploadsLeft(t, c)
	}
}

func TestOpenReadsGzipAndPlainAndNamesDamage(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	if _, err := s.PutRaw(t.Context(), "raw/good", func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("raw/good")})
	if err != nil {
		t.Fatal(err)
	}
	gz, _ := io.ReadAll(out.Body)
	bad := bytes.Clone(gz)
	bad[len(bad)-6] ^= 0xff // the checksum
	for key, c2 := range map[string]struct {
		body       []byte
		want, says string
	}{
		"raw/plain":   {[]byte("hello"), "hello", ""},
		"raw/short":   {[]byte("h"), "h", ""},
		"raw/empty":   {nil, "", ""},
		"raw/gz":      {gz, "hello", ""},
		"raw/two":     {append(bytes.Clone(gz), gz...), "hellohello", ""},
		"raw/cut":     {gz[:len(gz)-9], "", "cut off"},
		"raw/magic":   {gz[:2], "", "cut off"},
		"raw/corrupt": {bad, "", "corrupt"},
	} {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(c2.body)}); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, s, key)
		if c2.says == "" && (err != nil || got != c2.want) {
			t.Errorf("%s: %q %v", key, got, err)
		}
		if c2.says != "" && (err == nil || !strings.Contains(err.Error(), c2.says) || fault.ClassOf(err) != fault.Reject) {
			t.Errorf("%s: error %v, class %s", key, err, fault.ClassOf(err))
		}
	}
}

func TestReplacedObjectIsNotReadAsTheOld(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	put := func(body string) {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("raw/manual/x"), Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	put("old")
	info, err := s.Head(t.Context(), "raw/manual/x")
	if err != nil {
		t.Fatal(err)
	}
	put("new")
	if _, err := s.Open(t.Context(), info); !errors.Is(err, store.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

// cutting breaks the body of a GET after some bytes, for a number of GETs.
type cutting struct {
	*s3.Client
	after, times int
}

func (c *cutting) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	out, err := c.Client.GetObject(ctx, in, o...)
	if err == nil && c.times > 0 {
		c.times--
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(out.Body, int64(c.after)), broken{}), out.Body}
	}
	return out, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func TestBrokenDownloadGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	c := client(t)
	text := strings.Repeat("0123456789", 1000)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("raw/x"), Body: strings.NewReader(text)}); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, store.New(&cutting{c, 1234, 4}, bucket), "raw/x"); err != nil || got != text {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	_, err := read(t, store.New(&cutting{c, 1, 100}, bucket), "raw/x")
	if err == nil || fault.ClassOf(err) != fault.Retry {
		t.Errorf("broken for ever: %v", err)
	}
}

func TestCatalogIsStoredOnceUnderItsHash(t *testing.T) {
	t.Parallel()
	s := store.New(client(t), bucket)
	write := func(w io.Writer) error { _, err := io.WriteString(w, `{"issues":[]}`); return err }
	key, err := s.PutCatalog(t.Context(), write)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"issues":[]}`))
	if key != "catalog/"+hex.EncodeToString(sum[:])+".json.gz" {
		t.Errorf("key %s", key)
	}
	if again, err := s.PutCatalog(t.Context(), write); err != nil || again != key {
		t.Errorf("again: %s %v", again, err)
	}
	r, err := s.OpenCatalog(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != `{"issues":[]}` {
		t.Errorf("read %q %v", b, err)
	}
	if _, err := s.OpenCatalog(t.Context(), "catalog/none"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("missing: %v", err)
	}
}

// refusing answers each request with the same status, in the form of S3.
type refusing struct {
	*s3.Client
	status int
	code   string
}

func (c *refusing) err() error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: c.status}}, Err: &smithy.GenericAPIError{Code: c.code},
	}}
}

func (c *refusing) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return nil, c.err()
}

func (c *refusing) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return nil, c.err()
}

func TestErrorsHaveClassAndCure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api   *refusing
		class fault.Class
		says  string
	}{
		"forbidden": {&refusing{status: 403, code: "AccessDenied"}, fault.Config, "s3:GetObject and s3:ListBucket"},
		"no bucket": {&refusing{status: 404, code: "NoSuchBucket"}, fault.Config, "ARCHIVE_BUCKET"},
		"slow down": {&refusing{status: 503, code: "SlowDown"}, fault.Retry, "S3 answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store.New(c.api, bucket)
			for call, do := range map[string]func() error{
				"Load":  func() error { _, err := store.Load[archive.Register](t.Context(), s, "systems/x.json"); return err },
				"Start": func() error { _, _, err := s.Start(t.Context(), "raw/v1/x"); return err },
				"Open":  func() error { _, err := s.Open(t.Context(), archive.RawInfo{Key: "raw/v1/x", Size: 1}); return err },
			} {
				if err := do(); err == nil || errors.Is(err, store.ErrMissing) || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: class %s: %v", call, fault.ClassOf(err), err)
				}
			}
		})
	}
	var d store.Doc[archive.Register]
	if err := save(t, store.New(&refusing{status: 409, code: "ConditionalRequestConflict"}, bucket), &d); !errors.Is(err, store.ErrRace) {
		t.Errorf("409: %v", err)
	}
}

func TestMain(m *testing.M) {
	for _, name := range []string{"AWS_CA_BUNDLE", "AWS_PROFILE"} { // the machine's own settings are not the test's
		if err := os.Unsetenv(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// A read that the deadline ends does not make the object count as corrupt.
func TestDeadlineIsNoDamage(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	noise := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	if _, err := s.PutRaw(t.Context(), "raw/x", func(w io.Writer) error { _, err := w.Write(noise); return err }); err != nil {
		t.Fatal(err)
	}
	info, err := s.Head(t.Context(), "raw/x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := store.New(&cutting{c, 1 << 20, 100}, bucket).Open(ctx, info)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // what is read after it breaks, and is not resumed
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) || fault.ClassOf(err) == fault.Reject {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
}
