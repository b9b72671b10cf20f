package deliver

import (
	"context"
	"errors"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// reject ends a delivery whose object cannot be read; other errors come through.
func (d *delivery) reject(ctx context.Context, err error) (Outcome, error) {
	if fault.ClassOf(err) != fault.Reject {
		return Outcome{}, err
	}
	v := &d.doc.Value
	if v.ETag != d.info.ETag { // what was said of another version says nothing of this one
		v.Scan, v.Scans = archive.Scan{Generation: v.Generation}, nil
	}
	v.RawKey, v.ETag, v.Mapping = d.key, d.info.ETag, d.f.mapper.Hash()
	v.State, v.Reason = archive.DeliveryFailed, err.Error()
	for i := range v.Scans {
		if s := &v.Scans[i].Scan; !s.Final() {
			s.State, s.Reason = archive.DeliveryFailed, err.Error()
		}
	}
	return d.release(ctx, nil)
}

// release writes how far the delivery came and gives the lease back. Nothing
// is sent after an attempt at it (rule 13). cause is why the delivery stopped, nil if
// nobody needs to know.
func (d *delivery) release(ctx context.Context, cause error) (Outcome, error) {
	d.ended = true
	if _, lost := errors.AsType[notSavedError](cause); lost {
		return Outcome{}, cause
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), d.win.Deadline)
	defer cancel()
	err := d.saveReleased(ctx)
	if err != nil {
		return Outcome{}, errors.Join(cause, err)
	}
	d.tell(ctx)
	return d.outcome(), cause
}

// saveReleased gives the lease back. A crash before it is as one after the lease
// was taken. When two writes met it looks who holds
// the document, and tries once more if it is still this invocation.
func (d *delivery) saveReleased(ctx context.Context) error {
	mine := d.doc.Value.Lease
	d.doc.Value.Lease = nil
	err := d.save(ctx)
	if !errors.Is(err, store.ErrRace) || mine == nil {
		return err
	}
	now, lerr := d.f.o.Archive.Delivery(ctx, d.key)
	if lerr != nil || now.Value.Lease == nil || now.Value.Lease.Owner != mine.Owner {
		return err
	}
	d.doc.ETag = now.ETag
	return d.save(ctx)
}

// sumUp makes the document of several scans show their sum: failed if one
// failed, complete once all ended.
func (d *delivery) sumUp() {
	v := &d.doc.Value
	if len(v.Scans) == 0 {
		return
	}
	v.Scan = archive.Scan{Order: v.Scans[0].Order, State: archive.DeliverySuperseded, Generation: v.Scans[0].Generation}
	rank := map[string]int{archive.DeliverySuperseded: 0, archive.DeliveryComplete: 1, archive.DeliveryFailed: 2, archive.DeliverySending: 3}
	for _, s := range v.Scans {
		if rank[s.State] >= rank[v.State] {
			v.State, v.Reason = s.State, s.Reason
		}
		v.Mapped += s.Mapped
		v.Accepted += s.Accepted
		v.Quarantined += s.Quarantined
		v.Skipped += s.Skipped
		v.Requests += s.Requests
		v.Bytes += s.Bytes
		v.DuplicatesPossible = v.DuplicatesPossible || s.DuplicatesPossible
	}
}

func (d *delivery) save(ctx context.Context) error {
	d.sumUp()
	d.doc.Value.UpdatedAt = d.f.o.Now().UTC()
	return store.Save(ctx, d.f.o.Archive, &d.doc)
}

// older is the outcome of a replay that would bring back an older scan.
func (d *delivery) older() Outcome {
	out := d.outcome()
	out.State, out.Reason = StateOlder, "a newer scan of the system is committed; \"force\":true with this key shows the older one all the same"
	return out
}

func (d *delivery) outcome() Outcome {
	v := &d.doc.Value
	out := Outcome{State: v.State, Scan: v.Scan, Reason: v.Reason}
	if len(d.targets) == 1 {
		out.System = d.targets[0].Envelope.System.Name
	}
	return out
}
