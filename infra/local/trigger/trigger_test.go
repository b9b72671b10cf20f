package trigger

import (
	"context"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/lambda"
	"runecast-ingest/internal/simulate/s3server"
)

// fake is a function whose first answers are scripted; then it succeeds.
type fake struct {
	mu      sync.Mutex
	answers []lambda.Result
	calls   []string
	times   []time.Time
	came    chan struct{} // gets a value at each call, if set
}

func (f *fake) Invoke(_ context.Context, payload []byte) (lambda.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, string(payload))
	f.times = append(f.times, time.Now())
	select {
	case f.came <- struct{}{}:
	default: // a value that was not received yet stands for both calls
	}
	if len(f.answers) == 0 {
		return lambda.Result{}, nil
	}
	r := f.answers[0]
	f.answers = f.answers[1:]
	return r, nil
}

// seen returns the payloads and when they came.
func (f *fake) seen() ([]string, []time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls), slices.Clone(f.times)
}

func failed(message string) lambda.Result {
	return lambda.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"T","errorMessage":"` + message + `"}`)}
}

func answered(payload string) lambda.Result { return lambda.Result{Payload: []byte(payload)} }

func quiet() *log.Logger { return log.New(new(strings.Builder), "", 0) }

func trigger(f Invoker, m Mode) *Trigger {
	return New(Options{
		Function: f, Mode: m, Bucket: "bucket", Prefix: "raw/", Region: "eu-central-1",
		Size: func(string) int64 { return 0 }, Log: quiet(),
	})
}

// post returns the S3 server's message to the trigger.
func post(t *testing.T, h http.Handler, body string) int {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	return w.Code
}

const served = `{"Records":[{"eventVersion":"2.2","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-11-22T17:50:42+01:00",
 "eventName":"s3:ObjectCreated:CompleteMultipartUpload","userIdentity":{"PrincipalId":"a"},"responseElements":{"x-amz-request-id":"","x-amz-id-2":""},
 "s3":{"s3SchemaVersion":"1.0","configurationId":"webhook-global","bucket":{"name":"bucket","ownerIdentity":{"PrincipalId":"a"},
 "arn":"arn:aws:s3:::/bucket/raw/a b.json"},"object":{"key":"raw/a b.json","size":0,"eTag":"\"5452e5568d20a60209babc69a7b95911-3\"","versionId":"","sequencer":"26"}},
 "glacierEventData":{"restoreEventData":{}}}]}`

func TestTranslateGivesTheShapeOfAWS(t *testing.T) {
	t.Parallel()
	tr := trigger(nil, Direct())
	tr.o.Size = func(key string) int64 {
		if key != "raw/a b.json" {
			t.Errorf("size of %q", key)
		}
		return 20 << 20
	}
	ns, err := tr.translate([]byte(served))
	if err != nil || len(ns) != 1 || ns[0].Key != "raw/a b.json" {
		t.Fatalf("%+v %v", ns, err)
	}
	random := regexp.MustCompile(`"x-amz-(request-id|id-2)":"[A-Z2-7]+"`)
	got := random.ReplaceAllString(string(ns[0].Body), `"x-amz-$1":"R"`)
	const want = `{"Records":[{"eventVersion":"2.6","eventSource":"aws:s3","awsRegion":"eu-central-1","eventTime":"2026-11-22T16:50:42.000Z",` +
		`"eventName":"ObjectCreated:CompleteMultipartUpload","userIdentity":{"principalId":"AWS:AROALOCALSTACKROLE001:collector"},` +
		`"requestParameters":{"sourceIPAddress":"127.0.0.1"},"responseElements":{"x-amz-id-2":"R","x-amz-request-id":"R"},` +
		`"s3":{"s3SchemaVersion":"1.0","configurationId":"raw","bucket":{"name":"bucket","ownerIdentity":{"principalId":"A3NL1KOZZKEXAMPLE"},` +
		`"arn":"arn:aws:s3:::bucket"},"object":{"key":"raw/a+b.json","size":20971520,"eTag":"5452e5568d20a60209babc69a7b95911-3","sequencer":"00000000000000001A"}}}]}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOnlyCreatedObjectsUnderThePrefixTrigger(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     int
	}{
		"as it is":       {"", "", 1},
		"other prefix":   {"raw/a b.json", "delivery/raw/a.json", 0},
		"foreign bucket": {`"name":"bucket"`, `"name":"bin"`, 0},
		"deleted":        {"s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectRemoved:Delete", 0},
		"no record":      {served, `{"Records":[]}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, err := trigger(nil, Direct()).translate([]byte(strings.ReplaceAll(served, c.old, c.new)))
			if err != nil || len(ns) != c.want {
				t.Errorf("%d notifications, %v; want %d", len(ns), err, c.want)
			}
		})
	}
}

var oddKeys = []string{
	"raw/v1/dt=2026-11-22/run=20261122T020000Z-4f3a/vc1.example-2ebce7c4.json.gz",
	"raw/a b+c.json", "raw/100%.json", "raw/x%41y=z&w.json", "raw/ü€😀.json", "raw/q?r#s.json", "raw/~*!'().json",
}

func TestKeysAreEncodedSoThatLambdaDecodesThem(t *testing.T) {
	t.Parallel()
	for _, key := range oddKeys {
		encoded := encodeKey(key)
		if got, err := url.QueryUnescape(encoded); got != key || err != nil {
			t.Errorf("%q became %q", key, encoded)
		}
		if strings.Count(encoded, "/") != strings.Count(key, "/") || strings.ContainsAny(encoded, " =&?#") {
			t.Errorf("%q is not AWS's encoding of %q", encoded, key)
		}
	}
}

// A real S3 server, a real webhook, and the types that the function decodes with.
func TestEventsOfTheRealServer(t *testing.T) {
	t.Parallel()
	f := &fake{came: make(chan struct{}, 1)}
	tr := trigger(f, Direct())
	defer func() { _ = tr.Close() }()
	hook := httptest.NewServer(tr)
	defer hook.Close()
	ctx := t.Context()
	server, err := s3server.Start(ctx, s3server.Options{Dir: t.TempDir(), WebhookURL: hook.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	if err := server.CreateBucket(ctx, "bucket"); err != nil {
		t.Fatal(err)
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(server.URL()), Region: server.Region(), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey(), server.SecretKey(), ""),
	})
	for _, key := range append([]string{"delivery/not-this-one.json"}, oddKeys...) {
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("{}")}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	seen := map[string]bool{}
	for late := time.After(30 * time.Second); len(seen) < len(oddKeys); {
		select {
		case <-f.came: // the server sends events when it likes
		case <-late:
			t.Fatalf("got only %v", seen)
		}
		calls, _ := f.seen()
		for _, call := range calls {
			var e events.S3Event
			if err := json.Unmarshal([]byte(call), &e); err != nil {
				t.Fatalf("%v in %s", err, call)
			}
			o := e.Records[0].S3.Object
			seen[o.URLDecodedKey] = true
			if o.Size != 2 || strings.Contains(o.ETag, `"`) {
				t.Fatalf("object %+v", o)
			}
		}
	}
	for _, key := range oddKeys {
		if !seen[key] {
			t.Errorf("no event for %q", key)
		}
	}
}

func TestATestEventGoesToQueuesOnly(t *testing.T) {
	t.Parallel()
	const test = `{"Bucket":"Test-Bucket","Event":"s3:TestEvent","Service":"S3","Time":"2026-11-22T16:50:40Z"}`
	for name, c := range map[string]struct {
		mode Mode
		want int
	}{"direct": {Direct(), 0}, "queue": {Queue("eu-central-1"), 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				tr := trigger(f, c.mode)
				defer func() { _ = tr.Close() }()
				if code := post(t, tr, test); code != http.StatusOK {
					t.Fatalf("status %d", code)
				}
				synctest.Wait()
				calls, _ := f.seen()
				if len(calls) != c.want {
					t.Fatalf("%d calls, want %d", len(calls), c.want)
				}
				if c.want == 0 {
					return
				}
				body := message(t, calls[0]).Body
				var e map[string]string
				if err := json.Unmarshal([]byte(body), &e); err != nil || e["Event"] != "s3:TestEvent" || e["Service"] != "Amazon S3" || e["Bucket"] != "bucket" {
					t.Errorf("test event %s %v", body, err)
				}
			})
		})
	}
}

func message(t *testing.T, payload string) events.SQSMessage {
	t.Helper()
	var e events.SQSEvent
	if err := json.Unmarshal([]byte(payload), &e); err != nil || len(e.Records) != 1 {
		t.Fatalf("%v in %s", err, payload)
	}
	return e.Records[0]
}

func TestTries(t *testing.T) {
	t.Parallel()
	refused := `{"batchItemFailures":[{"itemIdentifier":"x"}]}`
	many := func(n int, r lambda.Result) []lambda.Result {
		var rs []lambda.Result
		for range n {
			rs = append(rs, r)
		}
		return rs
	}
	queue := Queue("eu-central-1")
	for name, c := range map[string]struct {
		mode    Mode
		answers []lambda.Result
		calls   int
		pauses  []time.Duration
		dead    string
	}{
		"direct, success":             {mode: Direct(), calls: 1},
		"direct, any answer is good":  {mode: Direct(), answers: many(1, answered(`{"objects":1,"failed":1}`)), calls: 1},
		"direct, second try":          {mode: Direct(), answers: many(1, failed("down")), calls: 2, pauses: []time.Duration{time.Second}},
		"direct, given up":            {mode: Direct(), answers: many(9, failed("down")), calls: 3, pauses: []time.Duration{time.Second, 2 * time.Second}, dead: "down"},
		"queue, empty list":           {mode: queue, answers: many(1, answered(`{"batchItemFailures":[]}`)), calls: 1},
		"queue, null":                 {mode: queue, answers: many(1, answered(`null`)), calls: 1},
		"queue, empty string":         {mode: queue, answers: many(1, answered(`""`)), calls: 1},
		"queue, message failed":       {mode: queue, answers: many(2, answered(refused)), calls: 3, pauses: seconds(2)},
		"queue, function error":       {mode: queue, answers: many(1, failed("down")), calls: 2, pauses: seconds(1)},
		"queue, malformed answer":     {mode: queue, answers: many(1, answered(`{"batchItemFailures":7}`)), calls: 2, pauses: seconds(1)},
		"queue, dead letter after 8 ": {mode: queue, answers: many(99, answered(refused)), calls: 8, pauses: seconds(7), dead: "batch item failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answers: c.answers}
				tr := trigger(f, c.mode)
				defer func() { _ = tr.Close() }()
				if code := post(t, tr, served); code != http.StatusOK {
					t.Fatalf("status %d", code)
				}
				pass(time.Minute)
				calls, times := f.seen()
				var pauses []time.Duration
				for i := 1; i < len(times); i++ {
					pauses = append(pauses, times[i].Sub(times[i-1]))
				}
				if d := cmp.Diff(c.pauses, pauses); len(calls) != c.calls || d != "" {
					t.Errorf("%d calls, want %d; pauses %s", len(calls), c.calls, d)
				}
				s := tr.Status()
				if s.Received != 1 || s.Open != 0 || (c.dead == "") != (len(s.Dead) == 0) {
					t.Fatalf("status %+v", s)
				}
				if c.dead != "" && (s.Dead[0].Key != "raw/a b.json" || !strings.Contains(s.Dead[0].Err.Error(), c.dead)) {
					t.Errorf("dead letter %+v", s.Dead[0])
				}
			})
		})
	}
}

// pass lets time pass on the fake clock of a synctest bubble, after all goroutines of
// the bubble have blocked. Outside of a bubble it panics.
func pass(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
}

func seconds(n int) []time.Duration {
	var d []time.Duration
	for range n {
		d = append(d, time.Second)
	}
	return d
}

func TestAMessageKeepsItsIDOverAllReceives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: []lambda.Result{failed("x")}}
		tr := trigger(f, Queue("eu-west-1"))
		defer func() { _ = tr.Close() }()
		post(t, tr, served)
		pass(time.Minute)
		calls, _ := f.seen()
		first, second := message(t, calls[0]), message(t, calls[1])
		if first.MessageId != second.MessageId || first.Body != second.Body || first.ReceiptHandle == second.ReceiptHandle {
			t.Errorf("first %+v\nsecond %+v", first, second)
		}
		if first.Attributes["ApproximateReceiveCount"] != "1" || second.Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("receive counts %v %v", first.Attributes, second.Attributes)
		}
		if first.EventSource != "aws:sqs" || first.EventSourceARN != "arn:aws:sqs:eu-west-1:123456789012:raw" || first.AWSRegion != "eu-west-1" {
			t.Errorf("source %+v", first)
		}
	})
}

func TestCloseStopsTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: []lambda.Result{failed("x"), failed("x")}}
		tr := trigger(f, Direct())
		post(t, tr, served)
		synctest.Wait()
		_ = tr.Close()
		post(t, tr, served)
		pass(time.Minute)
		if calls, _ := f.seen(); len(calls) != 1 {
			t.Errorf("%d calls", len(calls))
		}
	})
}

func TestAnInvocationThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := trigger(refusing{}, Direct())
		defer func() { _ = tr.Close() }()
		post(t, tr, served)
		pass(time.Minute)
		if s := tr.Status(); len(s.Dead) != 1 || s.Dead[0].Err.Error() != "no process" {
			t.Errorf("status %+v", s)
		}
	})
}

type refusing struct{}

func (refusing) Invoke(context.Context, []byte) (lambda.Result, error) {
	return lambda.Result{}, errors.New("no process")
}

func TestNoEventIsRefused(t *testing.T) {
	t.Parallel()
	tr := trigger(&fake{}, Direct())
	for _, body := range []string{"", "[]", "<html>", `{"Records":[{"s3":"x"}]}`, strings.Repeat(" ", maxBody+1)} {
		if code := post(t, tr, body); code != http.StatusBadRequest {
			t.Errorf("%.20q gave %d", body, code)
		}
	}
	if s := tr.Status(); s.Received != 0 {
		t.Errorf("status %+v", s)
	}
}
