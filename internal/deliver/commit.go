package deliver

import (
	"context"
	"errors"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// finish is steps 6 and 7, for a generation whose events were all accepted.
// False: this invocation delivers nothing more.
func (d *delivery) finish(ctx context.Context, t *target, res mapping.Result) (bool, error) {
	for reason, n := range res.Reasons {
		d.f.o.Log.InfoContext(ctx, "not sent as it came", "key", d.key, "run", t.order.Run, "reason", reason, "issues", n)
	}
	for _, word := range res.Unknown {
		d.f.o.Log.WarnContext(ctx, "unknown value in the results", "key", d.key, "value", word)
	}
	if res.Nothing != nil {
		return t.end(archive.DeliveryFailed, res.Nothing.Error()+"; it is not shown as all clear")
	}
	if !conserved(t.scan) {
		d.f.o.Metrics.Put(telemetry.Count("ConservationErrors", 1))
		return t.end(archive.DeliveryFailed, notConserved(t.scan).Error())
	}
	if err := t.tolerable(d.f.o.Config.MaxQuarantine); err != nil {
		return t.end(archive.DeliveryFailed, err.Error())
	}
	if !res.Assessed {
		return d.finishUncommitted(ctx, t)
	}
	if t.scan.Quarantined > 0 {
		// Once committed, the scan may be finished by another invocation, which
		// could not know that not all of its events were accepted.
		if err := d.save(ctx); err != nil {
			return false, notSavedError{err}
		}
	}
	var reserved archive.Register
	var step commitStep
	err := telemetry.Trace(ctx, "commit", func(ctx context.Context) (err error) {
		reserved, step, err = d.commitPoint(ctx, t)
		return err
	})
	switch {
	case err != nil:
		return t.interrupted(err)
	case step == commitSupersede:
		return t.end(archive.DeliverySuperseded, "a newer scan was committed meanwhile")
	case step == commitStop:
		return false, notSavedError{store.ErrConflict} // a higher generation is committed: it owns the document
	}
	return d.announce(ctx, t, res, &reserved)
}

// end gives the scan a final state.
func (t *target) end(state, reason string) (bool, error) {
	t.scan.State, t.scan.Reason = state, reason
	return true, nil
}

// finishUncommitted ends a scan that has nothing but what was asked for beside
// compliance, that is vulnerabilities: they are sent, and there is no commit, for
// no finding waits for it. A crash here leaves the scan "sending": whoever delivers
// it next maps it again and goes on after the last event whose sending was saved.
func (d *delivery) finishUncommitted(ctx context.Context, t *target) (bool, error) {
	hard, cancel := context.WithDeadline(ctx, d.win.Hard)
	defer cancel()
	if goOn, err := d.extra(hard, t, false); !goOn {
		return false, err
	}
	t.scan.Doubt, t.scan.Done = false, [][2]int64{}
	return t.end(archive.DeliveryComplete, "")
}

// interrupted leaves the generation at the commit point to whoever comes next.
func (t *target) interrupted(err error) (bool, error) {
	t.scan.Reason = err.Error()
	return false, err
}

// commitPoint reserves the commit in the register (step 6) and returns what the
// register says of it. It comes before the scan event (rules 01 to 03).
func (d *delivery) commitPoint(ctx context.Context, t *target) (archive.Register, commitStep, error) {
	for {
		c, reg, err := d.candidate(ctx, t)
		if err != nil {
			return archive.Register{}, 0, err
		}
		now := d.f.o.Now()
		switch step := commit(c, now); step {
		case commitSupersede, commitStop:
			return archive.Register{}, step, nil
		case commitMine:
			return reg.Value, step, nil
		case commitWait:
			return archive.Register{}, 0, aheadError(reg.Key)
		case commitWrite:
		}
		reg.Value = c.reservation(d.key, now)
		reg.Value.System = t.Envelope.System
		// A crash before this write leaves the scan before this one shown, and this
		// one to a new generation. A crash after it leaves a scan that is committed
		// and not announced: whoever comes next finds that the register names it,
		// and sends the scan event with the timestamp that is reserved here.
		err = store.Save(ctx, d.f.o.Archive, &reg)
		switch {
		case err == nil && tooEarly(reg.Value.Timestamp, now):
			return archive.Register{}, 0, aheadError(reg.Key) // reserved; announced once its time is near
		case err == nil:
			return reg.Value, commitMine, nil
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
			continue // somebody else committed: decide anew
		}
		return archive.Register{}, 0, err
	}
}

func aheadError(key string) error {
	return &fault.Error{Class: fault.Retry, Where: key, What: "the reserved timestamp lies ahead of this clock", Cure: "the sweep tries again"}
}

// maxAnnounceWait is the longest wait before a scan event in doubt is repeated.
const maxAnnounceWait = 30 * time.Second

// announce posts the scan events until they are accepted (step 7). They may be
// repeated by anyone at any time: a late one sorts before a newer one. The
// scan-completed event comes last. Its time is what the register reserved
// (rules 04 and 05).
func (d *delivery) announce(ctx context.Context, t *target, res mapping.Result, reserved *archive.Register) (bool, error) {
	body, err := d.scanEvents(res, reserved.Timestamp)
	if err != nil {
		return t.interrupted(err)
	}
	hard, cancel := context.WithDeadline(ctx, d.win.Hard)
	defer cancel()
	v := t.scan
	for wait := time.Second; ; wait = min(2*wait, maxAnnounceWait) {
		r := d.send(hard, body)
		t.count(r, body)
		switch r.Outcome {
		case openpipeline.Accepted:
			d.keepVerdicts(hard, t, res.Rules, reserved)
			if d.f.mapper.Extras() {
				if goOn, err := d.extra(hard, t, true); !goOn {
					return false, err
				}
			}
			// A crash before this is saved leaves a committed scan whose event has gone
			// out: whoever comes next sends the same event again, which changes nothing.
			v.Doubt, v.Done = false, [][2]int64{}
			return t.end(archive.DeliveryComplete, "")
		case openpipeline.Doubt:
			if d.f.o.Now().Before(d.win.Soft) && d.f.o.Sleep(hard, wait) == nil {
				continue
			}
		case openpipeline.Refused, openpipeline.TooLarge:
			return t.end(archive.DeliveryFailed, "the scan-completed event was refused: "+r.Err.Error())
		case openpipeline.Unusable:
			return t.interrupted(&EndpointError{r.Err})
		}
		v.Reason = "the scan-completed event is not accepted yet: " + r.Err.Error()
		return false, nil
	}
}

// coversSystem tells whether a coverage event of the system goes out with the scan's.
func (f *Deliverer) coversSystem() bool {
	m := f.o.Config.Mapping
	return m.EventModel != string(securityevent.XSPM) && m.Coverage == "system"
}

// scanEvents is the body that ends a scan.
func (d *delivery) scanEvents(res mapping.Result, at time.Time) ([]byte, error) {
	body := []byte{'['}
	if d.f.coversSystem() {
		body = append(securityevent.AppendCoverage(body, &res.Scan, nil, d.key, at), ',')
	}
	body, err := securityevent.AppendCompleted(body, &res.Scan, res.Summary, at)
	return append(body, ']'), err
}
