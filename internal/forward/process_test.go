package forward_test

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/store"
)

// fate says how an invocation is disturbed.
type fate int

const (
	lives      fate = iota
	diesBefore      // a write or request, which does not go out
	diesAfter       // a write or request, whose answer it does not see
	freezes         // before a write or request, until it is thawed
	fates
)

var errDead = errors.New("the process is dead")

// process is one invocation in a sandbox of its own. Its writes to S3 and its requests to
// the receiver are counted: at one of them it crashes or freezes.
type process struct {
	fate fate
	at   int
	end  context.CancelFunc

	mu     sync.Mutex
	passed int
	dead   bool
	frozen chan struct{} // closed once it stands still
	thaw   chan struct{} // closed to let it go on
	done   chan struct{} // closed at its end
}

// start invokes a forwarder, and returns when the invocation has ended or is frozen.
func (r *rig) start(n *network, payload string, f fate, at int) *process {
	ctx, cancel := context.WithCancel(r.T.Context())
	p := &process{fate: f, at: at, end: cancel, frozen: make(chan struct{}), thaw: make(chan struct{}), done: make(chan struct{})}
	forwarder := r.sandbox(store.New(&writes{r.S3, p}, r.Bucket), &posts{n, p})
	go func() {
		defer close(p.done)
		defer cancel()
		_, _ = forwarder.Handle(ctx, jsontext.Value(payload)) // how it ends shows in the archive
	}()
	select {
	case <-p.done:
	case <-p.frozen:
	}
	return p
}

// struck reports whether the process has crashed or was frozen.
func (p *process) struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fate != lives && p.passed >= p.at
}

// resume lets a frozen process go on to its end.
func (p *process) resume() {
	close(p.thaw)
	<-p.done
}

// pass lets a write or a request through, unless the process is dead.
func (p *process) pass(do func() error) error {
	p.mu.Lock()
	p.passed++
	here := p.passed == p.at
	p.dead = p.dead || here && p.fate == diesBefore
	if here && p.fate == freezes {
		close(p.frozen)
	}
	p.mu.Unlock()
	select {
	case <-p.frozen:
		<-p.thaw
	default:
	}
	if p.isDead() {
		return errDead
	}
	err := do()
	if here && p.fate == diesAfter {
		p.mu.Lock()
		p.dead = true
		p.mu.Unlock()
	}
	if p.isDead() {
		return errDead
	}
	return err
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		p.end()
	}
	return p.dead
}

// writes is S3 as a process sees it.
type writes struct {
	*s3.Client
	p *process
}

func (w *writes) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	var out *s3.PutObjectOutput
	err := w.p.pass(func() (err error) {
		out, err = w.Client.PutObject(ctx, in, o...)
		return err
	})
	return out, err
}

// posts is the network as a process sees it.
type posts struct {
	n *network
	p *process
}

func (s *posts) RoundTrip(req *http.Request) (*http.Response, error) {
	var res *http.Response
	err := s.p.pass(func() (err error) {
		res, err = s.n.RoundTrip(req)
		return err
	})
	if err != nil {
		_ = req.Body.Close() // a transport closes every body
		if res != nil {
			_ = res.Body.Close()
		}
		return nil, err
	}
	return res, nil
}
