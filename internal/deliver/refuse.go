package deliver

import (
	"context"
	"fmt"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
)

const (
	// maxRefusals is how many bodies may be refused (400) before one is
	// accepted: beyond, it is not the events that are wrong.
	maxRefusals = 100
	// leastQuarantine is how many events may be refused however small a scan is.
	leastQuarantine = 5
)

// refused finds the events that a 400 is about: halves go out on their own,
// and a single event once more in its minimal form, before it is quarantined.
func (p *pipeline) refused(ctx context.Context, b *openpipeline.Batch, r openpipeline.Result) {
	switch {
	case p.hopelessAfter():
		p.fail(sendUnusable, fmt.Errorf("nothing was accepted of %d requests: %w", maxRefusals, r.Err))
	case b.To-b.From > 1:
		p.halves(ctx, b)
	default:
		p.again(ctx, b, securityevent.Minimal(b.Event(b.From)), r)
	}
}

// tooLarge halves a batch after a 413, and keeps to the smaller size. A single
// event goes out once more without its evidence.
func (p *pipeline) tooLarge(ctx context.Context, b *openpipeline.Batch, r openpipeline.Result) {
	if b.To-b.From > 1 {
		p.batcher.Shrink(len(b.Body) / 2)
		p.halves(ctx, b)
		return
	}
	if p.hopelessAfter() {
		p.fail(sendUnusable, fmt.Errorf("nothing was accepted of %d requests: %w", maxRefusals, r.Err))
		return
	}
	p.again(ctx, b, securityevent.WithoutEvidence(b.Event(b.From)), r)
}

// hopelessAfter counts a refusal, and tells whether there were too many of them
// without one acceptance.
func (p *pipeline) hopelessAfter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accepted == 0 {
		p.refusals++
	}
	p.hopeless = p.refusals > maxRefusals && p.accepted == 0
	return p.hopeless
}

func (p *pipeline) halves(ctx context.Context, b *openpipeline.Batch) {
	for _, half := range b.Halves() {
		p.post(ctx, half)
	}
}

// again sends a single event in another form, never the same bytes twice, and
// quarantines it if that is refused, too.
func (p *pipeline) again(ctx context.Context, b *openpipeline.Batch, form []byte, r openpipeline.Result) {
	event := b.Event(b.From)
	for form != nil && len(form) < len(event) && !p.stopped() {
		once := openpipeline.Single(b.From, form)
		r = p.d.send(ctx, once.Body)
		if r.Outcome != openpipeline.Refused && r.Outcome != openpipeline.TooLarge {
			if !p.record(ctx, once, r) {
				_ = p.d.f.o.Sleep(ctx, doubtWait)
				continue // in doubt, and duplicates are allowed
			}
			return
		}
		break
	}
	if p.stopped() {
		return
	}
	if err := p.quarantine(ctx, b.From, event, r.Err); err != nil {
		p.fail(sendNothing, err) // comes out as an error, with its class
	}
}

// quarantine keeps a refused event in the archive before its index counts as
// done. A crash in between leaves a document of a generation that is abandoned:
// only the folder of the last one is looked at.
func (p *pipeline) quarantine(ctx context.Context, index int64, event []byte, answer error) error {
	refused := archive.RefusedEvent{Index: index, Answer: answer.Error(), Event: event}
	if err := p.d.f.o.Archive.PutQuarantine(ctx, p.t.generation(p.d), refused); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quarantined++
	p.done.add(index, index+1)
	return nil
}

func (t *target) generation(d *delivery) archive.Generation {
	g := archive.Generation{RawKey: d.key, Number: t.scan.Generation}
	if len(d.targets) > 1 {
		g.System = t.Envelope.System.Label().Hash
	}
	return g
}

// tolerable tells whether a scan may be committed although events were refused.
func (t *target) tolerable(share float64) error {
	q, sent := t.scan.Quarantined, t.scan.Accepted+t.scan.Quarantined
	limit := max(int64(share*float64(sent)), leastQuarantine)
	if q == 0 || q < sent && q <= limit {
		return nil
	}
	return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%d of %d events were refused, %d may be", q, sent, limit),
		Cure: "look at quarantine/ for the answers, mend the mapping, then replay; the old posture stays"}
}
