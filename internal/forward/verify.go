package forward

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/arrival"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/store"
)

// Counter counts rows in Grail; see grail.Client.
type Counter interface {
	// Ready returns an error if there is no token that may query.
	Ready(ctx context.Context) error
	// Count returns how many rows of each scan are in Grail; it waits until stop at most.
	Count(ctx context.Context, s grail.Scans, stop time.Time) (grail.Counted, error)
}

const (
	// maxArrivals bounds the scans that an answer lists.
	maxArrivals = 50
	// resendID is how the id of a replay begins that a verification requests.
	resendID = "resend-"
)

// Verify asks Grail whether the rows of the lately committed scans are there: at the
// times of package arrival, or for one object at once. It writes the result into the
// delivery documents. Scans that are due and lie close together in time share one
// query. If Grail cannot be asked or does not answer, that is a reason in the answer and
// no error, since deliveries do not depend on it. Errors are those of the request and of
// the archive.
func (f *Forwarder) Verify(ctx context.Context, text jsontext.Value) (payload.VerifyAnswer, error) {
	v := &verification{f: f, started: f.o.Now(), win: deliver.WindowOf(ctx, f.o.Now()), systemNames: map[string]string{}}
	v.answer.Attention, v.answer.Reasons = []payload.ArrivalAttention{}, []string{}
	req, err := payload.ParseVerify(text)
	if err != nil {
		return v.answer, err
	}
	if err := v.ready(ctx); err != nil {
		v.answer.Reasons = append(v.answer.Reasons, err.Error())
		v.answer.Next = "arrivals stay unknown until the reason is mended"
		return v.answer, nil
	}
	if req.Key != "" {
		err = v.findOne(ctx, req.Key)
	} else {
		err = v.find(ctx)
	}
	if err != nil {
		return v.answer, err
	}
	v.ask(ctx)
	// A crash before or between the writes leaves the old arrival in the documents that
	// are not written yet: the next verification asks for those scans again.
	err = errors.Join(v.write(ctx), v.remember(ctx))
	v.resend(ctx)
	v.observe(ctx)
	v.answer.Next = v.advice()
	return v.answer, err
}

// verification is one call of Verify under way.
type verification struct {
	f       *Forwarder
	started time.Time
	win     deliver.Window
	answer  payload.VerifyAnswer
	memory  store.Doc[archive.Verify]
	// registers are the commit registers that the memory does not know as settled.
	registers []commitsOf
	// deliveries are the delivery documents that were read, by raw key.
	deliveries map[string]*store.Tracked
	// due are the scans that Grail is asked about in this call.
	due []*asked
	// systemNames are the names of systems by raw key, as far as the registers hold them.
	systemNames map[string]string
}

// commitsOf is a commit register, by its key and ETag, with the raw keys of the commits
// that it holds: the newest and the one before.
type commitsOf struct {
	key, etag string
	raw       []string
}

// asked is a scan that Grail is asked about.
type asked struct {
	delivery *store.Tracked
	scan     *archive.SystemScan
	// from and to bound the time in which the rows of the scan lie.
	from, to time.Time
	// before is the arrival as it was read from the delivery document.
	before archive.Arrival
	// answered says that Grail has answered; blind says that the answer had no row of
	// any scan of the query, so that Grail may not see the rows at all.
	answered, blind bool
}

// ready returns an error that says why Grail cannot be asked, and logs it; nil: it can.
func (v *verification) ready(ctx context.Context) error {
	if v.f.o.Grail == nil {
		return &fault.Error{Class: fault.Config, What: "no address of a query service is known", Cure: "set GRAIL_URL to https://<environment>.apps.dynatrace.com"}
	}
	err := v.f.o.Grail.Ready(ctx)
	switch {
	case errors.Is(err, secret.ErrNoQueryToken):
		v.f.o.Log.InfoContext(ctx, "arrivals are not verified", "reason", err.Error())
	case err != nil:
		v.f.o.Log.WarnContext(ctx, "arrivals are not verified", "class", fault.ClassOf(err), "error", err.Error())
	}
	return err
}

// findOne makes all committed scans of one object due.
func (v *verification) findOne(ctx context.Context, key string) error {
	if err := v.read(ctx, []string{key}); err != nil {
		return err
	}
	t := v.deliveries[key]
	if t.Err != nil {
		return t.Err
	}
	for _, s := range scansOf(t) {
		if s.Arrival != nil && verifiable(t) {
			v.add(t, s)
		}
	}
	return nil
}

// verifiable reports whether a verification may write a delivery document: the
// delivery has ended and no invocation holds the lease, so that the write of a
// verification does not collide with that of a delivery.
func verifiable(t *store.Tracked) bool {
	d := &t.Delivery.Value
	return t.Err == nil && t.Delivery.Exists() && d.Final() && d.Lease == nil
}

// scansOf returns the scans of a delivery document. If the document has several,
// the pointers lead into it; if it has one, the pointer leads to a copy.
func scansOf(t *store.Tracked) []*archive.SystemScan {
	d := &t.Delivery.Value
	if len(d.Scans) == 0 {
		return []*archive.SystemScan{{System: d.System, Scan: d.Scan}}
	}
	var all []*archive.SystemScan
	for i := range d.Scans {
		all = append(all, &d.Scans[i])
	}
	return all
}

// add makes a scan due.
func (v *verification) add(t *store.Tracked, s *archive.SystemScan) {
	from, to := arrival.Window(&s.Scan)
	v.due = append(v.due, &asked{delivery: t, scan: s, from: from, to: to, before: *s.Arrival})
}

// write writes the changed arrivals into the delivery documents. If another invocation
// has written a document since it was read, that write stays, the arrival is not kept,
// and the next verification asks again. It returns the errors of the other writes.
func (v *verification) write(ctx context.Context) error {
	changed := map[string]*store.Tracked{}
	for _, a := range v.due {
		if differs(&a.before, a.scan.Arrival) {
			changed[a.delivery.Key] = a.delivery
		}
		if d := &a.delivery.Delivery.Value; len(d.Scans) == 0 {
			d.Arrival = a.scan.Arrival
		}
	}
	var failed error
	for key, t := range changed {
		d := &t.Delivery.Value
		if len(d.Scans) > 0 {
			d.Arrival = archive.SumArrivals(d.Scans)
		}
		d.UpdatedAt = v.f.o.Now().UTC()
		err := store.Save(ctx, v.f.o.Archive, &t.Delivery)
		switch {
		case err == nil:
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
			v.f.o.Log.InfoContext(ctx, "what has arrived is not kept, and asked again: another invocation has written the document", "key", key, "error", err.Error())
			t.Err = err
		case errors.Is(err, store.ErrUnknown):
			v.f.o.Log.InfoContext(ctx, "what has arrived may not be kept, and is asked again: S3 did not answer the write", "key", key, "error", err.Error())
			t.Err = err
		default:
			failed = errors.Join(failed, err)
			t.Err = err
		}
	}
	return failed
}

// differs reports whether two arrivals differ.
func differs(a, b *archive.Arrival) bool {
	return a.State != b.State || a.Reason != b.Reason || a.Indexed != b.Indexed || a.Doubled != b.Doubled || a.ScanEvents != b.ScanEvents || !a.At.Equal(b.At)
}

// remember writes into the memory which registers are settled. The memory only saves
// work, so a write that collides with another's is left to the next call.
func (v *verification) remember(ctx context.Context) error {
	m := &v.memory.Value
	if m.Settled == nil {
		return nil // one object was asked for
	}
	fresh := false
	for _, r := range v.registers {
		if v.settled(&r) {
			m.Settled[r.key], fresh = r.etag, true
		}
	}
	if !fresh {
		return nil
	}
	m.UpdatedAt = v.started.UTC()
	err := store.Save(ctx, v.f.o.Archive, &v.memory)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRace) || errors.Is(err, store.ErrUnknown) {
		return nil
	}
	return err
}

// settled reports whether Grail need not be asked again about the commits of a register.
func (v *verification) settled(r *commitsOf) bool {
	for _, key := range r.raw {
		t := v.deliveries[key]
		switch {
		case t.Err != nil:
			return false
		case !t.Delivery.Exists():
			continue // the document is gone, and with it the scan to ask about
		case !verifiable(t):
			return false
		}
		for _, s := range scansOf(t) {
			if s.Arrival != nil && !arrival.Settled(s.Arrival, v.started) {
				return false
			}
		}
	}
	return true
}
