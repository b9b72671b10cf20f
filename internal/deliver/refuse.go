package deliver

import (
	"bytes"
	"context"
	"fmt"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
)

// maxRefusals is how many requests may be refused before one is accepted. After more
// refusals not single events are to blame, but the endpoint or the whole object.
const maxRefusals = 100

// refused finds the events that a 400 is about: it sends the halves of the batch. A
// single event is sent once more in its minimal form, and is then quarantined.
func (g *generation) refused(ctx context.Context, b *openpipeline.Batch, r *openpipeline.Result) {
	switch {
	case g.hopeless(r):
	case b.To-b.From > 1:
		g.halves(ctx, b)
	default:
		g.resend(ctx, b, r, securityevent.Minimal)
	}
}

// tooLarge halves a batch after a 413, and lowers the size limit of later batches. A
// single event is sent once more without its evidence, then in its minimal form, and is
// then quarantined.
func (g *generation) tooLarge(ctx context.Context, b *openpipeline.Batch, r *openpipeline.Result) {
	switch {
	case b.To-b.From > 1:
		g.batcher.Shrink(b.Len() / 2)
		g.halves(ctx, b)
	case g.hopeless(r):
	default:
		g.resend(ctx, b, r, securityevent.WithoutEvidence, securityevent.Minimal)
	}
}

// hopeless counts a refusal. It stops the generation and returns true after more than
// maxRefusals of them without one acceptance.
func (g *generation) hopeless(r *openpipeline.Result) bool {
	g.mu.Lock()
	none := g.accepted == g.acceptedBefore
	if none {
		g.refusals++
	}
	hopeless := g.refusals > maxRefusals && none
	g.mu.Unlock()
	if hopeless {
		g.fail(becauseHopeless, fmt.Errorf("nothing was accepted of %d requests: %w", maxRefusals, r.Err))
	}
	return hopeless
}

func (g *generation) halves(ctx context.Context, b *openpipeline.Batch) {
	for _, half := range b.Halves() {
		g.deliverBatch(ctx, half)
	}
}

// resend sends a single event in other forms, one after the other, but no form that is
// the same as the one before. It quarantines the event if all forms are refused.
func (g *generation) resend(ctx context.Context, b *openpipeline.Batch, r *openpipeline.Result, forms ...func([]byte) []byte) {
	event, answer := b.Event(b.From), r.Err
	sent := event
	for _, reduce := range forms {
		form := reduce(event)
		if form == nil || bytes.Equal(form, sent) || g.stopped() {
			continue
		}
		sent = form
		refusal := g.sendForm(ctx, openpipeline.Of(b.From, form))
		if refusal == nil {
			return
		}
		answer = refusal
	}
	if g.stopped() {
		return
	}
	if err := g.quarantine(ctx, b.From, event, answer); err != nil {
		g.fail(becauseError, err)
	}
}

// sendForm sends a form of a single event, and returns the refusal; nil: the event is
// done, or the generation has stopped.
func (g *generation) sendForm(ctx context.Context, one *openpipeline.Batch) error {
	for !g.stopped() {
		r := g.post(ctx, one)
		if r.Outcome == openpipeline.Refused || r.Outcome == openpipeline.TooLarge {
			g.hopeless(&r)
			return r.Err
		}
		if g.handle(ctx, one, &r) {
			return nil
		}
		_ = g.d.o.Sleep(ctx, doubtWait) // the request is in doubt, and is repeated
	}
	return nil
}

// quarantine writes a refused event into the archive, and then counts its index as done.
// A crash between the two leaves an event in the folder of a generation that is
// abandoned: only the folder of the completed generation counts.
func (g *generation) quarantine(ctx context.Context, index int64, event []byte, answer error) error {
	refused := archive.RefusedEvent{Index: index, Answer: answer.Error(), Event: event}
	if err := g.d.o.Archive.PutQuarantine(ctx, g.folder(), refused); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.quarantined++
	g.done.add(index, index+1)
	return nil
}

// folder returns the folder of the generation's refused events in quarantine/.
func (g *generation) folder() archive.Generation {
	folder := archive.Generation{RawKey: g.d.key, Number: g.s.Generation}
	if len(g.d.scans) > 1 {
		folder.System = g.s.Envelope.System.Label().Hash
	}
	return folder
}
