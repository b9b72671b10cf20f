package forward

import (
	"context"
	"errors"
	"time"
)

// wish is what a replay asks for; nil is a trigger, which asks for nothing.
type wish struct {
	// id names the job that asks, so that its repetition sends nothing twice;
	// empty: each call is meant.
	id string
	// force lets the scan take the place of a newer one.
	force bool
	pace  *pace
}

// asks tells whether a delivery that has ended begins anew. One that has not
// ended just goes on.
func (w *wish) asks(s *situation) bool {
	return w != nil && s.same() && s.delivery.Final() && (w.id == "" || w.id != s.delivery.Replay)
}

// mark puts down whether a scan is forced, and over which commit. A replay says
// so anew, a trigger leaves it as it is.
func (w *wish) mark(s *situation, c *candidate) {
	if s.replay || w.forces() {
		c.before.Force, c.before.Over = w.forces(), c.register.ScanID
	}
}

func (w *wish) forces() bool { return w != nil && w.force }

// pace bounds the events per second, over all objects of a replay.
type pace struct {
	perSecond float64
	free      time.Time // when the next events may go out
}

var errPaced = errors.New("the pace that was asked for leaves the rest to another invocation")

// pace waits until n events may go out. It gives errPaced where that is not in
// this invocation's time.
func (d *delivery) pace(ctx context.Context, n int64) error {
	if d.wish == nil || d.wish.pace == nil {
		return nil
	}
	p, now := d.wish.pace, d.f.o.Now()
	if p.free.After(now) {
		if !p.free.Before(d.win.soft) {
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
