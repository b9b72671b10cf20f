package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/arrival"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// leastQuarantine is how many events may be refused however small a scan is.
const leastQuarantine = 5

// finish is steps 6 and 7, for a generation whose events were all accepted.
// again: there are tries left to start over.
func (g *generation) finish(ctx context.Context, res mapping.Result, again bool) disposition {
	d := g.d
	g.logUnsent(ctx, &res)
	if g.s.Announced {
		return g.goOnShown(ctx, res)
	}
	if g.s.Extras == nil && !g.mapOnly { // what is committed may be shown by now
		if err := g.unfit(res); err != nil {
			return dispose(becauseUnfit, err, false)
		}
	}
	if !res.Assessed {
		return g.finishUncommitted(ctx)
	}
	if g.s.Quarantined > 0 {
		// Once committed, the scan may be finished by another invocation, which
		// could not know that not all of its events were accepted. A crash here
		// leaves the lease, and the next generation quarantines them again.
		if err := d.save(ctx); err != nil {
			return dispose(becauseUnsaved, err, false)
		}
	}
	var reserved archive.Register
	var stop *disposition
	_ = telemetry.Trace(ctx, "commit", func(ctx context.Context) error {
		if reserved, stop = g.passCommitPoint(ctx, res.Summary.UnlicensedRules(), again); stop != nil {
			return stop.cause()
		}
		return nil
	})
	if stop != nil {
		return *stop
	}
	return g.announceScan(ctx, res, &reserved)
}

// unfit says why a scan may not be committed although all was sent; nil: it may.
func (g *generation) unfit(res mapping.Result) error {
	s := &g.s.Scan
	if res.Nothing != nil {
		return fmt.Errorf("%w; it is not shown as all clear", res.Nothing)
	}
	if s.Mapped != s.Accepted+s.Quarantined+s.Skipped {
		g.d.o.Metrics.Put(telemetry.Count("ConservationErrors", 1))
		return &fault.Error{Class: fault.Reject,
			What: fmt.Sprintf("events are not conserved: %d mapped, but %d accepted + %d quarantined + %d skipped", s.Mapped, s.Accepted, s.Quarantined, s.Skipped),
			Cure: "report this with the function's log; the scan was not committed"}
	}
	return tolerable(s, g.d.o.Settings.MaxQuarantine)
}

// finishUncommitted ends a scan that has nothing but what was asked for beside
// compliance, that is vulnerabilities: they are sent, and there is no commit, for
// no finding waits for it. A crash here leaves the lease: whoever delivers the
// scan next maps it again, and goes on after the last event whose sending was
// saved.
func (g *generation) finishUncommitted(ctx context.Context) disposition {
	hard, cancel := context.WithDeadline(ctx, g.d.win.Hard)
	defer cancel()
	return g.followUp(hard)
}

// tolerable reports by an error that more events were refused than a scan may
// lose: a share of those sent.
func tolerable(s *archive.Scan, share float64) error {
	q, sent := s.Quarantined, s.Accepted+s.Quarantined
	limit, ok := mayLose(q, sent, share)
	if ok {
		return nil
	}
	return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%d of %d events were refused, %d may be", q, sent, limit),
		Cure: "look at quarantine/ for the answers, mend the mapping, then replay; the old posture stays"}
}

// mayLose reports whether so many of the events sent may be refused, and returns
// how many may be.
func mayLose(refused, sent int64, share float64) (limit int64, ok bool) {
	limit = max(int64(share*float64(sent)), leastQuarantine)
	return limit, refused == 0 || refused < sent && refused <= limit
}

// passCommitPoint reserves the commit in the register (step 6), and returns what
// the register says of it or how the delivery ends instead. It comes before the
// scan event (rules 01 to 03).
func (g *generation) passCommitPoint(ctx context.Context, unlicensed int, again bool) (archive.Register, *disposition) {
	d := g.d
	end := func(why reason, err error) (archive.Register, *disposition) {
		stop := dispose(why, err, false)
		return archive.Register{}, &stop
	}
	for {
		c, reg, err := d.candidateAgain(ctx, g.s)
		if err != nil {
			return end(becauseInterrupted, err)
		}
		now := d.o.Now()
		step, err := g.findsAtCommitPoint(ctx, c, &reg, now)
		if err != nil {
			return end(becauseInterrupted, err)
		}
		switch step {
		case commitSupersede:
			return end(becauseSuperseded, errors.New("a newer scan was committed meanwhile"))
		case commitStop:
			return end(becauseTakenOver, fmt.Errorf("a higher generation is committed: %w", store.ErrConflict))
		case commitMine:
			return reg.Value, nil
		case commitWait:
			return end(becauseAhead, aheadError(reg.Key))
		case commitAnew:
			why, err := becauseOld, fmt.Errorf("its first row is %s old: rows and scan event belong into one timeframe of the dashboard",
				now.Sub(g.s.BegunAt).Round(time.Minute))
			if c.replaced() {
				why, err = becauseReplaced, errors.New("it was committed before, and another scan since")
			}
			stop := dispose(why, err, again && now.Before(d.win.Soft))
			return archive.Register{}, &stop
		case commitWrite:
		}
		reg.Value = c.reservation(d.key, now)
		reg.Value.System, reg.Value.Unlicensed = g.s.Envelope.System, unlicensed
		// A crash before this write leaves the lease and nothing to be seen: the next
		// sweep begins another generation. Behind it the commit point has passed:
		// the next sweep finds this scan id in the register, and sends the
		// scan event with this timestamp.
		err = store.Save(ctx, d.o.Archive, &reg)
		g.s.Reserved = g.s.Reserved || err == nil || errors.Is(err, store.ErrUnknown)
		switch {
		case err == nil && tooEarly(reg.Value.Timestamp, now):
			return end(becauseAhead, aheadError(reg.Key)) // announced once its time is near
		case err == nil:
			return reg.Value, nil
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
			continue // somebody else committed: decide anew
		}
		return end(becauseInterrupted, err)
	}
}

// findsAtCommitPoint decides by the register, and by the delivery documents where
// that may not know what is shown.
func (g *generation) findsAtCommitPoint(ctx context.Context, c *candidate, reg *store.Doc[archive.Register], now time.Time) (commitStep, error) {
	if !reg.Exists() {
		if err := g.d.askDocuments(ctx, g.s, c, reg); err != nil {
			return commitWrite, err
		}
	}
	step := c.atCommitPoint(now)
	if step != commitWrite || c.forced() || !reg.Exists() {
		return step, nil
	}
	err := g.d.askDocuments(ctx, g.s, c, reg)
	return c.atCommitPoint(now), err
}

func aheadError(key string) error {
	return &fault.Error{Class: fault.Retry, Where: key, What: "the reserved timestamp lies ahead of this clock", Cure: "the sweep tries again"}
}

// maxAnnounceWait is the longest wait before a scan event in doubt is repeated.
const maxAnnounceWait = 30 * time.Second

// announceScan posts the scan event until it is accepted (step 7), and then what
// follows it. Anyone may repeat the event at any time: a late one sorts before a
// newer one. Its time is what the register reserved (rules 04 and 05). A crash
// behind the acceptance leaves the lease, and the event is sent once more.
func (g *generation) announceScan(ctx context.Context, res mapping.Result, reserved *archive.Register) disposition {
	d := g.d
	events, err := g.scanEvents(res, reserved.Timestamp)
	if err != nil {
		return dispose(becauseInterrupted, err, false)
	}
	hard, cancel := context.WithDeadline(ctx, d.win.Hard)
	defer cancel()
	why := becauseUnannounced
	for wait := time.Second; ; wait = min(2*wait, maxAnnounceWait) {
		r := g.announce(hard, events)
		switch r.Outcome {
		case openpipeline.Accepted:
			g.s.Timestamp, g.s.CompletedAt = reserved.Timestamp, reserved.CompletedAt
			g.s.Arrival = arrival.Expect(sent(res.Summary.Rows), g.s.Accepted, d.o.Now())
			g.keepVerdicts(hard, &res, reserved)
			g.announced = true
			return g.followUp(hard)
		case openpipeline.Doubt:
			why = becauseUnknown
			if d.o.Now().Before(d.win.Soft) && d.o.Sleep(hard, wait) == nil {
				continue
			}
		}
		return unannounced(why, &r)
	}
}

// sent are the findings that were sent, by status, as the delivery document has them.
func sent(rows map[securityevent.Status]int64) map[string]int64 {
	all := make(map[string]int64, len(rows))
	for status, n := range rows {
		all[string(status)] = n
	}
	return all
}

// unannounced is how a delivery ends whose scan event was not accepted at last.
// why says whether an earlier request may have been: a scan that has failed then
// still counts as one that may be shown.
func unannounced(why reason, r *openpipeline.Result) disposition {
	doubt := why == becauseUnknown
	err := fmt.Errorf("the scan event is not accepted yet: %w", r.Err)
	switch r.Outcome {
	case openpipeline.Refused, openpipeline.TooLarge:
		why, err = becauseUnfit, fmt.Errorf("the scan event was refused: %w", r.Err)
	case openpipeline.Unusable:
		why, err = becauseDown, r.Err
	}
	end := dispose(why, err, false)
	end.doubt = end.doubt || doubt
	return end
}

// coversSystem reports whether a coverage event of the system goes out with the
// scan event.
func (g *generation) coversSystem() bool {
	m := g.d.o.Settings.Mapping
	return m.EventModel != securityevent.XSPM && m.Coverage == mapping.CoverageSystem
}

// scanEvents is the body that ends a scan. The scan event comes last.
func (g *generation) scanEvents(res mapping.Result, at time.Time) (*openpipeline.Batch, error) {
	var events [][]byte
	if g.coversSystem() {
		events = append(events, securityevent.AppendCoverage(nil, &res.Scan, nil, g.d.key, at))
	}
	completed, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at)
	return openpipeline.Of(0, append(events, completed)...), err
}
