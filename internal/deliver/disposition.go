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
// begin. Where several requests fail at the same time the gravest counts: the
// one that is last in this list.
type reason int

const (
	// becauseError: something failed that has no name below; the error decides.
	becauseError reason = iota

	// There was nothing to do.

	becauseEnded  // it ended before
	becauseLeased // another invocation holds the lease
	becauseOlder  // it was to be sent again, but a newer scan is committed

	// The scan has ended.

	becauseComplete   // its scan event is accepted
	becauseSuperseded // a newer scan is committed
	becauseUnfit      // the object is to blame: unreadable, nothing to show, too much of it refused

	// The scan is left to whoever comes next.

	becauseTime        // no time is left in this invocation
	becauseRate        // the rate that a replay asked for leaves no more to this invocation
	becauseBusy        // the endpoint refuses for now
	becauseUnderWay    // there is no register, and a newer scan is under way
	becauseAhead       // the reserved timestamp lies ahead of this clock
	becauseUnannounced // committed, but the scan event is not accepted yet
	becauseUnknown     // the same, and nobody knows whether it is
	becauseFollowUps   // shown, but the events that follow are not all sent
	becauseInterrupted // something between failed: S3, the register
	becauseDown        // the endpoint cannot be used until a person mends it
	becauseHopeless    // the endpoint refuses whatever is sent
	becauseOld         // its rows are too old to be committed
	becauseReplaced    // it was committed, and another scan since, before its scan event was accepted
	becauseDoubt       // it cannot be known what was accepted

	// The scan is not this invocation's any more.

	becauseUnsaved   // whether the delivery document was written cannot be known
	becauseTakenOver // another invocation owns the delivery
)

func (r reason) String() string {
	return [...]string{
		"error", "ended before", "leased", "older", "complete", "superseded", "unfit", "out of time", "rate", "endpoint busy", "newer under way", "timestamp ahead", "not announced",
		"not known to be announced", "follow-ups left", "interrupted", "endpoint down", "everything refused", "too old", "replaced", "doubt", "state not saved", "taken over",
	}[r]
}

// next is what a delivery does once a scan is disposed of.
type next int

const (
	nextScan      next = iota // go on with the next scan of the object
	nextStartOver             // abandon the generation and send the next one at once
	nextRelease               // send nothing more, write the state, give the lease back
	nextReport                // the same, and no other object can be delivered either
	nextNothing               // neither send nor write anything: the document is another's, or may be
)

// disposition is how the delivery of a scan ends in this invocation, and what
// follows from it. The zero value goes on with the next scan.
type disposition struct {
	reason reason
	// err explains the reason to a person; nil: there is nothing to explain.
	err  error
	next next
	// becomes is the state that the scan has from now on; empty: it is not this
	// invocation's to say.
	becomes string
	// doubt: it cannot be known what was accepted, so that the generation must
	// not go on.
	doubt bool
	// raised: the error is the caller's, too: a person or another try is needed.
	raised bool
}

// text is what the delivery document says of it.
func (d *disposition) text() string {
	if d.err == nil {
		return ""
	}
	return d.err.Error()
}

// cause returns the error for the caller, beside the outcome.
func (d *disposition) cause() error {
	if d.raised {
		return d.err
	}
	return nil
}

// dispose decides how the delivery of a scan ends: by the reason, by the class
// of an error that has no reason of its own, and by whether there is time, and
// are tries, to start over.
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
	case becauseHopeless: // what was quarantined is not to blame: the next try begins anew
		d.next, d.raised, d.doubt = nextReport, true, true
	case becauseUnknown: // should another be committed, it must count as shown
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

// named returns the reason of an error that has none, or not the whole one.
func named(why reason, err error) reason {
	timeIsOver := errors.Is(err, context.DeadlineExceeded)
	if errors.Is(err, errUnderWay) {
		return becauseUnderWay
	}
	switch {
	case why == becauseDown && timeIsOver: // there was no time to find out
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

// reasonOf is the reason in a request that was not accepted, unless what it
// refuses is to be sent in another form.
func reasonOf(r *openpipeline.Result) reason {
	switch {
	case r.Outcome == openpipeline.Doubt: // rule 08
		return becauseDoubt
	case r.Outcome == openpipeline.Unusable:
		return becauseDown
	case errors.Is(r.Err, errRate):
		return becauseRate
	case errors.Is(r.Err, context.DeadlineExceeded): // there was no time for an attempt
		return becauseTime
	}
	return becauseBusy
}
