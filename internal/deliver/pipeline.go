package deliver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// sendOutcome is why a generation did not get through.
type sendOutcome int

const (
	sendNothing  sendOutcome = iota // sending was not the reason
	sendLater                       // refused for now, or no time left
	sendUnusable                    // the endpoint cannot be used
	sendDoubt                       // it cannot be known what was accepted
	sendLost                        // the delivery is not this invocation's any more
)

// progressEvery is how often a delivery writes down how far it came.
const progressEvery = time.Minute

// doubtWait is the wait before a batch in doubt is repeated (at-least-once).
const doubtWait = 2 * time.Second

var errStopped = errors.New("sending stopped")

// pipeline streams one generation: decode, map, pack, post concurrently.
type pipeline struct {
	d       *delivery
	t       *target
	dry     bool // map only: everything was sent before
	batcher *openpipeline.Batcher
	group   errgroup.Group
	next    int64 // index of the next event
	before  doneRanges

	saved time.Time // when the progress was last written
	// requests and bytes of this generation are these and what the delivery has sent.
	requests, bytes int64

	mu          sync.Mutex
	done        doneRanges
	accepted    int64
	quarantined int64
	refusals    int // answers 400 while nothing was accepted
	// hopeless: everything is refused, so what was quarantined is not to blame.
	hopeless   bool
	duplicates bool
	outcome    sendOutcome
	err        error
	cancel     context.CancelFunc
}

func newPipeline(d *delivery, t *target, dry bool) *pipeline {
	p := &pipeline{d: d, t: t, dry: dry, saved: d.f.o.Now()}
	requests, bytes := d.sent.totals()
	p.requests, p.bytes = t.scan.Requests-requests, t.scan.Bytes-bytes
	for _, r := range t.scan.Done {
		p.before.add(r[0], r[1])
		p.done.add(r[0], r[1])
	}
	p.quarantined = t.scan.Quarantined
	p.accepted = p.done.count() - p.quarantined
	p.group.SetLimit(d.f.o.Config.SendConcurrency)
	return p
}

// run maps the object and sends every event that is not done. It returns when
// no request is in flight any more.
func (p *pipeline) run(ctx context.Context) (mapping.Result, error) {
	d := p.d
	ctx, p.cancel = context.WithDeadline(ctx, d.win.Hard)
	defer p.cancel()
	p.batcher = openpipeline.NewBatcher(d.batchBytes, d.f.buffers, func(b *openpipeline.Batch) error { return p.submit(ctx, b) })
	var res mapping.Result
	err := telemetry.Trace(ctx, "map", func(ctx context.Context) (err error) {
		if res, err = p.mapObject(ctx); err == nil {
			err = p.batcher.Flush()
		}
		return err
	})
	_ = p.group.Wait() // senders report to p
	if p.err != nil {
		return res, p.err
	}
	if p.dry { // the commit point is passed only once every event is accounted for
		p.accepted = p.next - p.quarantined
	}
	return res, err
}

func (p *pipeline) mapObject(ctx context.Context) (mapping.Result, error) {
	doc, done, err := p.t.Open(p.d.source(ctx))
	if err != nil {
		return mapping.Result{}, err
	}
	defer func() { _ = done() }() // reading is over
	f := p.d.f
	return f.mapper.Map(mapping.Input{
		Document: doc, Catalog: f.catalog(ctx, doc.Catalog), ScanID: p.t.scan.ScanID, Now: f.o.Now, Emit: p.emit,
		Reopen: func() (*mapping.Document, func() error, error) { return p.t.Open(p.d.source(ctx)) },
	})
}

func (p *pipeline) emit(event []byte) error {
	index := p.next
	p.next++
	if p.dry || p.before.contains(index) {
		return nil
	}
	return p.batcher.Add(index, event)
}

// submit posts a batch as soon as one of the senders is free.
func (p *pipeline) submit(ctx context.Context, b *openpipeline.Batch) error {
	p.progress(ctx)
	if err := p.d.pace(ctx, b.To-b.From); err != nil {
		_ = p.group.Wait() // what is on its way has its time, or a slow pace would never get on
		p.fail(sendLater, err)
	}
	if p.stopped() || p.d.ended {
		return errStopped
	}
	p.group.Go(func() error {
		defer p.d.f.buffers.Release(b)
		p.post(ctx, b)
		return nil
	})
	return nil
}

// progress writes how far the generation came, once a minute, for those who ask
// for the status: after a crash a new generation begins anyway. A write that
// fails means that somebody else has taken over, or that this cannot be told:
// nothing more is sent.
func (p *pipeline) progress(ctx context.Context) {
	now := p.d.f.o.Now()
	if now.Sub(p.saved) < progressEvery || p.d.rehearsal {
		return
	}
	p.saved = now
	p.account()
	if err := p.d.save(ctx); err != nil {
		p.fail(sendLost, notSavedError{err})
		p.cancel()
	}
}

func (p *pipeline) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

// post sends a batch, and does what its answer asks for. One over the limit
// that was learned meanwhile is halved unsent.
func (p *pipeline) post(ctx context.Context, b *openpipeline.Batch) {
	if b.To-b.From > 1 && len(b.Body) > p.batcher.Limit() {
		p.halves(ctx, b)
		return
	}
	for !p.stopped() {
		if p.record(ctx, b, p.d.send(ctx, b.Body)) {
			return
		}
		_ = p.d.f.o.Sleep(ctx, doubtWait) // its end ends the next request, too
	}
}

// record takes a result in; false: the same batch goes out once more.
func (p *pipeline) record(ctx context.Context, b *openpipeline.Batch, r openpipeline.Result) bool {
	if r.Outcome == openpipeline.Accepted {
		p.mu.Lock()
		p.accepted += b.To - b.From
		p.done.add(b.From, b.To)
		p.mu.Unlock()
	}
	err := fmt.Errorf("send events %d to %d: %w", b.From, b.To-1, r.Err)
	switch r.Outcome {
	case openpipeline.Accepted:
	case openpipeline.Doubt:
		if p.d.f.o.Config.Delivery == "at-least-once" && p.d.f.o.Now().Before(p.d.win.Soft) {
			p.mu.Lock()
			p.duplicates = true
			p.mu.Unlock()
			return false
		}
		p.fail(sendDoubt, err) // rules 08 and 09
		p.cancel()             // the generation is lost: its other requests need not end
	case openpipeline.Busy:
		p.fail(sendLater, err)
	case openpipeline.Unusable:
		p.fail(sendUnusable, err)
	case openpipeline.TooLarge:
		p.tooLarge(ctx, b, r)
	default:
		p.refused(ctx, b, r)
	}
	return true
}

// fail keeps the gravest reason: doubt outranks all others.
func (p *pipeline) fail(o sendOutcome, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil || o > p.outcome {
		p.outcome, p.err = o, err
	}
}

// account writes into the scan what its generation has sent so far.
func (p *pipeline) account() {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.t.scan
	v.Done, v.Accepted, v.Quarantined = p.done.ranges(), p.accepted, p.quarantined
	requests, bytes := p.d.sent.totals()
	v.Requests, v.Bytes = p.requests+requests, p.bytes+bytes
	v.DuplicatesPossible = v.DuplicatesPossible || p.duplicates
}

// conserved tells whether every event mapped is accounted for.
func conserved(s *archive.Scan) bool { return s.Mapped == s.Accepted+s.Quarantined+s.Skipped }

func notConserved(s *archive.Scan) error {
	return &fault.Error{Class: fault.Reject,
		What: fmt.Sprintf("events are not conserved: %d mapped, but %d accepted + %d quarantined + %d skipped", s.Mapped, s.Accepted, s.Quarantined, s.Skipped),
		Cure: "report this with the function's log; the scan was not committed"}
}
