package forward

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"runecast-ingest/internal/arrival"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/grail"
)

const (
	// queryTime is the most time that one query may take.
	queryTime = 2 * time.Minute
	// maxGap is the largest gap in time between two scans of one query: Grail would read,
	// and Dynatrace bill, the rows of a larger gap for nothing.
	maxGap = 15 * time.Minute
)

// ask asks Grail about all scans that are due. After the first error it asks no more,
// since the other queries would fail as well; the next call asks again.
func (v *verification) ask(ctx context.Context) {
	slices.SortFunc(v.due, func(a, b *asked) int {
		return cmp.Or(a.from.Compare(b.from), strings.Compare(a.scan.ScanID, b.scan.ScanID))
	})
	var failed error
	for rest := v.due; len(rest) > 0; {
		group := together(rest)
		rest = rest[len(group):]
		if failed == nil {
			failed = v.askGroup(ctx, group)
		}
		if failed == nil {
			continue
		}
		for _, a := range group {
			now := arrival.Unanswered(a.before, failed.Error())
			a.scan.Arrival = &now
		}
	}
	v.answer.Asked = len(v.due)
	if failed != nil {
		v.answer.Reasons = append(v.answer.Reasons, failed.Error())
		v.f.o.Log.WarnContext(ctx, "Grail did not say what has arrived", "scans", len(v.due), "class", fault.ClassOf(failed), "error", failed.Error())
	}
}

// together returns the first of the scans, sorted by time, that share one query: at
// most grail.MaxScans, and none more than maxGap behind those before it.
func together(due []*asked) []*asked {
	to := due[0].to
	for i, a := range due {
		if i == grail.MaxScans || a.from.After(to.Add(maxGap)) {
			return due[:i]
		}
		if a.to.After(to) {
			to = a.to
		}
	}
	return due
}

// askGroup asks Grail about some scans by one query, and sets their arrivals.
func (v *verification) askGroup(ctx context.Context, group []*asked) error {
	now := v.f.o.Now()
	stop := now.Add(queryTime)
	if v.win.Soft.Before(stop) {
		stop = v.win.Soft
	}
	if !now.Before(stop) {
		return &fault.Error{Class: fault.Retry, What: "no time was left to ask Grail in this invocation", Cure: "none is needed: it is asked again"}
	}
	q := grail.Scans{From: group[0].from, To: group[0].to, Bucket: v.f.o.GrailBucket}
	for _, a := range group {
		q.IDs = append(q.IDs, a.scan.ScanID)
		if a.to.After(q.To) {
			q.To = a.to
		}
	}
	v.answer.Queries++
	counted, err := v.f.o.Grail.Count(ctx, q, stop)
	if err != nil {
		return err
	}
	v.answer.ScannedBytes += counted.ScannedBytes
	for _, a := range group {
		c := counted.Scans[a.scan.ScanID]
		at := arrival.Judge(a.before, arrival.Found(c), v.f.o.Now())
		a.scan.Arrival, a.answered, a.blind = &at, true, len(counted.Scans) == 0
	}
	return nil
}
