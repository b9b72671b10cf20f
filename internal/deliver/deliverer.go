// Package deliver delivers raw objects to Dynatrace: one object, one
// transaction. It promises that all findings of a scan carry one scan id, that
// the scan-completed event, which makes them visible, goes out last and only if
// every finding was accepted, that an older scan never replaces a newer one,
// and that each delivery's state is in the archive for whoever comes next.
//
// The steps are numbered as in PROTOCOL.md:
// 1 read the state, 2 read the register, 3 take the lease, 4 stream, 5 release,
// 6 commit point, 7 scan-completed event, 8 complete.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// Sender posts a body; see openpipeline.Client.Send.
type Sender interface {
	Send(ctx context.Context, body []byte, stop time.Time) openpipeline.Result
}

// Publisher tells people of committed scans; see eventbus.Bus.Publish.
type Publisher interface {
	Publish(ctx context.Context, notices []notice.Committed) (failed int, err error)
}

// Options of a deliverer.
type Options struct {
	Config  config.Forwarder
	Archive *store.Store
	Sender  Sender
	Log     *slog.Logger
	// Metrics takes figures for CloudWatch; nil: none.
	Metrics *telemetry.Metrics
	// Now and Sleep are the clock; Sleep ends early with the context's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// NewID gives random UUIDs: scan ids and lease owners.
	NewID func() string
	// Notices takes a notice of each scan whose delivery completes; nil: nobody is told.
	Notices Publisher
	// KeepInView is called before the first write of a delivery that its caller
	// does not remember: whatever ends the invocation, a sweep must find the
	// object. It is told whether what had ended is sent again. Nil: nobody sweeps.
	KeepInView func(ctx context.Context, info archive.RawInfo, replayed bool) error
}

// Deliverer delivers raw objects. It is safe for concurrent use.
type Deliverer struct {
	o      Options
	mapper *mapping.Mapper
	// buffers serve one invocation at a time, as Lambda has it.
	buffers *openpipeline.Buffers
	checks  catalogs
}

// New makes a deliverer.
func New(o Options) *Deliverer {
	c := o.Config
	return &Deliverer{
		o: o, mapper: mapping.New(c.Mapping),
		buffers: openpipeline.NewBuffers(c.SendConcurrency+1, c.MaxBatchBytes), // in flight, and one being packed
	}
}

// Window is the time of one invocation: no POST starts after Soft, no POST
// runs after Hard, and what is left until the deadline is for saving.
type Window struct{ Soft, Hard, Deadline time.Time }

// WindowOf reserves min(60 s, a quarter) of the time that is left. Without a
// deadline there are 15 minutes, Lambda's most.
func WindowOf(ctx context.Context, now time.Time) Window {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = now.Add(15 * time.Minute)
	}
	margin := min(time.Minute, deadline.Sub(now)/4)
	return Window{Soft: deadline.Add(-margin), Hard: deadline.Add(-margin / 4), Deadline: deadline}
}

// catalogs keeps the last catalogue: the objects of a run name the same one.
type catalogs struct {
	sync.Mutex
	key  string
	last *mapping.Catalog
}

// catalog reads a check catalogue. It only adds to findings what the results do
// not say, so a missing or bad one is logged and done without.
func (f *Deliverer) catalog(ctx context.Context, key string) *mapping.Catalog {
	c := &f.checks
	c.Lock()
	defer c.Unlock()
	if key == c.key { // no catalogue: no key
		return c.last
	}
	body, err := f.o.Archive.OpenCatalog(ctx, key)
	if err == nil {
		defer body.Close()
		c.last, err = mapping.ReadCatalog(body)
	}
	if err != nil {
		f.o.Log.WarnContext(ctx, "the check catalogue cannot be read, findings go without its texts", "catalog", key, "error", err.Error())
		c.last = nil
		if fault.ClassOf(err) != fault.Reject && !errors.Is(err, store.ErrMissing) {
			c.key = "" // it may be readable the next time
			return nil
		}
	}
	c.key = key
	return c.last
}
