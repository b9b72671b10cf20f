package deliver

import (
	"context"
	"fmt"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/openpipeline"
)

// followUps sends coverage of objects and vulnerabilities once their scan is
// committed and shown, or has nothing to commit, in a second reading of the
// document, in order and one request at a time: the scan keeps how many of them are sent. In doubt a batch
// is repeated, since the events' ids are the same; one that is refused is halved
// down to the events to blame, which are left out with a warning.
type followUps struct {
	*generation
	// committed: the scan has compliance results.
	committed bool
	leftOut   int64
}

// followUp sends what follows the scan-completed event, if there is one, and ends
// the scan. What
// is left waits for whoever comes next. A crash leaves the lease: all of it is
// sent again, under the same ids.
func (g *generation) followUp(ctx context.Context, committed bool) disposition {
	d, f := g.d, &followUps{generation: g, committed: committed}
	why, err := becauseFollowUps, error(nil)
	batcher := openpipeline.NewBatcher(d.batchBytes, d.buffers, func(b *openpipeline.Batch) (err error) {
		defer d.buffers.Release(b)
		why, err = f.sendBatch(ctx, b)
		return err
	})
	if err = f.read(ctx, batcher); err == nil {
		err = batcher.Flush()
	}
	if f.leftOut > 0 {
		d.o.Log.WarnContext(ctx, "coverage or vulnerabilities were refused and left out", "key", d.key, "run", g.s.order().Run, "events", f.leftOut)
	}
	if err != nil {
		return dispose(why, fmt.Errorf("coverage and vulnerabilities are not all sent: %w", err), false)
	}
	return dispose(becauseComplete, nil, false)
}

// read maps the follow-up events, and packs those that are not sent yet.
func (f *followUps) read(ctx context.Context, batcher *openpipeline.Batcher) error {
	d, s := f.d, f.s
	source := d.source(ctx)
	doc, done, err := s.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = done() }()
	index := int64(-1)
	return d.mapper.Extra(mapping.Input{
		Document: doc, ScanID: s.ScanID, Now: d.o.Now,
		Reopen: func() (*mapping.Document, func() error, error) { return s.Open(source) },
		Emit: func(e []byte) error {
			if index++; index < s.Extra {
				return nil // an earlier invocation has sent it
			}
			return batcher.Add(index, e)
		},
	}, d.key, f.committed)
}

// sendBatch sends a batch. The reason belongs to the error.
func (f *followUps) sendBatch(ctx context.Context, b *openpipeline.Batch) (reason, error) {
	for again := 0; ; again++ {
		r := f.post(ctx, b)
		switch r.Outcome {
		case openpipeline.Accepted:
			f.s.Extra = b.To
			return becauseFollowUps, nil
		case openpipeline.Refused, openpipeline.TooLarge:
			if b.To-b.From == 1 {
				f.leftOut++
				f.s.Extra = b.To
				return becauseFollowUps, nil
			}
			halves := b.Halves()
			if why, err := f.sendBatch(ctx, halves[0]); err != nil {
				return why, err
			}
			return f.sendBatch(ctx, halves[1])
		case openpipeline.Unusable:
			return becauseDown, fmt.Errorf("send coverage and vulnerabilities: %w", r.Err)
		}
		if r.Outcome != openpipeline.Doubt || again == maxStartOver {
			return becauseFollowUps, fmt.Errorf("send coverage and vulnerabilities: %w", r.Err)
		}
	}
}
