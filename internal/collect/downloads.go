package collect

import (
	"math/rand/v2"
	"time"

	"runecast-ingest/internal/archive"
)

const (
	// period is how long a system that has finished waits for its results to be
	// downloaded, at the most, and how often all results are downloaded meanwhile.
	period = 30 * time.Minute
	// firstAndLast is how many downloads there may be beside one per period: the
	// first, as soon as there is something to archive, and the last, when nothing
	// else is open.
	firstAndLast = 2
	// lookBytes is what a look may read before there are fewer of them, and margin
	// what is kept of a period for the round itself where it has one look only.
	lookBytes = 512 << 10
	margin    = time.Minute
	// tickPeriod is the time between two ticks of the schedule (template.yaml).
	tickPeriod = 5 * time.Minute
)

// progress is what the decision about a download depends on.
type progress struct {
	// began is when the run did, and now the time of the look at the scans.
	began, now time.Time
	// next is when the next look will have taken place at the latest.
	next time.Time
	// ready and open count the systems that have finished, and the others that are
	// still to finish.
	ready, open int
	// past are the downloads so far, and fresh reports whether none of them has failed
	// in this invocation.
	past  archive.Downloads
	fresh bool
}

// due reports whether the results of all systems are to be downloaded now. API v1
// has one document for all of them, which may be hundreds of megabytes: it must
// not be downloaded for each system that finishes. There are at most two
// downloads, and one more for each half hour that the run has lasted. Those that
// failed are counted apart: five may, one more for each half hour, and one of each
// invocation. Within these bounds
//   - the first is made as soon as a system is ready,
//   - the last as soon as no other system is open,
//   - one that failed is repeated at once,
//   - and otherwise nobody waits for more than half an hour, as long as the looks
//     are not further apart than a few minutes.
//
// The last look of a run downloads what is ready beyond these bounds; see downloadAll.
func (p progress) due() bool {
	switch {
	case p.ready == 0, !p.allowed():
		return false
	case p.past.Last.IsZero(), p.open == 0, p.past.Repeat:
		return true
	}
	return p.next.After(p.past.Last.Add(period))
}

// pause is how long it takes from one look at all scans to the next, if the look
// has read so many bytes. API v1 answers with the results of all systems, of which
// those that have found nothing are left out: nearly as much as a download. So the
// poll interval is for looks that read a certain amount at most; those that read a
// multiple of it are as many times less often, but at least once in half an hour.
//
// The look that finds a download due is not passed over: left is the time until
// the last download is half an hour ago, 0 or less if that does not matter.
func pause(interval time.Duration, read, most int64, left time.Duration) time.Duration {
	dear := time.Duration(min(float64(interval)*float64(read)/float64(most), float64(period-margin)))
	if left -= margin; left > 0 {
		dear = min(dear, left)
	}
	return max(interval, dear)
}

// allowed reports whether there may be another download by now.
func (p progress) allowed() bool {
	periods := int(max(0, p.now.Sub(p.began)) / period)
	return p.past.Whole < firstAndLast+periods && (p.past.Failed < patience+periods || p.past.Repeat && p.fresh)
}

// pass reports whether the next look is to be a download at once: where looks are
// dear, and half an hour has gone by since the last download, or since the run
// began. One document is read then instead of two.
func (p progress) pass(nextLook time.Time) bool {
	last := p.past.Last
	if last.Before(p.began) {
		last = p.began
	}
	return !nextLook.IsZero() && !p.past.Repeat && p.allowed() && !p.now.Before(last.Add(period-margin))
}

// nextLook is when the scans will have been looked at again after now, at the
// latest: after a wait, or by the invocation of the next tick, to which a wait that
// takes too long for this one is left at once.
func (v *invocation) nextLook() time.Time {
	now := v.o.Now()
	next := now.Add(v.o.PollInterval / 2 * 3)
	if next.Before(v.run.NextLook) {
		next = v.run.NextLook
	}
	if tick := now.Add(tickPeriod); !v.stop.IsZero() && !next.Before(v.stop) && next.Before(tick) {
		return tick
	}
	return next
}

// wait is the time until the next round: about the poll interval, but until the
// next look if that is later, and not beyond the run's deadline.
func (v *invocation) wait() time.Duration {
	now := v.o.Now()
	wait := v.o.PollInterval/2 + rand.N(v.o.PollInterval)
	if dear := v.run.NextLook.Sub(now); dear > wait {
		wait = max(wait, min(dear, v.run.Deadline.Sub(now)))
	}
	return wait
}
