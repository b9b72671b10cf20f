package deliver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// progressEvery is how often a delivery writes down how far it came.
const progressEvery = time.Minute

// stampsAtOnce is how many findings have the same time stamp, as those of a
// millisecond have.
const stampsAtOnce = 16

// doubtWait is the wait before a batch in doubt is repeated (at-least-once).
const doubtWait = 2 * time.Second

var errStopped = errors.New("sending stopped")

// generation is one generation of a scan as this invocation sends it: decode,
// map, pack, post concurrently; then the commit, and what follows it.
type generation struct {
	d    *delivery
	s    *scan
	part *PartOutcome
	// mapOnly: everything was sent and committed before, so that the object is
	// mapped for the scan event only.
	mapOnly bool
	// announced: the scan event was accepted in this invocation.
	announced bool
	// before are the requests and bytes of earlier invocations, counter those of
	// this one.
	before  figures
	counter counter
	// post sends findings at the rate that was asked for, announce a
	// scan event at once.
	post, announce send
	batcher        *openpipeline.Batcher
	group          errgroup.Group
	index          int64      // of the next event
	sentBefore     doneRanges // by earlier invocations
	saved          time.Time  // when the progress was last written
	// stamped counts the findings since the clock was asked anew.
	stamped   int
	stampedAt time.Time

	mu          sync.Mutex
	done        doneRanges
	accepted    int64
	quarantined int64
	refusals    int // answers 400 while nothing was accepted
	// acceptedBefore is what was accepted when refusals began to be counted.
	acceptedBefore int64
	// follows: the events that follow the findings are sent, one request at a
	// time; doubts are how often one of these was repeated.
	follows bool
	doubts  int
	// quarantinedBefore are the findings in quarantine.
	quarantinedBefore int64
	duplicates        bool
	reason            reason
	err               error
	cancel            context.CancelFunc
}

func newGeneration(d *delivery, s *scan, part *PartOutcome, mapOnly bool) *generation {
	g := &generation{d: d, s: s, part: part, mapOnly: mapOnly, saved: d.o.Now()}
	g.before = figures{requests: s.Requests, bytes: s.Bytes}
	g.announce = counting(d.send, &g.counter)
	g.post = counting(d.paced(d.send, d.rate), &g.counter)
	for _, r := range s.Done {
		g.sentBefore.add(r[0], r[1])
		g.done.add(r[0], r[1])
	}
	g.quarantined = s.Quarantined
	g.accepted = g.done.count() - g.quarantined
	g.group.SetLimit(d.o.Settings.SendConcurrency)
	return g
}

// deliver is steps 4, 6 and 7. After doubt it asks to start over, if there are
// tries left and time.
func (g *generation) deliver(ctx context.Context, tries bool) disposition {
	res, err := g.stream(ctx)
	g.account()
	g.s.Mapped, g.s.Skipped, g.part.Rows = res.Mapped, res.Skipped, res.Rows
	var end disposition
	if err != nil {
		end = dispose(g.reason, err, tries && g.d.o.Now().Before(g.d.win.Soft))
	} else {
		end = g.finish(ctx, res, tries)
	}
	g.account()
	g.part.Sent.Add(g.counter.total())
	return end
}

// stream maps the object and sends every event that is not done (step 4). It
// returns when no request is in flight any more. Why it stopped is in g.reason,
// becauseError if the requests are not the reason.
func (g *generation) stream(ctx context.Context) (mapping.Result, error) {
	d := g.d
	ctx, g.cancel = context.WithDeadline(ctx, d.win.Hard)
	defer g.cancel()
	g.batcher = openpipeline.NewBatcher(d.batchBytes, d.buffers, func(b *openpipeline.Batch) error { return g.submit(ctx, b) })
	var res mapping.Result
	err := telemetry.Trace(ctx, "map", func(ctx context.Context) (err error) {
		if res, err = g.mapObject(ctx); err == nil {
			err = g.batcher.Flush()
		}
		return err
	})
	_ = g.group.Wait() // senders report to g
	if g.err != nil {
		return res, g.err
	}
	if g.mapOnly { // the commit point is passed only once every event is accounted for
		g.done.cover(g.index)
		g.accepted = g.done.count() - g.quarantined
	}
	return res, err
}

func (g *generation) mapObject(ctx context.Context) (mapping.Result, error) {
	in, done, err := g.d.input(ctx, g.s)
	if err != nil {
		return mapping.Result{}, err
	}
	defer func() { _ = done() }()
	in.Catalog = g.d.catalogs.get(ctx, in.Document.Catalog)
	in.Begin, in.Emit, in.Room, in.Now = g.batcher.Share, g.emit, g.batcher.Room, g.stamp
	return g.d.mapper.Map(in)
}

// stamp is the time that findings are given. It asks the clock once for a few of
// them, and anew after the wait for a sender.
func (g *generation) stamp() time.Time {
	if g.stamped%stampsAtOnce == 0 {
		g.stampedAt = g.d.o.Now()
	}
	g.stamped++
	return g.stampedAt
}

// emit takes what a finding has of its own.
func (g *generation) emit(own []byte) error {
	index := g.index
	g.index++
	if g.mapOnly || g.sentBefore.contains(index) {
		return nil
	}
	return g.batcher.Add(index, own)
}

// submit posts a batch as soon as one of the senders is free.
func (g *generation) submit(ctx context.Context, b *openpipeline.Batch) error {
	g.saveProgress(ctx)
	if g.stopped() || g.d.released {
		return errStopped
	}
	g.group.Go(func() error {
		defer g.d.buffers.Release(b)
		g.deliverBatch(ctx, b)
		return nil
	})
	g.stamped = 0
	return nil
}

// saveProgress writes how far the generation came, once a minute. A write that
// fails means that somebody else has taken over, or that this cannot be known:
// nothing more is sent. A crash before or behind it leaves the lease, and what
// it holds is abandoned: it only serves whoever looks at a delivery on its way,
// and shows a zombie that it is one.
func (g *generation) saveProgress(ctx context.Context) {
	now := g.d.o.Now()
	if now.Sub(g.saved) < progressEvery {
		return
	}
	g.saved = now
	g.account()
	// A doubt ends requests, but not this write: its outcome must be known.
	ctx, done := context.WithDeadline(context.WithoutCancel(ctx), g.d.win.Hard)
	defer done()
	if err := g.d.save(ctx); err != nil {
		g.fail(becauseUnsaved, err)
		g.cancel()
	}
}

func (g *generation) stopped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err != nil
}

// deliverBatch sends a batch, and does what its answer asks for. One over the
// limit that was learned meanwhile, or of more events than the pace allows at
// once, is halved unsent.
func (g *generation) deliverBatch(ctx context.Context, b *openpipeline.Batch) {
	if events := b.To - b.From; events > 1 && (b.Len() > g.batcher.Limit() || events > g.d.rate.most()) {
		g.halves(ctx, b)
		return
	}
	for !g.stopped() {
		r := g.post(ctx, b)
		if g.take(ctx, b, &r) {
			return
		}
		_ = g.d.o.Sleep(ctx, doubtWait) // when it ends early, so does the next request
	}
}

// take takes a result in. It reports whether the batch is dealt with: if not,
// the same batch goes out once more.
func (g *generation) take(ctx context.Context, b *openpipeline.Batch, r *openpipeline.Result) bool {
	switch r.Outcome {
	case openpipeline.Accepted:
		g.took(b)
		if g.follows {
			g.saveExtras(ctx)
		}
	case openpipeline.Refused:
		g.refused(ctx, b, r)
	case openpipeline.TooLarge:
		g.tooLarge(ctx, b, r)
	default:
		why := reasonOf(r)
		if why == becauseDoubt && g.repeats() {
			return false
		}
		g.fail(why, fmt.Errorf("send events %d to %d: %w", b.From, b.To-1, r.Err))
		if why == becauseDoubt {
			g.cancel() // the generation is lost (rule 09): its other requests need not end
		}
	}
	return true
}

// took takes in that a batch was accepted.
func (g *generation) took(b *openpipeline.Batch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accepted += b.To - b.From
	g.done.add(b.From, b.To)
}

// repeats reports whether a batch in doubt is sent once more, and keeps that it
// may come twice: what follows the findings is sent once more in any case, if not
// in this invocation then in another.
func (g *generation) repeats() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	again := g.d.o.Settings.Delivery == AtLeastOnce
	if g.follows { // their ids are the same, so that a query can count each once
		g.doubts++
		again = g.doubts <= maxStartOver
	}
	again = again && g.d.o.Now().Before(g.d.win.Soft)
	g.duplicates = g.duplicates || again || g.follows
	return again
}

// fail keeps the gravest reason.
func (g *generation) fail(why reason, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil || why > g.reason {
		g.reason, g.err = why, err
	}
}

// account writes into the scan what its generation has sent so far.
func (g *generation) account() {
	total := g.counter.total()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.s.sent(figures{
		done: g.done.ranges(), accepted: g.accepted, quarantined: g.quarantined, duplicatesPossible: g.duplicates,
		requests: g.before.requests + total.Requests, bytes: g.before.bytes + total.Bytes,
	})
	g.accountExtras()
}
