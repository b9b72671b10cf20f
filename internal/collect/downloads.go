package collect

import (
	"math/rand/v2"
	"time"

	"runecast-ingest/internal/archive"
)

const (
	// period is how long a system that has finished waits at most for its results to
	// be downloaded. In each period of a run one download is allowed.
	period = 30 * time.Minute
	// firstAndLast is how many downloads are allowed in addition: the first, as soon
	// as there is something to archive, and the last, when no other system is open.
	firstAndLast = 2
	// lookBytes is how many bytes a look may read before looks become rarer.
	lookBytes = 512 << 10
	// margin is the part of a period that is left for the round itself, where there is
	// only one look in a period.
	margin = time.Minute
	// tickPeriod is the time between two ticks of the schedule (template.yaml).
	tickPeriod = 5 * time.Minute
)

// progress is what the decision about a download depends on.
type progress struct {
	// began is when the run began, and now the time of the look at the scans.
	began, now time.Time
	// next is when the next look will have taken place at the latest.
	next time.Time
	// ready counts the systems that have finished and are not archived yet, open the
	// other systems that have not ended.
	ready, open int
	// past counts the downloads so far. fresh: the last download of this invocation
	// did not fail, or there was none.
	past  archive.Downloads
	fresh bool
}

// due reports whether the results of all systems are to be downloaded now. API v1
// has one document for all of them, which may be hundreds of megabytes: it must
// not be downloaded for each system that finishes. At most two downloads are made, and
// one more for each half hour that the run has lasted. Failed downloads are counted
// apart: five are allowed, one more for each half hour, and one more in each
// invocation. Within these bounds
//   - the first download is made as soon as a system is ready,
//   - the last one as soon as no other system is open,
//   - a failed one is repeated at once,
//   - and no other system waits for more than half an hour, as long as the looks are
//     not further apart than a few minutes.
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

// pause returns how long to wait after a look at all scans that has read so many bytes.
// A look with API v1 reads the results of all systems without the rules that found
// nothing, which may be nearly as much as a download. So the pause is the poll interval
// if the look has read at most `most` bytes. If it has read a multiple of that, the
// pause is as many times longer, but shorter than half an hour.
//
// left is the time until the last download will be half an hour ago, so that another
// one is due; 0 or less: that does not matter. The pause ends a minute before.
func pause(interval time.Duration, read, most int64, left time.Duration) time.Duration {
	longer := time.Duration(min(float64(interval)*float64(read)/float64(most), float64(period-margin)))
	if left -= margin; left > 0 {
		longer = min(longer, left)
	}
	return max(interval, longer)
}

// allowed reports whether another download is allowed by now, see due.
func (p progress) allowed() bool {
	periods := int(max(0, p.now.Sub(p.began)) / period)
	return p.past.Whole < firstAndLast+periods && (p.past.Failed < patience+periods || p.past.Repeat && p.fresh)
}

// lookIsDownload reports whether the next look is to be a download at the same time, so
// that one document is read instead of two. It is if looks read so much that they have
// become rarer, and half an hour has passed since the last download, or since the run
// began.
func (p progress) lookIsDownload(nextLook time.Time) bool {
	last := p.past.Last
	if last.Before(p.began) {
		last = p.began
	}
	return !nextLook.IsZero() && !p.past.Repeat && p.allowed() && !p.now.Before(last.Add(period-margin))
}

// nextLook returns when the scans will have been looked at again at the latest: after
// the longest wait, or by the invocation of the next tick if this invocation ends
// before, since it does not begin a wait that it cannot finish.
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

// wait returns the time until the next round: about the poll interval. If the next look
// is later, it is the time until that look, but not beyond the run's deadline.
func (v *invocation) wait() time.Duration {
	now := v.o.Now()
	wait := v.o.PollInterval/2 + rand.N(v.o.PollInterval)
	if longer := v.run.NextLook.Sub(now); longer > wait {
		wait = max(wait, min(longer, v.run.Deadline.Sub(now)))
	}
	return wait
}
