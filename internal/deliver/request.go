package deliver

import "context"

// Request is what the caller wants of a delivery. The zero value is the request of a
// trigger: a delivery that has not ended goes on, and one that has ended is not sent
// again.
type Request struct {
	// JobID names the replay request, by the id of its job or of its first call: a
	// delivery that has ended is sent again, once for each id. Empty: a trigger.
	JobID string
	// Force lets the scan take the place of a newer one.
	Force bool
	// Rate keeps to the pace of a replay request; nil: the request names no pace. A
	// trigger without a Rate keeps to the pace in the delivery document.
	Rate *Rate
	// Newer returns the key of a newer object of the system: a delivery that would
	// begin is then left to the sweep. Empty: there is none. Nil: the delivery begins
	// in any case. It is called while other reads run.
	Newer func(context.Context) (string, error)
	// LeavePaced leaves a delivery that keeps to a pace to another call, since it would
	// use up the whole invocation.
	LeavePaced bool
	// Remembered says that the caller finds the object again by itself if the delivery
	// stays open; see Options.KeepInView.
	Remembered bool
}

// asks reports whether a delivery that has ended is sent again. A delivery that has not
// ended just goes on.
func (r *Request) asks(at *situation) bool {
	return r.JobID != "" && at.sameVersion() && at.delivery.Final() && r.JobID != at.delivery.Replay
}

// mark notes in the scan's record whether it is forced, and over which commit. A replay
// that sends it again and a forced request overwrite the note, others leave it.
func (r *Request) mark(at *situation, c *candidate) {
	if at.replay || r.Force {
		c.recorded.Force, c.recorded.Over = r.Force, c.newestOther()
	}
}
