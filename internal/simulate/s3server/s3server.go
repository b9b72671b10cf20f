// Package s3server runs a real S3 server (versitygw) for tests and the local
// stack. It promises real signatures, checksums and conditional writes on plain
// files: a bucket is a folder, an object a file in it.
package s3server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/child"
)

const (
	accessKey = "AKIALOCALSTACKSERVER"
	region    = "eu-central-1"
	// pollEvery is how often a starting server is asked whether it is ready.
	pollEvery = 10 * time.Millisecond
	// startLimit is how long a start may take; 0.2 s is usual.
	startLimit = 20 * time.Second
	// portTries is how many free ports are tried: another program may take a port
	// before the server opens it.
	portTries = 3
)

// Options describe a server.
type Options struct {
	// Dir is the absolute path of the folder whose folders are the buckets; it
	// is created if need be. Its file system has to support extended attributes.
	Dir string
	// WebhookURL, if set, receives an event for each object created; a test
	// event at the start. The server waits 3 s at most for an answer and never
	// repeats an event.
	WebhookURL string
	// Log receives the server's request log and errors; nil: dropped.
	Log io.Writer
	// Host is the loopback address to listen at; empty: 127.0.0.1.
	Host string
}

// Server is a running server. Versioning is off.
type Server struct {
	proc *child.Process
	dir  string
	url  string
	// own is a random word that no other server has. It is part of the secret key and
	// of the path of the health check. If the system gives the port of one server to
	// another, the health check of the first one's Start and the requests of the first
	// one's clients fail there.
	own string
}

// Start runs the program $VERSITYGW, else out/bin/versitygw of the module, and
// returns when it is healthy, within 20 s. If the program is not there, the error
// is a *fault.Error of class Config.
func Start(ctx context.Context, o Options) (*Server, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("start the S3 server: the folder %q is not absolute", o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("start the S3 server: %w", err)
	}
	var s *Server
	for range portTries {
		var address string
		if address, err = freeAddress(cmp.Or(o.Host, "127.0.0.1")); err != nil {
			return nil, fmt.Errorf("start the S3 server: %w", err)
		}
		s, err = start(ctx, binary, address, o)
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return s, err
}

func start(ctx context.Context, binary, address string, o Options) (*Server, error) {
	s := &Server{dir: o.Dir, url: "http://" + address, own: rand.Text()}
	args := []string{"--access", accessKey, "--secret", s.SecretKey(), "--region", region, "--port", address, "--health", s.healthPath()}
	if o.WebhookURL != "" {
		filter, err := filterFile()
		if err != nil {
			return nil, fmt.Errorf("start the S3 server: %w", err)
		}
		defer func() { _ = os.Remove(filter) }() // the server reads it at its start only
		args = append(args, "--event-webhook-url", o.WebhookURL, "--event-filter", filter)
	}
	// One process only, so the lock files of conditional writes are not needed.
	cmd := exec.Command(binary, append(args, "posix", "--disable-object-lock-file", o.Dir)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} // without VGW_…, which would configure it
	out := &tail{to: o.Log}
	cmd.Stdout, cmd.Stderr = out, out
	var err error
	if s.proc, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("start the S3 server: %w", err)
	}
	if err := s.awaitHealth(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("start the S3 server: %w; it said: %s", err, out)
	}
	return s, nil
}

func (s *Server) awaitHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if s.healthy(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.proc.Exited():
			return fmt.Errorf("it ended: %w", cmp.Or(s.proc.Err(), errors.New("exit status 0")))
		case <-ctx.Done():
			return fmt.Errorf("it is not healthy: %w", ctx.Err())
		}
	}
}

func (s *Server) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+s.healthPath(), nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (s *Server) healthPath() string { return "/health-" + s.own }

// URL returns the endpoint, for AWS_ENDPOINT_URL_S3; buckets are addressed by path.
func (s *Server) URL() string { return s.url }

// AccessKey returns the id of the server's only account.
func (s *Server) AccessKey() string { return accessKey }

// SecretKey returns the secret of the server's only account.
func (s *Server) SecretKey() string { return "local-stack-only-" + s.own }

// Region returns the region that signatures have to name.
func (s *Server) Region() string { return region }

// CreateBucket creates a bucket. It is no error if the bucket exists.
func (s *Server) CreateBucket(ctx context.Context, name string) error {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(s.url),
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, s.SecretKey(), ""),
		UsePathStyle: true,
	})
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	var mine *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &mine) {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

// Date sets the time at which an object was last modified, which is at first that
// of the system's clock. A test with a clock of its own dates its uploads by that
// clock, because in AWS, S3 and its clients have the same time.
func (s *Server) Date(bucket, key string, at time.Time) error {
	if err := os.Chtimes(filepath.Join(s.dir, bucket, filepath.FromSlash(key)), time.Time{}, at); err != nil {
		return fmt.Errorf("date an object: %w", err)
	}
	return nil
}

// Close kills the server and returns when it is gone; objects that were
// acknowledged are on disk. It never fails.
func (s *Server) Close() error {
	s.proc.Kill()
	return nil
}

// find returns the path of the server program.
func find() (string, error) {
	path := os.Getenv("VERSITYGW")
	if path == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", fmt.Errorf("find the S3 server: %w", err)
		}
		path = filepath.Join(root, "out", "bin", "versitygw")
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", &fault.Error{
			Class: fault.Config,
			Where: path,
			What:  "the S3 server versitygw is not there",
			Cure:  "run `make tools` once (about a minute), or set VERSITYGW to the program",
		}
	}
	return path, nil
}

// moduleRoot returns the folder of go.mod at or above the working directory: tests
// run in their package's folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod at or above the working directory: run it inside the repository")
		}
		dir = parent
	}
}

func freeAddress(host string) (string, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// filterFile writes a file with the kinds of events to send, and returns its path.
// The server reads them from a file only.
func filterFile() (string, error) {
	f, err := os.CreateTemp("", "s3-events-*.json")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(`{"s3:ObjectCreated:*":true}`)
	return f.Name(), errors.Join(err, f.Close())
}

// tail passes the server's output on and keeps its end for an error message.
type tail struct {
	to  io.Writer
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const keep = 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		_, _ = t.to.Write(p) // a full disk must not stop the server
	}
	t.end = append(t.end, p...)
	t.end = bytes.Clone(t.end[max(0, len(t.end)-keep):])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.end)), "\n")
	return lines[len(lines)-1]
}
