package deliver

import "context"

// Request is what a delivery is asked for. The zero value is a trigger's: what
// has not ended goes on, and nothing is sent again that has.
type Request struct {
	// JobID names the replay that asks, by the id of its job or of its first
	// call: what has ended is sent again, once for each job. Empty: a trigger.
	JobID string
	// Force lets the scan take the place of a newer one.
	Force bool
	// Rate bounds the events per second; nil: nothing does, or, by a trigger, what
	// an earlier request has asked for.
	Rate *Rate
	// Newer returns the key of a newer object of the system: a delivery that would
	// begin is left to the sweep then. Empty: there is none. Nil: it does not matter.
	Newer func(context.Context) (string, error)
	// LeavePaced leaves a delivery that keeps to a pace to another call: it would
	// take all the time.
	LeavePaced bool
	// Remembered says that the caller finds the object again by itself, should
	// its delivery stay open.
	Remembered bool
}

// asks reports whether a delivery that has ended begins anew. One that has not
// ended just goes on.
func (r *Request) asks(at *situation) bool {
	return r.JobID != "" && at.sameVersion() && at.delivery.Final() && r.JobID != at.delivery.Replay
}

// mark puts down whether a scan is forced, and over which commit. A replay says
// so anew, a trigger leaves it as it is.
func (r *Request) mark(at *situation, c *candidate) {
	if at.replay || r.Force {
		c.recorded.Force, c.recorded.Over = r.Force, c.newestOther()
	}
}
