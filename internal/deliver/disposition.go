package deliver

import (
	"context"
	"errors"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/store"
)

// reason names why the delivery of a scan stops in this invocation, or does not
// begin. Where several requests fail at the same time the gravest reason counts: the
// last in this list.
type reason int

const (
	// becauseError: no reason below is known yet; named derives one from the error.
	becauseError reason = iota

	// There was nothing to do.

	becauseEnded  // the delivery had ended before
	becauseLeased // another invocation holds the lease
	becauseOlder  // a replay asked for it, but a newer scan is committed; or it is left to the sweep

	// The scan has ended.

	becauseComplete   // its scan event is accepted
	becauseSuperseded // a newer scan is committed
	becauseUnfit      // the object is to blame: unreadable, nothing to show, too much of it refused

	// The scan is left to the next invocation.

	becauseTime        // no time is left in this invocation
	becauseRate        // the pace of the replay allows no more events in this invocation
	becauseBusy        // the endpoint refuses for now
	becauseUnderWay    // there is no register, and a newer scan is under way
	becauseAhead       // the reserved timestamp is too far ahead of this clock
	becauseUnannounced // committed, but the scan event is not accepted yet
	becauseUnknown     // committed, and nobody knows whether the scan event is accepted
	becauseFollowUps   // the extras are not all sent
	becauseInterrupted // another step failed: reading or writing S3, or encoding an event
	becauseDown        // the endpoint cannot be used until a person mends it
	becauseHopeless    // the endpoint refuses everything that is sent
	becauseOld         // the generation is too old to be committed
	becauseReplaced    // it was committed, and then another scan before its scan event was accepted
	becauseDoubt       // it cannot be known what was accepted

	// The scan is not this invocation's any more.

	becauseUnsaved   // it cannot be known whether the delivery document was written
	becauseTakenOver // another invocation owns the delivery
)

func (r reason) String() string {
	return [...]string{
		"error", "ended before", "leased", "older", "complete", "superseded", "unfit", "out of time", "rate", "endpoint busy", "newer under way", "timestamp ahead", "not announced",
		"not known to be announced", "follow-ups left", "interrupted", "endpoint down", "everything refused", "too old", "replaced", "doubt", "state not saved", "taken over",
	}[r]
}

// next is what a delivery does after it has stopped with one of its scans.
type next int

const (
	nextScan      next = iota // go on with the next scan of the object
	nextStartOver             // abandon the generation and send the next one at once
	nextRelease               // send nothing more, write the state, give the lease back
	nextReport                // as nextRelease, and report that no other object can be delivered either
	nextNothing               // neither send nor write anything: another invocation owns the document, or may
)

// disposition is how the delivery of a scan ends in this invocation, and what
// the invocation does next. The zero value goes on with the next scan.
type disposition struct {
	reason reason
	// err explains the reason to a person; nil: there is nothing to explain.
	err  error
	next next
	// becomes is the state that the scan has from now on, as in the delivery document;
	// empty: this invocation must not change it.
	becomes string
	// doubt: it cannot be known what was accepted, so that the generation must
	// not go on.
	doubt bool
	// raised: err is also returned to the caller, since a person or another try is needed.
	raised bool
}

// text returns the explanation for the delivery document; empty: there is none.
func (d *disposition) text() string {
	if d.err == nil {
		return ""
	}
	return d.err.Error()
}

// cause returns the error that the caller gets with the outcome; nil: none.
func (d *disposition) cause() error {
	if d.raised {
		return d.err
	}
	return nil
}

// dispose decides how the delivery of a scan ends: by the reason, or by the error if the
// reason is not known yet. again: there is time to start over, and there are tries left.
func dispose(why reason, err error, again bool) disposition {
	why = named(why, err)
	d := disposition{reason: why, err: err, next: nextRelease, becomes: archive.DeliverySending}
	switch why {
	case becauseComplete:
		d.next, d.becomes = nextScan, archive.DeliveryComplete
	case becauseSuperseded:
		d.next, d.becomes = nextScan, archive.DeliverySuperseded
	case becauseUnfit:
		d.next, d.becomes = nextScan, archive.DeliveryFailed
	case becauseTime, becauseRate, becauseBusy, becauseUnderWay, becauseUnannounced, becauseFollowUps:
	case becauseAhead, becauseInterrupted:
		d.raised = true
	case becauseDown:
		d.next, d.raised = nextReport, true
	case becauseHopeless: // the events in quarantine may be valid: doubt makes the next try send them again
		d.next, d.raised, d.doubt = nextReport, true, true
	case becauseUnknown: // the scan may be shown: if it fails later, its commit must still count
		d.doubt = true
	case becauseDoubt, becauseOld, becauseReplaced: // rules 09, 14 and 15
		d.doubt = true
		if again {
			d.next = nextStartOver
		}
	case becauseUnsaved, becauseTakenOver: // rule 13
		d.next, d.becomes, d.raised = nextNothing, "", true
	}
	return d
}

// named returns the reason, or the one that the error tells if why is becauseError,
// becauseUnsaved or not precise enough.
func named(why reason, err error) reason {
	timeIsOver := errors.Is(err, context.DeadlineExceeded)
	if errors.Is(err, errUnderWay) {
		return becauseUnderWay
	}
	switch {
	case why == becauseDown && timeIsOver: // the request ended before it was known whether the endpoint is down
		return becauseTime
	case why != becauseError && why != becauseUnsaved:
		return why
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRace):
		return becauseTakenOver
	case why == becauseUnsaved, errors.Is(err, store.ErrUnknown):
		return becauseUnsaved
	case fault.ClassOf(err) == fault.Reject:
		return becauseUnfit
	case timeIsOver:
		return becauseTime
	}
	return becauseInterrupted
}

// reasonOf returns why sending stops after a request that was not accepted. It is not
// called for Refused and TooLarge, whose events go out in another form.
func reasonOf(r *openpipeline.Result) reason {
	switch {
	case r.Outcome == openpipeline.Doubt: // rule 08
		return becauseDoubt
	case r.Outcome == openpipeline.Unusable:
		return becauseDown
	case errors.Is(r.Err, errRate):
		return becauseRate
	case errors.Is(r.Err, context.DeadlineExceeded): // no time was left for an attempt
		return becauseTime
	}
	return becauseBusy
}
