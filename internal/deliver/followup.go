package deliver

import (
	"context"
	"errors"
	"fmt"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// Coverage of objects and vulnerabilities follow the scan event, or the mapping
// of a scan that has nothing to commit. They come from a second reading of the
// object, in order and one request at a time, and obey the rules of findings:
// refused ones are halved down to those to blame, which lie in quarantine;
// vulnerabilities that MIN_SEVERITY and EXCLUDE_TYPES leave out are counted; none is
// unaccounted for.
// Their event indexes follow those of the findings. What was accepted is written
// down after each request, so that a death repeats one request at most. In doubt
// a request is repeated, since the events' ids are the same.

// goOnShown goes on with a scan that is shown: only what follows is left. The
// scan event is not sent again, for its time would be another than its rows'.
func (g *generation) goOnShown(ctx context.Context, res mapping.Result) disposition {
	hard, cancel := context.WithDeadline(ctx, g.d.win.Hard)
	defer cancel()
	c, _, err := g.d.candidate(hard, g.s)
	switch {
	case err != nil:
		return dispose(becauseInterrupted, err, false)
	case !c.mine():
		return dispose(becauseSuperseded, errors.New("a newer scan was committed meanwhile"), false)
	}
	g.keepVerdicts(hard, res.Rules, &c.register)
	return g.followUp(hard)
}

// followUp sends what follows, and ends the scan. What is left waits for whoever
// comes next.
func (g *generation) followUp(ctx context.Context) disposition {
	d := g.d
	if !d.mapper.Extras() {
		return dispose(becauseComplete, nil, false)
	}
	g.s.Announced = g.s.Announced || g.announced
	g.beginExtras()
	// A crash before this write repeats the scan event, and nothing that follows
	// it; one behind it is known to be in the extras.
	if err := d.save(ctx); err != nil {
		return dispose(becauseUnsaved, err, false)
	}
	before := g.s.Scan // the findings' figures
	res, err := g.sendExtras(ctx)
	g.s.Mapped, g.s.Skipped = before.Mapped+res.Mapped, before.Skipped+res.Skipped
	g.account()
	g.logUnsent(ctx, &res)
	if err != nil {
		return g.disposeExtras(err)
	}
	if err := g.extrasUnfit(&res); err != nil {
		return dispose(becauseUnfit, err, false)
	}
	return dispose(becauseComplete, nil, false)
}

// beginExtras counts from here on what follows the findings. A document of an
// earlier release says only how many were sent.
func (g *generation) beginExtras() {
	s := &g.s.Scan
	if s.Extras == nil {
		s.Extras = &archive.Extras{From: g.index}
		g.done.add(g.index, g.index+s.Extra)
		g.accepted += s.Extra
	} else if s.Doubt { // a request of the invocation that died may have been accepted
		g.duplicates = true
	}
	g.sentBefore = doneRanges{g.done.ranges()}
	g.quarantinedBefore = g.quarantined - s.Extras.Quarantined
	g.follows, g.refusals, g.acceptedBefore = true, 0, g.accepted
	g.account()
}

// sendExtras maps the object again, and sends of what follows what is not done.
func (g *generation) sendExtras(ctx context.Context) (mapping.Result, error) {
	d := g.d
	ctx, g.cancel = context.WithCancel(ctx)
	defer g.cancel()
	limit := min(d.batchBytes, g.batcher.Limit()) // also the one that was learned from the findings
	batcher := openpipeline.NewBatcher(limit, d.buffers, func(b *openpipeline.Batch) error {
		defer d.buffers.Release(b)
		if g.deliverBatch(ctx, b); g.stopped() {
			return errStopped
		}
		return nil
	})
	g.batcher = batcher
	var res mapping.Result
	err := telemetry.Trace(ctx, "extras", func(ctx context.Context) (err error) {
		if res, err = g.mapExtras(ctx, batcher); err == nil {
			err = batcher.Flush()
		}
		return err
	})
	if g.err != nil {
		return res, g.err
	}
	return res, err
}

func (g *generation) mapExtras(ctx context.Context, batcher *openpipeline.Batcher) (mapping.Result, error) {
	in, done, err := g.d.input(ctx, g.s)
	if err != nil {
		return mapping.Result{}, err
	}
	defer func() { _ = done() }()
	g.index = g.s.Extras.From
	in.Emit = func(event []byte) error {
		index := g.index
		g.index++
		if g.sentBefore.contains(index) {
			return nil // an earlier invocation has dealt with it
		}
		return batcher.Add(index, event)
	}
	return g.d.mapper.Extra(in, g.d.key, g.s.Announced)
}

// saveExtras writes down what was accepted of what follows. A crash before it
// sends the events of one request again, under the same ids.
func (g *generation) saveExtras(ctx context.Context) {
	g.account()
	if err := g.d.save(ctx); err != nil {
		g.fail(becauseUnsaved, err)
		g.cancel()
	}
}

// accountExtras writes into the scan how far what follows the findings is.
func (g *generation) accountExtras() {
	x := g.s.Extras
	if x == nil || !g.follows {
		return
	}
	g.s.Extra = g.done.countFrom(x.From)
	x.Quarantined = g.quarantined - g.quarantinedBefore
}

// disposeExtras decides what becomes of a scan of which not all that follows is sent.
func (g *generation) disposeExtras(err error) disposition {
	err = fmt.Errorf("coverage and vulnerabilities are not all sent: %w", err)
	switch why := g.reason; {
	case why == becauseHopeless && g.announced: // the endpoint has just taken the scan event: these are to blame
		return dispose(becauseUnfit, err, false)
	case why == becauseBusy, why == becauseTime, why == becauseDoubt:
		return dispose(becauseFollowUps, err, false)
	default:
		return dispose(why, err, false)
	}
}

// extrasUnfit says why the delivery has failed although the scan is shown: too
// much of what follows was refused, or it does not add up. Nil: it has not.
func (g *generation) extrasUnfit(res *mapping.Result) error {
	s := &g.s.Scan
	quarantined := s.Extras.Quarantined
	accepted := s.Extra - quarantined
	if res.Mapped != accepted+quarantined+res.Skipped {
		g.d.o.Metrics.Put(telemetry.Count("ConservationErrors", 1))
		return &fault.Error{Class: fault.Reject,
			What: fmt.Sprintf("coverage and vulnerabilities are not conserved: %d mapped, but %d accepted + %d quarantined + %d skipped", res.Mapped, accepted, quarantined, res.Skipped),
			Cure: "report this with the function's log"}
	}
	if limit, ok := mayLose(quarantined, s.Extra, g.d.o.Settings.MaxQuarantine); !ok {
		return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%d of %d coverage and vulnerability events were refused, %d may be", quarantined, s.Extra, limit),
			Cure: "look at quarantine/ for the answers, mend the mapping or leave these events out, then replay; the scan itself is shown"}
	}
	return nil
}
