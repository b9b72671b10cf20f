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

// stack is everything that runs: the functions and all services that they use.
type stack struct {
	o         options
	log       *log.Logger // of the trigger and the HTTP servers
	bucket    bucket
	appliance *appliance.Appliance
	receiver  *receiver.Receiver
	decoded   atomic.Int64 // events that the receiver has handed to missedByReaders
	traces    *tracing.Sink
	bus       eventbridge.Bus
	authority *pki.Authority // signs the certificates of all servers with TLS
	proxy     *proxy.Proxy   // between the functions and all services but X-Ray; nil: there is none
	trigger   *trigger.Trigger
	collector *lambda.Function
	forwarder *lambda.Function
	closers   []io.Closer // in the order of starting
}

// startStack starts everything. On an error it stops what it has started.
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

// folders makes the output folders, locks them, and opens the stack's own log. It
// removes the last run's report and, unless -keep is set, its archive. out is
// the absolute path of the output folder.
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

// lock keeps a second stack from removing the archive of the first. The system
// releases the lock when the process ends, even when it crashes.
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

// Close unlocks the file before it closes it: a child process that is just being
// started may still hold a copy of the open file, and with it the lock.
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

// endpoints starts the appliance, Dynatrace's ingest and Secrets Manager, and
// returns the settings by which each function reaches them. The appliance and the
// ingest speak TLS with certificates of the stack's own authority.
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

// The first inspectAll events are all checked against their readers; of the later
// ones only every inspectEvery-th, because a check decodes the event into a map,
// which would make large runs slow.
const (
	inspectAll   = 2_000
	inspectEvery = 50
)

// missedByReaders returns what the readers of an event would miss; nil if the
// event is not checked.
func (s *stack) missedByReaders(event []byte) []string {
	if n := s.decoded.Add(1); n > inspectAll && n%inspectEvery != 0 {
		return nil
	}
	return readers.Faults(event, readers.Expect{Texts: true})
}

// pollInterval returns the collector's POLL_INTERVAL: a fiftieth of an analysis,
// but at least 1 s and at most 30 s. It follows the length of an analysis because
// the collector counts in poll intervals how long results must stay the same
// before it takes them for complete.
func (o options) pollInterval() time.Duration {
	return min(max(time.Second, o.appliance.ScanTime/50), 30*time.Second)
}

// calm is a number of poll intervals: the 20 of package collect, for which the
// results of a first analysis must stay the same, and some for the polls themselves.
const calm = 25

// scanTimeout returns the collector's SCAN_TIMEOUT. It is long enough for every
// analysis that ends, since all systems are analysed at the same time. It is not
// longer, so that a run does not wait long for an analysis that never ends.
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

// deploy starts a function under the Runtime API. Its log goes to a file, or to
// the terminal if -v is set.
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

// serve serves h on a free port of 127.0.0.1, over TLS unless conf is nil, and
// returns its address, host:port.
func (s *stack) serve(h http.Handler, conf *tls.Config) (address string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return s.serveOn(ln, h, conf), nil
}

// serveOn serves h on a listener, over TLS unless conf is nil, and returns the
// listener's address, host:port.
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

// opened notes a part that close has to close.
func (s *stack) opened(c io.Closer) { s.closers = append(s.closers, c) }

// close ends everything, the last started first. It ignores errors of the parts,
// since the process ends next.
func (s *stack) close() {
	for _, c := range slices.Backward(s.closers) {
		_ = c.Close()
	}
	s.closers = nil
}

// deployment is a function that may not be deployed yet. Invocations wait until
// ready is closed.
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
