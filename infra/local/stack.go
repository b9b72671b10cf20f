package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"runecast-ingest/infra/local/proxy"
	"runecast-ingest/infra/local/secrets"
	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/eventbridge"
	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/readers"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
)

const (
	region               = "eu-central-1"
	functionTimeout      = 900 * time.Second
	functionMemory       = 512 // MB
	bucketName           = "bucket"
	forwarderConcurrency = 2
)

// stack is everything that runs.
type stack struct {
	o         options
	log       *log.Logger // of the parts that are no function
	bucket    bucket
	appliance *appliance.Appliance
	receiver  *receiver.Receiver
	accepted  atomic.Int64 // events that were inspected, or could have been
	traces    *tracing.Sink
	bus       eventbridge.Bus
	authority *pki.Authority // of all servers with TLS
	proxy     *proxy.Proxy   // what the functions go through; nil: nothing
	trigger   *trigger.Trigger
	collector *lambda.Function
	forwarder *lambda.Function
	closers   []io.Closer // in the order of starting
}

// startStack starts everything; nothing is left behind on an error.
func startStack(ctx context.Context, o options) (*stack, error) {
	s := &stack{o: o}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	return s, nil
}

func (s *stack) start(ctx context.Context) error {
	out, err := s.folders()
	if err != nil {
		return err
	}
	if s.authority, err = pki.New(); err != nil {
		return err
	}
	network, err := s.network(ctx)
	if err != nil {
		return err
	}
	collectorEnv, forwarderEnv, err := s.endpoints()
	if err != nil {
		return err
	}
	// The S3 server greets the webhook before the forwarder is deployed, which
	// in turn needs the server's address.
	deployed := &deployment{ready: make(chan struct{})}
	s.trigger = trigger.New(trigger.Options{
		Function: deployed, Mode: s.o.mode,
		Bucket: bucketName, Prefix: archive.RawPrefix, Region: region, Size: s.bucket.size, Log: s.log,
	})
	s.opened(s.trigger)
	awsEnv, err := s.services(ctx, out)
	if err != nil {
		return err
	}
	if s.collector, err = s.deploy("collector", s.o.collectorTimeout, 1, slices.Concat(awsEnv, network, collectorEnv)); err != nil {
		return err
	}
	if s.forwarder, err = s.deploy("forwarder", functionTimeout, forwarderConcurrency, slices.Concat(awsEnv, network, forwarderEnv)); err != nil {
		return err
	}
	deployed.function = s.forwarder
	close(deployed.ready)
	return nil
}

// folders makes the folders and the log of the stack itself, and removes what
// the last run archived, and its report.
func (s *stack) folders() (out string, err error) {
	if out, err = filepath.Abs(s.o.out); err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.o.logs(), 0o755); err != nil {
		return "", err
	}
	if err := s.lock(out); err != nil {
		return "", err
	}
	if err := os.RemoveAll(s.o.report()); err != nil {
		return "", err
	}
	s.bucket = bucket(filepath.Join(out, bucketName))
	if !s.o.keep {
		if err := os.RemoveAll(string(s.bucket)); err != nil {
			return "", err
		}
	}
	local, err := s.logFile("stack.log")
	if err != nil {
		return "", err
	}
	s.log = log.New(local, "", log.LstdFlags)
	return out, nil
}

// lock keeps a second stack from removing the archive of the first. The lock
// ends with the process, however that ends.
func (s *stack) lock(out string) error {
	f, err := os.Create(filepath.Join(out, "stack.lock"))
	if err != nil {
		return err
	}
	s.opened(stackLock{f})
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return &fault.Error{
			Class: fault.Config, Where: out, What: "another local stack is at work in this folder",
			Cure: "wait for its end, or use another copy of the repository",
		}
	}
	return nil
}

// stackLock is the file that a stack has locked.
type stackLock struct{ *os.File }

// Close unlocks the file, too: a child that this process is just starting may
// hold the lock for a moment longer than the file is open here.
func (l stackLock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}

func (s *stack) logFile(name string) (*os.File, error) {
	f, err := os.Create(filepath.Join(s.o.logs(), name))
	if err == nil {
		s.opened(f)
	}
	return f, err
}

// endpoints starts the appliance and Dynatrace's ingest, with TLS by an
// authority of their own, and returns the functions' settings for them.
func (s *stack) endpoints() (collectorEnv, forwarderEnv []string, err error) {
	a := s.o.appliance
	a.Token = uuid.NewString()
	if s.o.tokenFor > 0 {
		a.Faults.TokenUntil = time.Now().Add(s.o.tokenFor)
	}
	if s.appliance, err = appliance.New(a); err != nil {
		return nil, nil, err
	}
	token := "dt0c01.LOCALSTACK." + rand.Text()
	if s.o.platformToken {
		token = "dt0s16.LOCALSTACK." + rand.Text()
	}
	queryToken := "dt0s16.LOCALSTACK.QUERY." + rand.Text()
	s.receiver = receiver.New(receiver.Options{
		Token: token, Inspect: s.missedByReaders, Indexing: s.o.indexing, Querying: s.o.querying(queryToken), Intercept: s.o.limited,
	})

	store := new(secrets.Manager)
	manager, err := s.outside("Secrets Manager", store, false)
	if err != nil {
		return nil, nil, err
	}
	endpoint := func(h http.Handler, name, token, wrong string) (url, arn string, err error) {
		if wrong != "" {
			token = wrong
		}
		secret := map[string]string{"token": token, "ca_pem": string(s.authority.PEM())}
		if h == http.Handler(s.receiver) && s.o.query != queryNone {
			secret["query_token"] = queryToken
		}
		text, err := json.Marshal(secret)
		if err != nil {
			return "", "", err
		}
		url, err = s.outside(name, h, true)
		return url, store.Put(name, string(text)), err
	}
	common := []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + manager, "ALLOW_LOOPBACK=true"}
	url, arn, err := endpoint(appliance.CutAfter(s.appliance, s.o.cuts...), "runecast", a.Token, s.o.runecastToken)
	if err != nil {
		return nil, nil, err
	}
	collectorEnv = append(slices.Clone(common), "RUNECAST_URL="+url, "RUNECAST_SECRET_ID="+arn,
		"POLL_INTERVAL="+s.o.pollInterval().String(), "SCAN_TIMEOUT="+s.o.scanTimeout().String())
	if s.o.runecastAPI != "" {
		collectorEnv = append(collectorEnv, "RUNECAST_API="+s.o.runecastAPI)
	}
	url, arn, err = endpoint(s.receiver, "dynatrace", token, s.o.token)
	if err != nil {
		return nil, nil, err
	}
	forwarderEnv = append(slices.Clone(common), "OPENPIPELINE_URL="+url, "OPENPIPELINE_SECRET_ID="+arn, "NOTICES=on")
	return collectorEnv, forwarderEnv, nil
}

// inspected is up to how many events each is held against what reads it, and
// fewOf every how many-th after that: a map of each would make large runs slow.
const (
	inspected = 2_000
	fewOf     = 50
)

// missedByReaders returns what the readers of an event would miss.
func (s *stack) missedByReaders(event []byte) []string {
	if n := s.accepted.Add(1); n > inspected && n%fewOf != 0 {
		return nil
	}
	return readers.Faults(event, readers.Expect{Texts: true})
}

// pollInterval is to an analysis what it is where one takes an hour: how long
// results must stay the same to be taken for complete is counted in it.
func (o options) pollInterval() time.Duration {
	return min(max(time.Second, o.appliance.ScanTime/50), 30*time.Second)
}

// calm is how long a first analysis must stay the same in API v2, in poll
// intervals, and some more for the polls themselves.
const calm = 25

// scanTimeout is long enough for any system that is analysed at all, since all
// are at the same time, and no longer: what is never analysed times out.
func (o options) scanTimeout() time.Duration {
	a := o.appliance
	var updated, calmed time.Duration
	for _, update := range a.Faults.Updates {
		updated = max(updated, update.After+update.For)
	}
	for _, q := range a.Quirks {
		if q.Unscanned && a.API != appliance.APIv1 {
			calmed = calm * o.pollInterval()
		}
	}
	return o.patience + 2*a.ScanTime + time.Duration(a.Findings+a.HugeIssue)*time.Millisecond/10 + updated + calmed
}

// services starts S3, with the trigger as its webhook, the event bus and the
// X-Ray daemon, and returns the functions' settings for them.
func (s *stack) services(ctx context.Context, out string) ([]string, error) {
	hook, err := s.serve(s.trigger, nil)
	if err != nil {
		return nil, err
	}
	log, err := s.logFile("s3.log")
	if err != nil {
		return nil, err
	}
	server, err := s3server.Start(ctx, s3server.Options{Dir: out, WebhookURL: "http://" + hook, Log: log})
	if err != nil {
		return nil, err
	}
	s.opened(server)
	if err := server.CreateBucket(ctx, bucketName); err != nil {
		return nil, err
	}
	bus, err := s.outside("EventBridge", &s.bus, false)
	if err != nil {
		return nil, err
	}
	objects, err := s.objects(server.URL())
	if err != nil {
		return nil, err
	}
	if s.traces, err = tracing.Listen(); err != nil {
		return nil, err
	}
	s.opened(s.traces)
	return []string{
		"ARCHIVE_BUCKET=" + bucketName, "S3_PATH_STYLE=true", "AWS_ENDPOINT_URL_S3=" + objects,
		"AWS_REGION=" + server.Region(), "AWS_ACCESS_KEY_ID=" + server.AccessKey(), "AWS_SECRET_ACCESS_KEY=" + server.SecretKey(),
		"AWS_ENDPOINT_URL_EVENTBRIDGE=" + bus, "AWS_XRAY_DAEMON_ADDRESS=" + s.traces.Address(),
	}, nil
}

// deploy puts a function under the Runtime API.
func (s *stack) deploy(name string, timeout time.Duration, concurrency int, env []string) (*lambda.Function, error) {
	var log io.Writer = s.o.stderr
	if !s.o.verbose {
		file, err := s.logFile(name + ".jsonl")
		if err != nil {
			return nil, err
		}
		log = file
	}
	f, err := lambda.Start(lambda.Options{
		Binary: filepath.Join(s.o.bin, name), Name: name, Env: env, Log: log,
		Timeout: timeout, MemoryMB: functionMemory, Concurrency: concurrency,
	})
	if err == nil {
		s.opened(f)
	}
	return f, err
}

// serve answers on a free port of 127.0.0.1, over TLS if there is a configuration.
func (s *stack) serve(h http.Handler, conf *tls.Config) (address string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return s.serveOn(ln, h, conf), nil
}

// serveOn answers on a listener, and returns its address.
func (s *stack) serveOn(ln net.Listener, h http.Handler, conf *tls.Config) string {
	server := &http.Server{Handler: h, TLSConfig: conf, ReadHeaderTimeout: time.Minute, ErrorLog: s.log}
	s.opened(server)
	go func() { // ends with server.Close
		if conf != nil {
			_ = server.ServeTLS(ln, "", "")
		} else {
			_ = server.Serve(ln)
		}
	}()
	return ln.Addr().String()
}

func (s *stack) opened(c io.Closer) { s.closers = append(s.closers, c) }

// close ends everything, the last started first. Nothing can be done about a
// part that does not close: the process ends next.
func (s *stack) close() {
	for _, c := range slices.Backward(s.closers) {
		_ = c.Close()
	}
	s.closers = nil
}

// deployment is a function that may not be deployed yet: invocations wait.
type deployment struct {
	ready    chan struct{}
	function *lambda.Function
}

func (d *deployment) Invoke(ctx context.Context, payload []byte) (lambda.Result, error) {
	select {
	case <-d.ready:
		return d.function.Invoke(ctx, payload)
	case <-ctx.Done():
		return lambda.Result{}, ctx.Err()
	}
}
