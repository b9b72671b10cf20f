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

// leastQuarantine is how many events may be refused of a scan of any size, if others of
// its events are accepted.
const leastQuarantine = 5

// finish does steps 6 and 7, for a generation whose findings are all done: accepted,
// in quarantine or skipped. again: there are tries left to start over.
func (g *generation) finish(ctx context.Context, res mapping.Result, again bool) disposition {
	d := g.d
	g.logUnsent(ctx, &res)
	if g.s.Announced {
		return g.goOnShown(ctx, res)
	}
	if g.s.Extras == nil && !g.mapOnly { // a committed scan may be shown already: it does not fail here
		if err := g.unfit(res); err != nil {
			return dispose(becauseUnfit, err, false)
		}
	}
	if !res.Assessed {
		return g.finishUncommitted(ctx)
	}
	if g.s.Quarantined > 0 {
		// Another invocation may finish the scan after the commit: it learns from the
		// document how many events are in quarantine. A crash before this write or before
		// the commit leaves the lease, and the next generation quarantines the events again.
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

// unfit returns why a scan may not be committed although all findings are done; nil:
// it may be.
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

// finishUncommitted ends a scan that assessed no compliance rule: its vulnerabilities
// are sent, and there is no commit, since there is no finding to be shown. A crash here
// leaves the lease: once it has run out, the next sweep maps the scan again, and sends
// the events that the document does not list as done.
func (g *generation) finishUncommitted(ctx context.Context) disposition {
	hard, cancel := context.WithDeadline(ctx, g.d.win.Hard)
	defer cancel()
	return g.followUp(hard)
}

// tolerable returns a fault of class Reject if more findings were refused than the share
// of the findings sent that may be, see mayLose; else nil.
func tolerable(s *archive.Scan, share float64) error {
	q, sent := s.Quarantined, s.Accepted+s.Quarantined
	limit, ok := mayLose(q, sent, share)
	if ok {
		return nil
	}
	return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%d of %d events were refused, %d may be", q, sent, limit),
		Cure: "look at quarantine/ for the answers, mend the mapping, then replay; the old posture stays"}
}

// mayLose reports whether so many refused events of those sent are tolerated, and
// returns the limit: the share of the events sent, at least leastQuarantine. It is never
// tolerated that all were refused.
func mayLose(refused, sent int64, share float64) (limit int64, ok bool) {
	limit = max(int64(share*float64(sent)), leastQuarantine)
	return limit, refused == 0 || refused < sent && refused <= limit
}

// passCommitPoint writes the register (step 6), unless it names this generation already,
// and returns the register, or how the delivery ends instead. It comes before the scan
// event (rules 01 to 03).
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
		// A crash before this write leaves the lease, and rows that nobody sees: the next
		// sweep begins another generation. After the write the commit point has passed:
		// the next sweep finds this scan id in the register, and sends the scan event with
		// this timestamp.
		err = store.Save(ctx, d.o.Archive, &reg)
		g.s.Reserved = g.s.Reserved || err == nil || errors.Is(err, store.ErrUnknown)
		switch {
		case err == nil && tooEarly(reg.Value.Timestamp, now):
			return end(becauseAhead, aheadError(reg.Key)) // a sweep sends the scan event later
		case err == nil:
			return reg.Value, nil
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
			continue // another invocation has committed: read the register and decide again
		}
		return end(becauseInterrupted, err)
	}
}

// findsAtCommitPoint decides by the register, and by the delivery documents if there is
// no register, or if a scan that is not forced is to be committed.
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

// announceScan posts the scan event until it is accepted (step 7), and then the extras.
// Any invocation may repeat the event at any time: its timestamp is the one that the
// register reserved, so the event sorts before those of newer commits (rules 04 and 05).
// A crash after the acceptance leaves the lease: once it has run out, the next sweep
// sends the event once more.
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

// sent returns the numbers of findings by status, with the keys that the delivery
// document has.
func sent(rows map[securityevent.Status]int64) map[string]int64 {
	all := make(map[string]int64, len(rows))
	for status, n := range rows {
		all[string(status)] = n
	}
	return all
}

// unannounced returns how a delivery ends whose last request of the scan event was not
// accepted. why is becauseUnknown if an earlier request may have been: the scan may then
// be shown, also where it fails.
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

// scanEvents returns the body that ends a scan: the coverage of the system, if it is
// sent, and then the scan event. Both have the timestamp at.
func (g *generation) scanEvents(res mapping.Result, at time.Time) (*openpipeline.Batch, error) {
	var events [][]byte
	if g.coversSystem() {
		events = append(events, securityevent.AppendCoverage(nil, &res.Scan, nil, g.d.key, at))
	}
	completed, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, at)
	return openpipeline.Of(0, append(events, completed)...), err
}
