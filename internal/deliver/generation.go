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

// stampsAtOnce is how many findings get the same time from one look at the clock.
const stampsAtOnce = 16

// doubtWait is the wait before a batch in doubt is repeated (at-least-once).
const doubtWait = 2 * time.Second

var errStopped = errors.New("sending stopped")

// generation is one generation of a scan as this invocation sends it: it decodes,
// maps and packs the findings and posts batches concurrently, then commits, and sends
// the scan event and the extras.
type generation struct {
	d    *delivery
	s    *scan
	part *PartOutcome
	// mapOnly: all findings were sent before and the commit point has passed, so the
	// object is mapped only for the figures of the scan event.
	mapOnly bool
	// announced: the scan event was accepted in this invocation.
	announced bool
	// before are the requests and bytes of earlier invocations, counter those of
	// this invocation.
	before  figures
	counter counter
	// post sends findings and extras at the replay's pace, announce sends the scan event
	// without a pause.
	post, announce send
	batcher        *openpipeline.Batcher
	group          errgroup.Group
	index          int64      // of the next event
	sentBefore     doneRanges // the events that are done and not sent again
	saved          time.Time  // when the progress was last written
	// stamped counts the findings since the clock was last read.
	stamped   int
	stampedAt time.Time

	mu          sync.Mutex
	done        doneRanges
	accepted    int64
	quarantined int64
	refusals    int // refused requests while accepted was acceptedBefore
	// acceptedBefore is the value of accepted when refusals began to be counted.
	acceptedBefore int64
	// sendingExtras: the extras are sent now, one request at a time. doubts counts their
	// requests in doubt.
	sendingExtras bool
	doubts        int
	// quarantinedBefore is the number of findings in quarantine.
	quarantinedBefore int64
	duplicates        bool // a request may have been accepted twice
	// reason and err say why the requests stopped; err is nil while they go on.
	reason reason
	err    error
	cancel context.CancelFunc
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

// deliver does steps 4, 6 and 7. After doubt the disposition asks to start over, if
// tries is true and there is time.
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

// stream maps the object and sends every finding that is not done (step 4). It
// returns when no request is in flight any more. After an error g.reason says why it
// stopped; it is becauseError if the mapping failed and no request did.
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
	if g.mapOnly { // the commit point is passed only once every finding is done
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

// stamp returns the timestamp of the next finding. It reads the clock once for
// stampsAtOnce findings, and again after submit has waited for a sender.
func (g *generation) stamp() time.Time {
	if g.stamped%stampsAtOnce == 0 {
		g.stampedAt = g.d.o.Now()
	}
	g.stamped++
	return g.stampedAt
}

// emit packs the next finding, unless it is done. own is the part of the finding's JSON
// that it does not share with the other findings of its rule.
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

// saveProgress writes how far the generation came, once a minute. People see by it how
// a delivery goes on, and an invocation that lost its lease learns it by the refused
// write. If the write fails, nothing more is sent: another invocation has taken over, or
// may have. A crash before or after the write leaves the lease: once that has run out,
// the next sweep begins another generation.
func (g *generation) saveProgress(ctx context.Context) {
	now := g.d.o.Now()
	if now.Sub(g.saved) < progressEvery {
		return
	}
	g.saved = now
	g.account()
	// Doubt cancels the requests, but not this write: its outcome must be known.
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

// deliverBatch sends a batch, and does what the answer asks for. A batch over the size
// limit learned from a 413, or of more events than the pace allows in one request, is
// halved before it is sent.
func (g *generation) deliverBatch(ctx context.Context, b *openpipeline.Batch) {
	if events := b.To - b.From; events > 1 && (b.Len() > g.batcher.Limit() || events > g.d.rate.most()) {
		g.halves(ctx, b)
		return
	}
	for !g.stopped() {
		r := g.post(ctx, b)
		if g.handle(ctx, b, &r) {
			return
		}
		_ = g.d.o.Sleep(ctx, doubtWait) // if the context ends it early, the next request fails, too
	}
}

// handle does what the result of a request asks for. It reports whether the batch is
// done with: if not, the same batch is sent once more.
func (g *generation) handle(ctx context.Context, b *openpipeline.Batch, r *openpipeline.Result) bool {
	switch r.Outcome {
	case openpipeline.Accepted:
		g.markAccepted(b)
		if g.sendingExtras {
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
			g.cancel() // the generation is abandoned (rule 09), and its other requests with it
		}
	}
	return true
}

// markAccepted notes that a batch was accepted.
func (g *generation) markAccepted(b *openpipeline.Batch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accepted += b.To - b.From
	g.done.add(b.From, b.To)
}

// repeats reports whether a batch in doubt is sent once more now, and notes that its
// events may be there twice. Extras are repeated in any case, now or by a later
// invocation.
func (g *generation) repeats() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	again := g.d.o.Settings.Delivery == AtLeastOnce
	if g.sendingExtras { // a repeated event has the same id, so a query can count it once
		g.doubts++
		again = g.doubts <= maxStartOver
	}
	again = again && g.d.o.Now().Before(g.d.win.Soft)
	g.duplicates = g.duplicates || again || g.sendingExtras
	return again
}

// fail stops the requests. Of several reasons it keeps the gravest, see reason.
func (g *generation) fail(why reason, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil || why > g.reason {
		g.reason, g.err = why, err
	}
}

// account writes into the scan's entry in memory what the generation has sent so far.
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
