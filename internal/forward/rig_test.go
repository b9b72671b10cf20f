package forward_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

const token = "dt0c01.PUBLIC.PRIVATE"

// rig is a forwarder between a real S3 server and a simulated receiver.
type rig struct {
	t        *testing.T
	srv      *s3server.Server
	s3       *s3.Client
	bucket   string
	store    *store.Store
	receiver *receiver.Receiver
	server   *httptest.Server
	config   config.Forwarder
	metrics  bytes.Buffer
	clock    *clock
	dead     atomic.Bool // the process has died: it writes nothing more
	vault    *vault
	// intercept is asked before the receiver.
	mu        sync.Mutex
	intercept func(n int, w http.ResponseWriter, r *http.Request) bool
	requests  int
	bodies    []string
}

// mortal is S3 as seen by a process that may die.
type mortal struct {
	*s3.Client
	dead *atomic.Bool
}

func (m *mortal) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if m.dead.Load() {
		return nil, errors.New("the process is dead")
	}
	return m.Client.PutObject(ctx, in, o...)
}

// clock is real time moved ahead by waiting, so that back-off takes no time.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	return ctx.Err()
}

// waited is the sum of all waiting.
func (c *clock) waited() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

func newRig(t *testing.T, change func(*config.Forwarder)) *rig {
	t.Helper()
	return rigOn(t, startS3(t), "archive", change)
}

// startS3 starts an S3 server, for one rig or for many.
func startS3(t *testing.T) *s3server.Server {
	t.Helper()
	srv, err := s3server.Start(t.Context(), s3server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// rigOn makes a rig with a bucket of its own on an S3 server that others use, too.
func rigOn(t *testing.T, srv *s3server.Server, bucket string, change func(*config.Forwarder)) *rig {
	t.Helper()
	r := &rig{t: t, srv: srv, clock: &clock{}, vault: &vault{token: token}}
	var err error
	r.s3 = store.Client(aws.Config{
		BaseEndpoint: aws.String(srv.URL()), Region: srv.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey(), srv.SecretKey(), ""),
	}, true)
	r.use(bucket)
	r.receiver = receiver.New(receiver.Options{Token: token, Now: r.clock.Now})
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	r.config, err = config.LoadForwarder(func(name string) string {
		return map[string]string{"ARCHIVE_BUCKET": r.bucket, "OPENPIPELINE_URL": r.server.URL, "OPENPIPELINE_SECRET_ID": "s", "ALLOW_LOOPBACK": "true"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&r.config)
	}
	return r
}

func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	r.mu.Lock()
	n := r.requests
	r.requests++
	r.bodies = append(r.bodies, string(body))
	intercept := r.intercept
	r.mu.Unlock()
	if intercept == nil || !intercept(n, w, req) {
		r.receiver.Ingest(w, req)
	}
}

// forwarder makes a new one, as a new sandbox does.
func (r *rig) forwarder() *forward.Forwarder {
	return r.sandbox(r.store, r.server.Client().Transport)
}

// sandbox makes a forwarder that sees the world through a store and a transport.
func (r *rig) sandbox(store *store.Store, transport http.RoundTripper) *forward.Forwarder {
	u, err := url.Parse(r.config.URL.String())
	if err != nil {
		r.t.Fatal(err)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sender := openpipeline.New(openpipeline.Options{
		URL: u, Credentials: secret.NewCache(r.vault, "s", r.clock.Now), UserAgent: "test", Timeout: 20 * time.Second,
		HTTP: func(secret.Credential) (*http.Client, error) { return client, nil },
		Now:  r.clock.Now, Sleep: r.clock.Sleep, Jitter: func() float64 { return 1 },
	})
	return forward.New(forward.Options{
		Config: r.config, Archive: store, Sender: sender, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(&r.metrics, "forwarder", r.clock.Now),
		Now: r.clock.Now, Sleep: r.clock.Sleep, NewID: uuid.NewString,
		Check: func(_ context.Context, payload jsontext.Value) (any, error) { return "checked " + string(payload), nil },
	})
}

// vault is Secrets Manager with the one secret.
type vault struct {
	mu    sync.Mutex
	token string
}

func (v *vault) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(v.current())}, nil
}

func (v *vault) current() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.token
}

// rotate makes the token that is used an old one.
func (v *vault) rotate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token += "+"
}

// scan is a raw object to be.
type scan struct {
	system  string
	minute  int // of the run's start
	failing int // objects that fail CIS-1
	passing int // rules that pass
	result  string
}

func (s scan) key() string {
	return archive.RawKey(s.started(), s.run(), s.system, s.system)
}

func (s scan) started() time.Time { return night.Add(time.Duration(s.minute) * time.Minute) }

// night is the hour in which the runs of these tests begin: the last whole one,
// by the clock that a rig begins with. It lies within one day.
var night = time.Now().UTC().Add(-time.Hour).Truncate(time.Hour)

func (s scan) run() string { return s.started().Format("20060102T150405Z") + "-4f3a" }

func (s scan) body() string {
	if s.result != "" {
		return s.result
	}
	var issues []string
	if s.failing > 0 {
		var objects []string
		for i := range s.failing {
			objects = append(objects, fmt.Sprintf(`{"vcUid":%q,"moid":"host-%d","name":"esx%d","type":"HostSystem","resultValues":[{"description":"d","value":"%d"}]}`, s.system, i, i, i))
		}
		issues = append(issues, fmt.Sprintf(`{"id":"1","issueDisplayId":"CIS-1","severity":"Critical","type":"CIS","title":"T","status":"FAIL","affectedObjectsCount":%d,"affectedObjects":[%s]}`,
			s.failing, strings.Join(objects, ",")))
	}
	for i := range s.passing {
		issues = append(issues, fmt.Sprintf(`{"id":"p%d","issueDisplayId":"CIS-P%d","severity":"Low","type":"CIS","title":"P","status":"PASS","affectedObjectsCount":0}`, i, i))
	}
	return `{"issues":[` + strings.Join(issues, ",") + `]}`
}

// put archives a scan as the collector does.
func (r *rig) put(s scan) string { return r.putAs(s.key(), s) }

// use makes another bucket the archive.
func (r *rig) use(bucket string) {
	r.t.Helper()
	if err := r.srv.CreateBucket(r.t.Context(), bucket); err != nil {
		r.t.Fatal(err)
	}
	r.bucket, r.config.Bucket, r.store = bucket, bucket, store.New(&mortal{r.s3, &r.dead}, bucket)
}

func (r *rig) putAs(key string, s scan) string {
	r.t.Helper()
	_, err := r.store.PutRaw(r.t.Context(), key, func(w io.Writer) error {
		err := archive.Envelope{
			Run:    archive.EnvelopeRun{ID: s.run(), Trigger: "schedule", StartedAt: s.started()},
			System: archive.System{ID: s.system, Name: s.system + ".example", Type: "VCENTER"},
			Scan:   archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: s.started().Add(time.Minute).Format(time.RFC3339)},
		}.WriteHead(w)
		if err == nil {
			_, err = io.WriteString(w, s.body()+"}")
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.date(key)
	return key
}

// date lets S3 have stored an object just now, by the rig's clock.
func (r *rig) date(key string) {
	r.t.Helper()
	if err := r.srv.Date(r.bucket, key, r.clock.Now()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) deliver(key string) (deliver.Outcome, error) {
	return r.forwarder().Deliver(r.t.Context(), key)
}

// delivered expects a delivery to end in a state.
func (r *rig) delivered(key, state string) deliver.Outcome {
	r.t.Helper()
	out, err := r.deliver(key)
	if err != nil || out.State != state {
		r.t.Fatalf("delivery of %s: %q, %v, %s; want %q", key, out.State, err, out.Reason, state)
	}
	return out
}

func (r *rig) document(key string) archive.Delivery {
	r.t.Helper()
	d, err := r.store.Delivery(r.t.Context(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Value
}

// shown expects what the dashboard shows: rows and posture per system.
func (r *rig) shown(want ...string) {
	r.t.Helper()
	var got []string
	for _, s := range r.receiver.Tiles().Systems {
		got = append(got, fmt.Sprintf("%s failed=%d passed=%d posture=%d", s.ID, s.Rows.Failed, s.Rows.Passed, s.Posture()))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("the dashboard shows %q, want %q", got, want)
	}
	if st := r.receiver.Stats(); st.ShapeErrors > 0 || st.Stale > 0 {
		r.t.Errorf("%d shape errors %v, %d stale", st.ShapeErrors, st.Examples, st.Stale)
	}
}

func TestMain(m *testing.M) {
	if err := os.Unsetenv("AWS_CA_BUNDLE"); err != nil { // the machine's own settings are not the test's
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Bool("faults.full", false, "try every line of the fault table")
	flag.Uint64("chaos.seed", 0, "repeat the chaos of this seed; 0: a new one")
	flag.Int("chaos.rounds", 50, "rounds of chaos")
	flag.Int("chaos.round", 0, "begin with this round")
	os.Exit(m.Run())
}

// setting gives the value of one of the flags above.
func setting[T any](name string) T { return flag.Lookup(name).Value.(flag.Getter).Get().(T) }
