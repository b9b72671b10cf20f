package deliver

import (
	"context"
	"fmt"
	"math"
	"time"

	"runecast-ingest/internal/fault"
)

// maxPaced is how long the findings of a scan may take at the pace of a replay request:
// half of maxAge. The other half is for the time between two invocations.
const maxPaced = maxAge / 2

// feasible returns a fault of class Reject if the pace of a replay request is so slow
// that a scan would be too old before all of it is sent: it would begin anew for ever.
// It maps the scan to count its findings, and sends nothing. An error of the mapping is
// left to the delivery, which meets it again.
func (d *delivery) feasible(ctx context.Context, steps []step) error {
	if d.request.Rate == nil {
		return nil
	}
	for i, s := range d.scans {
		if steps[i] != stepSend {
			continue
		}
		events := d.events(ctx, s)
		if takes := d.request.Rate.takes(events); takes > maxPaced {
			return tooSlow(d.key, events, takes)
		}
	}
	return nil
}

// events returns the number of findings that a scan is mapped to, as far as it can be
// read.
func (d *delivery) events(ctx context.Context, s *scan) (n int64) {
	in, done, err := d.input(ctx, s)
	if err != nil {
		return 0
	}
	defer func() { _ = done() }()
	in.Catalog = d.catalogs.get(ctx, in.Document.Catalog)
	in.Emit = func([]byte) error { n++; return nil }
	_, _ = d.mapper.Map(in)
	return n
}

func tooSlow(key string, events int64, takes time.Duration) error {
	least := math.Ceil(float64(events)/maxPaced.Seconds()*1000) / 1000
	return &fault.Error{Class: fault.Reject, Where: key,
		What: fmt.Sprintf("at the pace that was asked for its %d events take %s, longer than %s: the first rows would be too old for the dashboard before the last are sent",
			events, takes.Round(time.Minute), maxPaced),
		Cure: fmt.Sprintf("ask for at least %g events per second, or for no pace", least)}
}
