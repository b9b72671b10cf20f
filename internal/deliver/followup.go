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

// The extras, coverage of objects and vulnerabilities, follow the scan event, or the
// mapping of a scan that has nothing to commit. They come from a second reading of the
// object, in order and one request at a time, and obey the rules of findings:
// a refused batch is halved down to the events to blame, which lie in quarantine;
// vulnerabilities that MIN_SEVERITY and EXCLUDE_TYPES leave out are counted as skipped;
// every event is accounted for. The event indexes of extras follow those of the
// findings. The document is written after each request, so a crash repeats one request
// at most. A request in doubt is repeated, since its events then have the same ids.

// goOnShown goes on with a scan that is shown: only its extras are left. It does not
// send the scan event again, and ends as superseded if another scan is committed.
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
	g.keepVerdicts(hard, &res, &c.register)
	return g.followUp(hard)
}

// followUp sends the extras, if the settings ask for any, and ends the scan. Extras that
// it cannot send now are left to the next invocation.
func (g *generation) followUp(ctx context.Context) disposition {
	d := g.d
	if !d.mapper.Extras() {
		return dispose(becauseComplete, nil, false)
	}
	g.s.Announced = g.s.Announced || g.announced
	g.beginExtras()
	// After a crash before this write the scan event is sent again, and no extra was
	// sent yet. After a later crash the next invocation goes on with the extras.
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

// beginExtras begins the count of the extras, or goes on with that of an earlier
// invocation. A document of an earlier release has only their number, in Extra: it sent
// them in order.
func (g *generation) beginExtras() {
	s := &g.s.Scan
	if s.Extras == nil {
		s.Extras = &archive.Extras{From: g.index}
		g.done.add(g.index, g.index+s.Extra)
		g.accepted += s.Extra
	} else if s.Doubt { // the last request of the invocation that died may have been accepted
		g.duplicates = true
	}
	g.sentBefore = doneRanges{g.done.ranges()}
	g.quarantinedBefore = g.quarantined - s.Extras.Quarantined
	g.sendingExtras, g.refusals, g.acceptedBefore = true, 0, g.accepted
	g.account()
}

// sendExtras maps the object again, and sends the extras that are not done.
func (g *generation) sendExtras(ctx context.Context) (mapping.Result, error) {
	d := g.d
	ctx, g.cancel = context.WithCancel(ctx)
	defer g.cancel()
	limit := min(d.batchBytes, g.batcher.Limit()) // the findings may have led to a smaller limit
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
			return nil // it is done already
		}
		return batcher.Add(index, event)
	}
	return g.d.mapper.Extra(in, g.d.key, g.s.Announced)
}

// saveExtras writes down how far the extras are. After a crash before this write the
// next invocation sends the events of one request again, under the same ids.
func (g *generation) saveExtras(ctx context.Context) {
	g.account()
	if err := g.d.save(ctx); err != nil {
		g.fail(becauseUnsaved, err)
		g.cancel()
	}
}

// accountExtras writes into the scan's entry in memory how far the extras are.
func (g *generation) accountExtras() {
	x := g.s.Extras
	if x == nil || !g.sendingExtras {
		return
	}
	g.s.Extra = g.done.countFrom(x.From)
	x.Quarantined = g.quarantined - g.quarantinedBefore
}

// disposeExtras decides how the delivery ends if not all extras are sent.
func (g *generation) disposeExtras(err error) disposition {
	err = fmt.Errorf("coverage and vulnerabilities are not all sent: %w", err)
	switch why := g.reason; {
	case why == becauseHopeless && g.announced: // the endpoint has just accepted the scan event: the extras are to blame
		return dispose(becauseUnfit, err, false)
	case why == becauseBusy, why == becauseTime, why == becauseDoubt:
		return dispose(becauseFollowUps, err, false)
	default:
		return dispose(why, err, false)
	}
}

// extrasUnfit returns why the delivery has failed although the scan may be shown: too
// many extras were refused, or their numbers do not add up; nil: it has not failed.
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
