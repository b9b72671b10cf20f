package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/securityevent"
)

// finish is steps 6 to 8, for a generation whose events were all accepted.
func (d *delivery) finish(ctx context.Context, res mapping.Result) (Outcome, error) {
	v := &d.doc.Value
	for reason, n := range res.Reasons {
		d.f.o.Log.InfoContext(ctx, "not sent as it came", "key", d.key, "run", d.order.Run, "reason", reason, "issues", n)
	}
	for _, word := range res.Unknown {
		d.f.o.Log.WarnContext(ctx, "unknown value in the results", "key", d.key, "value", word)
	}
	if !res.Assessed {
		return d.end(ctx, archive.DeliveryFailed, notAssessed(res))
	}
	if err := conserved(v.Mapped, v.Accepted, v.Quarantined, v.Skipped); err != nil {
		return d.end(ctx, archive.DeliveryFailed, err.Error())
	}
	at, step, err := d.commitPoint(ctx)
	switch {
	case err != nil:
		return d.interrupted(ctx, err)
	case step == commitSupersede:
		return d.end(ctx, archive.DeliverySuperseded, "a newer scan was committed meanwhile")
	case step == commitStop:
		return Outcome{State: stateBusy, Reason: "a higher generation is committed"}, nil
	}
	return d.announce(ctx, res, at)
}

func notAssessed(res mapping.Result) string {
	if res.Reasons[mapping.ReasonUnlicensed] > 0 {
		return "nothing but unlicensed results: add a licence for this system in Runecast; it is not shown as all clear"
	}
	return "no compliance results: enable security profiles for this system in Runecast; it is not shown as all clear"
}

// interrupted releases after an error at the commit point: the generation
// stays, so that whoever comes next commits it.
func (d *delivery) interrupted(ctx context.Context, err error) (Outcome, error) {
	out, serr := d.release(ctx, err.Error())
	return out, errors.Join(err, serr)
}

// commitPoint reserves the commit in the register (step 6) and gives its timestamp.
func (d *delivery) commitPoint(ctx context.Context) (time.Time, commitStep, error) {
	for {
		reg, failed, err := d.register(ctx)
		if err != nil {
			return time.Time{}, 0, err
		}
		now, v := d.f.o.Now(), &d.doc.Value
		step := commit(reg.Value, failed, d.order, v.Generation, v.ScanID)
		switch {
		case step == commitSupersede || step == commitStop:
			return time.Time{}, step, nil
		case step == commitMine && reg.Value.Timestamp.After(now.Add(maxAhead)):
			return time.Time{}, 0, &fault.Error{Class: fault.Retry, Where: archive.RegisterKey(d.env.System.ID),
				What: "the reserved timestamp lies ahead of this clock", Cure: "the sweep tries again"}
		case step == commitMine && now.Sub(reg.Value.Timestamp) <= maxReserved:
			return reg.Value.Timestamp, step, nil
		}
		at := reserve(reg.Value.Timestamp, now)
		reg.Value = archive.Register{
			System: archive.System{ID: d.env.System.ID, Name: d.env.System.Name, Type: d.env.System.Type},
			Order:  d.order, Generation: v.Generation, ScanID: v.ScanID, RawKey: d.key,
			Timestamp: at, CompletedAt: d.env.CompletedAt(), CommittedAt: now.UTC(),
		}
		err = archive.Save(ctx, d.f.o.Archive, archive.RegisterKey(d.env.System.ID), archive.RegisterSchema, &reg)
		switch {
		case err == nil:
			return at, commitMine, nil
		case errors.Is(err, archive.ErrConflict), errors.Is(err, archive.ErrRace):
			continue // somebody else committed: decide anew
		}
		return time.Time{}, 0, err
	}
}

// announce posts the scan events until they are accepted (step 7), and
// completes the delivery (step 8). They may be repeated by anyone at any time:
// a late one sorts before a newer one. The scan-completed event comes last.
func (d *delivery) announce(ctx context.Context, res mapping.Result, at time.Time) (Outcome, error) {
	body, err := d.scanEvents(ctx, res, at)
	if err != nil {
		return d.interrupted(ctx, err)
	}
	hard, cancel := context.WithDeadline(ctx, d.win.hard)
	defer cancel()
	v := &d.doc.Value
	for {
		r := d.f.o.Sender.Send(hard, body, d.win.soft)
		v.Requests += r.Requests
		switch r.Outcome {
		case openpipeline.Accepted:
			v.Bytes += int64(len(body))
			v.Doubt, v.Done = false, [][2]int64{}
			return d.end(ctx, archive.DeliveryComplete, "")
		case openpipeline.Doubt:
			if d.f.o.Now().Before(d.win.soft) && d.f.o.Sleep(hard, time.Second) == nil {
				continue
			}
		case openpipeline.Refused, openpipeline.TooLarge:
			return d.end(ctx, archive.DeliveryFailed, "the scan-completed event was refused: "+r.Err.Error())
		case openpipeline.Unusable:
			return d.interrupted(ctx, r.Err)
		}
		out, err := d.release(ctx, "the scan-completed event is not accepted yet: "+r.Err.Error())
		return out, err
	}
}

// scanEvents is the body that ends a scan. Coverage of single objects goes out
// before it.
func (d *delivery) scanEvents(ctx context.Context, res mapping.Result, at time.Time) ([]byte, error) {
	m := d.f.o.Config.Mapping
	body := []byte{'['}
	if m.EventModel != string(securityevent.XSPM) {
		switch m.Coverage {
		case "system":
			body = append(securityevent.AppendCoverage(body, &res.Scan, nil, d.key, at), ',')
		case "object":
			if err := d.coverage(ctx); err != nil {
				return nil, err
			}
		}
	}
	body, err := securityevent.AppendCompleted(body, &res.Scan, res.Summary, at)
	return append(body, ']'), err
}

// coverage sends an event per object, in a second reading of the document. In
// doubt a batch is repeated: the events' ids are the same.
func (d *delivery) coverage(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, d.win.hard)
	defer cancel()
	batcher := openpipeline.NewBatcher(d.batchBytes, d.f.buffers, func(b *openpipeline.Batch) error {
		defer d.f.buffers.Release(b)
		for again := 0; ; again++ {
			r := d.f.o.Sender.Send(ctx, b.Body, d.win.soft)
			d.doc.Value.Requests += r.Requests
			if r.Outcome == openpipeline.Accepted {
				d.doc.Value.Bytes += int64(len(b.Body))
				return nil
			}
			if r.Outcome != openpipeline.Doubt || again == maxStartOver {
				return fmt.Errorf("send coverage: %w", r.Err)
			}
		}
	})
	body, err := d.f.o.Archive.Open(ctx, d.info)
	if err != nil {
		return err
	}
	defer body.Close()
	doc, err := mapping.Open(body)
	if err != nil {
		return err
	}
	index := int64(-1)
	err = d.f.mapper.Coverage(mapping.Input{Document: doc, ScanID: d.doc.Value.ScanID, Now: d.f.o.Now, Emit: func(e []byte) error {
		index++
		return batcher.Add(index, e)
	}}, d.key)
	if err != nil {
		return err
	}
	return batcher.Flush()
}
