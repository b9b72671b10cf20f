// Package trigger is the way from the bucket to the forwarder: it takes the S3
// server's webhook and calls the function as AWS does, straight from S3
// (asynchronous invocation) or through an SQS queue. It promises that the
// function sees exactly the documents and the repetitions that it would see in
// AWS; only the waits between tries are shorter.
package trigger

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	"runecast-ingest/internal/simulate/lambda"
)

// maxBody bounds a webhook's body in bytes; an event has about 1 kB.
const maxBody = 1 << 20

// Invoker is the function that is triggered.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) (lambda.Result, error)
}

// Options describe a bucket's notification.
type Options struct {
	// Function is the function to call.
	Function Invoker
	// Mode is Direct or Queue.
	Mode Mode
	// Bucket, and Prefix of a key, say which objects trigger.
	Bucket, Prefix string
	// Region is the region named in events.
	Region string
	// Size returns an object's size in bytes; 0: unknown.
	Size func(key string) int64
	// Log receives a line for each failed try, and for each message that is no event.
	Log *log.Logger
}

// Mode is a way of calling the function: which document it gets, when a call
// counts as done, and how often it is tried.
type Mode interface {
	// takes reports whether this kind of target gets the notification at all.
	takes(n Notification) bool
	// payload is the document for try 1, 2, …
	payload(n Notification, try int) ([]byte, error)
	// done returns nil if the notification is dealt with.
	done(r lambda.Result) error
	// wait returns the pause after try 1, 2, …; false means no more tries.
	wait(try int) (time.Duration, bool)
}

// Trigger calls the function for each object created. It is an http.Handler
// for the S3 server's webhook; safe for concurrent use.
type Trigger struct {
	o       Options
	begin   func(Notification) // tries until the notification is dealt with, given up, or stop is called
	stop    context.CancelFunc
	working sync.WaitGroup

	mu     sync.Mutex
	closed bool
	status Status
}

// Status is how far the notifications are.
type Status struct {
	// Received counts all notifications, Open those neither dealt with nor given up.
	Received, Open int
	// Changed is when a notification was last received, dealt with or given up; at
	// first when the trigger was made.
	Changed time.Time
	// Dead are the notifications that were given up: the dead letters.
	Dead []Dead
}

// Dead is a notification that was given up.
type Dead struct {
	Key string // the object's; "" for a test event
	Err error  // of the last try
}

// New makes a trigger; it works until Close.
func New(o Options) *Trigger {
	ctx, stop := context.WithCancel(context.Background())
	t := &Trigger{o: o, stop: stop, status: Status{Changed: time.Now()}}
	t.begin = func(n Notification) { t.settle(n, t.deliver(ctx, n)) }
	return t
}

// ServeHTTP takes a message of the S3 server, at most 1 MiB, and answers before
// the function is called: 200, or 400 if the message is no event.
func (t *Trigger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	events, err := t.translate(body)
	if err != nil {
		t.o.Log.Print(err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, n := range events {
		t.Notify(n)
	}
}

// Notify delivers a notification in the background. It does nothing after Close.
func (t *Trigger) Notify(n Notification) {
	if !t.o.Mode.takes(n) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.status.Received++
	t.status.Open++
	t.status.Changed = time.Now()
	t.working.Go(func() { t.begin(n) })
}

// deliver tries until the notification is dealt with (nil), or given up or stopped
// (the error of the last try).
func (t *Trigger) deliver(ctx context.Context, n Notification) error {
	for try := 1; ; try++ {
		err := t.try(ctx, n, try)
		if err == nil || ctx.Err() != nil {
			return err
		}
		t.o.Log.Printf("try %d for %s: %v", try, n.Key, err)
		pause, again := t.o.Mode.wait(try)
		if !again {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

func (t *Trigger) try(ctx context.Context, n Notification, try int) error {
	payload, err := t.o.Mode.payload(n, try)
	if err != nil {
		return err
	}
	r, err := t.o.Function.Invoke(ctx, payload)
	if err != nil {
		return err
	}
	return t.o.Mode.done(r)
}

// settle counts a notification as dealt with, or with an error as given up.
func (t *Trigger) settle(n Notification, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Open--
	t.status.Changed = time.Now()
	if err != nil {
		t.status.Dead = append(t.status.Dead, Dead{n.Key, err})
	}
}

// Status returns how far the notifications are.
func (t *Trigger) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Dead = append([]Dead(nil), s.Dead...)
	return s
}

// Close stops all tries, and returns when none is under way; invocations that have
// begun go on in the function. It never fails.
func (t *Trigger) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.working.Wait()
	return nil
}
