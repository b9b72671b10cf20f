package deliver

import (
	"context"
	"errors"
	"fmt"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
)

// extra sends coverage of objects and vulnerabilities once their scan is
// committed and shown, or has nothing to commit, in a second reading of the document, in order and one
// request at a time: the scan keeps how many of them are sent. In doubt a batch is
// repeated, since the events' ids are the same; one that is refused is halved
// down to the events to blame, which are left out with a warning. False: the
// rest waits for whoever comes next.
func (d *delivery) extra(ctx context.Context, t *target, committed bool) (bool, error) {
	err := d.sendExtra(ctx, t, committed)
	if err == nil {
		return true, nil
	}
	t.scan.Reason = "coverage and vulnerabilities are not all sent: " + err.Error()
	if _, down := errors.AsType[*EndpointError](err); down {
		return false, err
	}
	return false, nil
}

func (d *delivery) sendExtra(ctx context.Context, t *target, committed bool) error {
	x := &extras{d: d, t: t, committed: committed}
	batcher := openpipeline.NewBatcher(d.batchBytes, d.f.buffers, func(b *openpipeline.Batch) error {
		defer d.f.buffers.Release(b)
		if err := d.pace(ctx, b.To-b.From); err != nil {
			return err
		}
		return x.send(ctx, b)
	})
	err := x.read(ctx, batcher)
	if err == nil {
		err = batcher.Flush()
	}
	if x.left > 0 {
		d.f.o.Log.WarnContext(ctx, "coverage or vulnerabilities were refused and left out", "key", d.key, "run", t.order.Run, "events", x.left)
	}
	return err
}

type extras struct {
	d    *delivery
	t    *target
	left int64
	// committed: the scan has compliance results.
	committed bool
}

func (x *extras) read(ctx context.Context, batcher *openpipeline.Batcher) error {
	source := x.d.source(ctx)
	doc, done, err := x.t.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // reading is over
	index := int64(-1)
	return x.d.f.mapper.Extra(mapping.Input{
		Document: doc, ScanID: x.t.scan.ScanID, Now: x.d.f.o.Now,
		Reopen: func() (*mapping.Document, func() error, error) { return x.t.Open(source) },
		Emit: func(e []byte) error {
			if index++; index < x.t.scan.Extra {
				return nil // an earlier invocation has sent it
			}
			return batcher.Add(index, e)
		},
	}, x.d.key, x.committed)
}

func (x *extras) send(ctx context.Context, b *openpipeline.Batch) error {
	for again := 0; ; again++ {
		r := x.d.send(ctx, b.Body)
		x.t.count(r, b.Body)
		switch r.Outcome {
		case openpipeline.Accepted:
			x.t.scan.Extra = b.To
			return nil
		case openpipeline.Refused, openpipeline.TooLarge:
			if b.To-b.From == 1 {
				x.left++
				x.t.scan.Extra = b.To
				return nil
			}
			h := b.Halves()
			if err := x.send(ctx, h[0]); err != nil {
				return err
			}
			return x.send(ctx, h[1])
		case openpipeline.Unusable:
			return &EndpointError{fmt.Errorf("send coverage and vulnerabilities: %w", r.Err)}
		}
		if r.Outcome != openpipeline.Doubt || again == maxStartOver {
			return fmt.Errorf("send coverage and vulnerabilities: %w", r.Err)
		}
	}
}
