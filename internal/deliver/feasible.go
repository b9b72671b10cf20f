package deliver

import (
	"context"
	"fmt"
	"math"
	"time"

	"runecast-ingest/internal/fault"
)

// maxPaced is how long the events of a scan may take at the pace that was asked
// for: half of what its rows may be old at the commit. The other half is for what
// lies between two invocations.
const maxPaced = maxAge / 2

// feasible refuses a pace under which a scan would be too old before all of it
// is sent, and begin anew for ever. It maps the scan to count its events, which
// costs no request; what else may be wrong with it, its delivery will say.
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

// events counts the findings that a scan is mapped to, as far as it can be read.
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
