package deliver

import (
	"context"
	"errors"
	"time"
)

// Request is what a delivery is asked for. The zero value is a trigger's, which
// sends nothing again that has ended.
type Request struct {
	// JobID names the replay that asks, so that its repetition sends nothing
	// twice; empty: a trigger.
	JobID string
	// Force lets the scan take the place of a newer one.
	Force bool
	// Rate bounds the events per second; nil: it does not.
	Rate *Rate
	// Remembered: the caller finds the object again should its delivery stay open.
	Remembered bool
}

// asks reports whether a delivery that has ended begins anew. One that has not
// ended just goes on.
func (r *Request) asks(s *situation) bool {
	return r.JobID != "" && s.same() && s.delivery.Final() && r.JobID != s.delivery.Replay
}

// mark puts down whether a scan is forced, and over which commit. A replay says
// so anew, a trigger leaves it as it is.
func (r *Request) mark(s *situation, c *candidate) {
	if s.replay || r.Force {
		c.before.Force, c.before.Over = r.Force, c.register.ScanID
	}
}

// Rate bounds the events per second, over all objects of a replay.
type Rate struct {
	perSecond float64
	free      time.Time // when the next events may go out
}

// NewRate makes a rate of so many events per second, more than 0.
func NewRate(perSecond float64) *Rate { return &Rate{perSecond: perSecond} }

var errPaced = errors.New("the pace that was asked for leaves the rest to another invocation")

// pace waits until n events may go out. It gives errPaced where that is not in
// this invocation's time.
func (d *delivery) pace(ctx context.Context, n int64) error {
	p, now := d.request.Rate, d.f.o.Now()
	if p == nil {
		return nil
	}
	if p.free.After(now) {
		if !p.free.Before(d.win.Soft) {
			return errPaced
		}
		if err := d.f.o.Sleep(ctx, p.free.Sub(now)); err != nil {
			return err
		}
		now = p.free
	}
	takes := min(float64(n)/p.perSecond, longestPause.Seconds())
	p.free = now.Add(time.Duration(takes * float64(time.Second)))
	return nil
}

// longestPause bounds what the slowest pace makes of a body: longer than any invocation.
const longestPause = 24 * time.Hour
